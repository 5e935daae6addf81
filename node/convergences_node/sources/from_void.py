# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of a source that is a server of linked data, such as SemApps or Archipelago: it says at `/.well-known/void`
which LDP containers it has; each is fetched whole, and all are read as one archive of PAIR (`linked/pair_import.py`).

All or nothing: a container that cannot be fetched or is cut is not an empty one, and nothing is taken then. Only what
is on the same server is fetched; what it asks not to be mirrored is not. Bounded: containers, pages of each, bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import msgspec
from convergences_protocol.errors import Fault

from .bringing import declared_digest
from .declaration import PAIR, Where, sources_folder
from .fetching import CHUNK_BYTES, SECONDS_MAX, Bounds, FetchFailed, asking
from .from_linked import LinkedRun, digest_of, with_contexts
from .memory import State

if TYPE_CHECKING:
    import aiohttp

WELL_KNOWN = "/.well-known/void"
VOID_BYTES_MAX = 1024**2
CONTAINERS_MAX = 64
"""Archipelago has sixteen."""
PAGES_MAX = 200
"""Of one container, where a server gives it in pages (LDP Paging 1.0)."""
ACCEPT_VOID = "application/ld+json"
ACCEPT = "text/turtle, application/ld+json;q=0.9"
"""Turtle names everything in full; a JSON-LD document may need a context that only its server has."""


class VoidRun(LinkedRun):
    """Of a server of linked data."""

    async def run(self) -> State:
        """Do it, and answer how the source is now. Raises `FetchFailed`, `Held`."""
        folder = sources_folder(self._town.folder)
        declared = await asyncio.to_thread(declared_digest, self._town.folder, self._declaration)
        with TemporaryDirectory(dir=folder, prefix=f".{self._name}.") as name:
            paths = await fetch_containers(self._declaration.where, self._town.config.http.public_url, Path(name))
            found = self._found(await asyncio.to_thread(digest_of, paths) + declared, PAIR)
            if found.outcome == "unchanged":
                return found
            return await self._take_in(paths, found)


async def fetch_containers(where: Where, contact: str, folder: Path, *, first_pages: bool = False) -> list[Path]:
    """Every container, page by page, each page in a file; or, to be looked at, the first page of each. Raises
    `FetchFailed`."""
    base, left = str(where.void).rstrip("/"), where.bytes_max
    paths: list[Path] = []
    async with asking(Bounds(left, SECONDS_MAX), private=where.private, contact=contact, keep=True) as session:
        said, _, _ = await _get(session, base + WELL_KNOWN, ACCEPT_VOID, min(VOID_BYTES_MAX, left))
        for container in containers(said, base):
            address: str | None = container
            for _ in range(1 if first_pages else PAGES_MAX):
                if address is None:
                    break
                data, media, address = await _get(session, address, ACCEPT, left)
                left -= len(data)
                path = folder / f"{len(paths):05}.{'ttl' if media == 'text/turtle' else 'jsonld'}"
                await asyncio.to_thread(path.write_bytes, data if path.suffix == ".ttl" else with_contexts(data))
                paths.append(path)
            if address is not None and not first_pages:
                raise FetchFailed(Fault("source", "source_pages", {"limit": PAGES_MAX}))
    return paths


def containers(document: bytes, base: str) -> Iterator[str]:
    """The addresses of the containers that a VoID description in JSON-LD names, those of this server.

    Raises `FetchFailed` for what is no such description.
    """
    try:
        said = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise FetchFailed(Fault("source", "source_wrong", {"reason": "its VoID description is not JSON-LD"})) from None
    found: dict[str, None] = {}
    for node in _nodes(said):
        spaces, entities = node.get("uriSpace", []), node.get("entities", [])
        if "class" not in node or not spaces or node.get("doNotMirror", [False])[0] in (True, "true"):
            continue
        address = urljoin(f"{base}/", spaces[0]) if isinstance(spaces[0], str) else ""
        if urlsplit(address).netloc == urlsplit(base).netloc and (entities or ["?"])[0] not in (0, "0"):
            found[address] = None
    if not found or len(found) > CONTAINERS_MAX:
        reason = f"its VoID description names {len(found)} containers that may be read"
        raise FetchFailed(Fault("source", "source_wrong", {"reason": reason}))
    yield from found


def _nodes(value: Any) -> Iterator[dict[str, list[Any]]]:
    """Every object of a JSON-LD document: its values by the last word of each property's name."""
    waiting = [value]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
            yield {name.rpartition("#")[2].rpartition(":")[2]: _values(given) for name, given in one.items()}


def _values(given: Any) -> list[Any]:
    values = given if isinstance(given, list) else [given]
    return [one.get("@value", one.get("@id")) if isinstance(one, dict) else one for one in values]


async def _get(
    session: aiohttp.ClientSession, address: str, accept: str, bytes_max: int
) -> tuple[bytes, str, str | None]:
    """What is at an address, its type, and where its next page is. Raises `FetchFailed`."""
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    async with session.get(address, headers=headers, allow_redirects=False) as response:
        if response.status != 200:
            raise FetchFailed(Fault("source", "source_status", {"status": response.status}))
        data = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            data += chunk
            if len(data) > bytes_max:
                raise FetchFailed(Fault("source", "source_large", {"limit": bytes_max}))
        following = response.links.get("next")
        to = urljoin(address, str(following["url"])) if following else None
        is_here = to is not None and urlsplit(to).netloc == urlsplit(address).netloc
        return bytes(data), response.content_type, to if is_here else None
