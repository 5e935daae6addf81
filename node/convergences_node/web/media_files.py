# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pictures and documents of records, for browsers: `GET /media/<sha256>`.

What a file is, its own first bytes say, whatever a record says of it; anything but a picture that browsers show and a
PDF is no file here. A picture is shown, a document is saved: neither may run, frame, or fetch anything. A file is kept
by browsers for seven days, no longer than an erasure takes to be done everywhere.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from convergences_node.blobs.store import Readers
from convergences_node.media.sniff import EXTENSIONS, HEAD_BYTES, type_of
from convergences_node.web.asking import town_of
from convergences_node.web.blob_files import NOTHING_POLICY
from convergences_node.web.etag import CACHE_WEEK
from convergences_node.web.problems import Problem


async def media_show(request: web.Request) -> web.StreamResponse:
    """A picture or a document of a record, by its SHA-256.

    A WebP, JPEG, PNG or AVIF picture to be shown, or a PDF to be saved. Not found while this node has not received it.
    """
    digest = request.match_info["digest"]
    blob = await town_of(request).blobs.find(bytes.fromhex(digest))
    if blob is None or blob.readers is not Readers.PUBLIC:
        raise Problem("not-found")
    media = await asyncio.to_thread(_type_of, blob.path)
    if media is None:
        raise Problem("not-found")
    inline = f'inline; filename="{digest[:12]}.{EXTENSIONS[media]}"'
    return web.FileResponse(
        blob.path,
        headers={
            "Content-Type": media,
            # Without a name of ours the link's own, in the reader's words, is what it is saved under.
            "Content-Disposition": inline if media.startswith("image/") else "attachment",
            "Content-Security-Policy": NOTHING_POLICY,
            "Cache-Control": CACHE_WEEK,
        },
    )


def _type_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return type_of(file.read(HEAD_BYTES))
    except FileNotFoundError:
        return None
