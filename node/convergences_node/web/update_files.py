# SPDX-License-Identifier: AGPL-3.0-or-later
"""The release of the program that this node offers to the towns of its agglomeration: `GET /update/release`."""

from __future__ import annotations

import asyncio

from aiohttp import web
from convergences_protocol.release import RELEASE_BYTES_MAX

from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_NEVER
from convergences_node.web.problems import Problem
from convergences_node.web.route import NOTE


async def release_show(request: web.Request) -> web.StreamResponse:
    """The release of the program that is offered to towns: a signed note (docs/updates.md).

    The packages that it names are files by their digest, for the nodes of the charter.
    """
    path = town_of(request).web_settings.release_offered
    try:
        if path is None:
            raise Problem("not-found")
        with await asyncio.to_thread(path.open, "rb") as file:
            body = await asyncio.to_thread(file.read, RELEASE_BYTES_MAX)
    except OSError:
        raise Problem("not-found") from None
    headers = {"Content-Type": f"{NOTE}; charset=utf-8", "Cache-Control": CACHE_NEVER}
    return web.Response(body=body, headers=headers)
