# SPDX-License-Identifier: AGPL-3.0-or-later
"""The stylesheet and the icon, under names that change with their content, so that a browser keeps them for ever.

Read once when the module is first used: a page names them by `address("style.css")`.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from aiohttp import web

from convergences_node.web.etag import CACHE_FOREVER, conditional
from convergences_node.web.problems import Problem

MEDIA_TYPES = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


@cache
def _files() -> dict[str, bytes]:
    folder = resources.files(__package__).joinpath("static")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in MEDIA_TYPES}


@cache
def versioned(name: str) -> str:
    """The name under which a file is served: `style.1a2b3c4d.css`."""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(_files()[name]).hexdigest()[:8]}.{suffix}"


def address(name: str) -> str:
    """Where a page finds this file."""
    return f"/static/{versioned(name)}"


async def static_show(request: web.Request) -> web.Response:
    """A file that pages need: the stylesheet, the icon.

    Its name changes with its content, so it may be kept for ever.
    """
    asked = request.match_info["name"]
    for name, body in _files().items():
        if asked == versioned(name):
            return conditional(request, body, MEDIA_TYPES[name.rpartition(".")[2]], cache=CACHE_FOREVER)
    raise Problem("not-found")
