# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files by their digest, for other nodes: `GET /blobs/<sha256>`, whole or in ranges (RFC 9110 section 14).

What is for nodes alone is given to one that proves to be one of the charter's (`blobs/over_http.py`); to anybody else
it is as if it were not here. A browser that comes here saves a file and shows nothing of it: pages have `/media/`.
"""

from __future__ import annotations

from aiohttp import web

from convergences_node.blobs.over_http import HEADER
from convergences_node.blobs.store import Readers
from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_NEVER, CACHE_WEEK
from convergences_node.web.problems import Problem
from convergences_node.web.route import BYTES

NOTHING_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


async def blob_show(request: web.Request) -> web.StreamResponse:
    """A file by its SHA-256, in ranges if they are asked for. Never changed under this address.

    A file that is kept for the cluster's nodes alone is given to a node that signs its question
    (`Convergences-Peer`, docs/protocol-blobs.md); for anybody else there is none.
    """
    digest = bytes.fromhex(request.match_info["digest"])
    blob = await town_of(request).blobs.shown(digest, request.headers.get(HEADER))
    if blob is None:
        raise Problem("not-found")
    return web.FileResponse(
        blob.path,
        headers={
            "Content-Type": BYTES,
            "Content-Disposition": "attachment",
            "Content-Security-Policy": NOTHING_POLICY,
            "Cache-Control": CACHE_WEEK if blob.readers is Readers.PUBLIC else CACHE_NEVER,
            "Vary": HEADER,
        },
    )
