# SPDX-License-Identifier: AGPL-3.0-or-later
"""The stylesheet, the icon and the scripts, under names that change with their content, so that a browser keeps them
for ever.

Scripts are built (`front/hatch_build.py`) and may be absent: a page asks `address_if_built` and goes without. Each file
is read and compressed once, when it is first asked for.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import web

from convergences_node.web.etag import CACHE_FOREVER, conditional
from convergences_node.web.problems import Problem

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "js": "text/javascript; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
FOLDERS = ("static", "built")
"""What is kept in git, and what is built."""
GZIP_LEVEL_ONCE = 9
"""Done once a file: a tenth smaller than what a page is given each time."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served."""

    name: str
    media: str
    body: bytes
    zipped: bytes

    @property
    def versioned(self) -> str:
        stem, _, suffix = self.name.rpartition(".")
        return f"{stem}.{hashlib.sha256(self.body).hexdigest()[:8]}.{suffix}"


@cache
def _file(name: str) -> File | None:
    """A file by its plain name; None where it was not built."""
    for folder in FOLDERS:
        path: Traversable = resources.files(__package__).joinpath(folder, name)
        if path.is_file():
            body = path.read_bytes()
            return File(name, MEDIA_TYPES[name.rpartition(".")[2]], body, gzip.compress(body, GZIP_LEVEL_ONCE, mtime=0))
    return None


@cache
def address_if_built(name: str) -> str | None:
    """Where a page finds this file; None where it was not built."""
    file = _file(name)
    return f"/static/{file.versioned}" if file else None


def body_if_built(name: str) -> bytes | None:
    """The file itself, for what has its own address; None where it was not built."""
    file = _file(name)
    return file.body if file else None


def address(name: str) -> str:
    """Where a page finds this file, which is always there."""
    found = address_if_built(name)
    assert found is not None, name
    return found


async def static_show(request: web.Request) -> web.Response:
    """A file that pages need: the stylesheet, the icon, a script.

    Its name changes with its content, so it may be kept for ever.
    """
    asked = request.match_info["name"]
    stem, _, suffix = asked.rpartition(".")
    name = f"{stem.rpartition('.')[0]}.{suffix}"
    file = _file(name) if name in _names() else None
    if file is None or asked != file.versioned:
        raise Problem("not-found")
    return conditional(request, file.body, file.media, cache=CACHE_FOREVER, zipped=file.zipped)


@cache
def _names() -> frozenset[str]:
    """What there is: no name that a stranger makes up is looked for on the disk, or remembered."""
    folders = (resources.files(__package__).joinpath(folder) for folder in FOLDERS)
    files = (file.name for folder in folders if folder.is_dir() for file in folder.iterdir())
    return frozenset(name for name in files if name.rpartition(".")[2] in MEDIA_TYPES)
