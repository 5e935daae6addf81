# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of a source that is a server of linked data, such as SemApps or Archipelago: it says at `/.well-known/void`
which LDP containers it has; each is fetched whole, and all are read as one archive of PAIR (`linked/pair_import.py`).

All or nothing: a container that cannot be fetched or is cut is not an empty one, and nothing is taken then. Only what
is on the same server is fetched; what it asks not to be mirrored is not. Bounded: containers, pages of each, bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import msgspec
from convergences_protocol.errors import Fault, LocalError
from msgspec.structs import replace

from convergences_node.archive.beside import source_key
from convergences_node.imports.contexts import NotBundled
from convergences_node.imports.contexts import load as context_at
from convergences_node.imports.verb import desk_of

from .bringing import declared_digest
from .declaration import Where, sources_folder
from .fetching import CHUNK_BYTES, SECONDS_MAX, Bounds, FetchFailed, asking
from .losses import Losses
from .memory import State
from .running import REFUSED_KEPT_MAX, Held, Runner

if TYPE_CHECKING:
    import aiohttp

    from convergences_node.linked.pair_import import Bringing

WELL_KNOWN = "/.well-known/void"
VOID_BYTES_MAX = 1024**2
CONTAINERS_MAX = 64
"""Archipelago has sixteen."""
PAGES_MAX = 200
"""Of one container, where a server gives it in pages (LDP Paging 1.0)."""
ACCEPT_VOID = "application/ld+json"
ACCEPT = "text/turtle, application/ld+json;q=0.9"
"""Turtle names everything in full; a JSON-LD document may need a context that only its server has."""
FORMAT = "pair"


class VoidRun(Runner):
    """Of a server of linked data."""

    async def run(self) -> State:
        """Do it, and answer how the source is now. Raises `FetchFailed`, `Held`."""
        folder, before = sources_folder(self._town.folder), self._before
        declared = await asyncio.to_thread(declared_digest, self._town.folder, self._declaration)
        with TemporaryDirectory(dir=folder, prefix=f".{self._name}.") as name:
            paths = await fetch_containers(self._declaration.where, self._town.config.http.public_url, Path(name))
            found = replace(
                before,
                outcome="imported",
                failures=0,
                reason=None,
                digest=await asyncio.to_thread(_digest, paths) + declared,
                format=FORMAT,
            )
            if found.digest == before.digest and not self._asked.whole:
                return replace(found, outcome="unchanged")
            return await self._take_in(paths, found)

    async def _take_in(self, paths: list[Path], found: State) -> State:
        """Look, hold back if need be, write, end what disappeared, remember."""
        from convergences_node.linked.pair_elements import Reading
        from convergences_node.linked.pair_graph import Graph
        from convergences_node.linked.pair_import import Bringing

        said = {"licence": self._declaration.licence, "language": self._declaration.language}
        try:
            graph = await asyncio.to_thread(Graph, paths)
        except LocalError as error:
            raise FetchFailed(Fault("source", "source_wrong", {"reason": str(error)[:300]})) from None
        with graph:
            reading = Reading(graph, ZoneInfo(self._town.config.http.timezone))
            desk = desk_of(self._town, {})
            told = {name: value for name, value in said.items() if value}
            bringing = Bringing(self._town, desk, reading, self._asked.dry_run, told)
            await bringing.name_all()
            return await self._hold_up(bringing, found)

    async def _hold_up(self, bringing: Bringing, found: State) -> State:
        keys = {source_key(*each) for each in bringing.remembered()}
        if not keys:
            raise Held(Fault("source", "source_empty"))
        before = [key for page in self._memory.pages(self._name) for key in page]
        missing = [key for key in before if key not in keys]
        losses = Losses(self._town, self._memory, self._name, self._declaration, self._asked)
        await losses.look(missing)
        report = await bringing.write_all(self._tell)
        gone = await losses.end(missing, self._declaration.gone)
        if not self._asked.dry_run:
            await asyncio.to_thread(self._memory.replace_rows, self._name, keys)
        kept = report | {name: report[name][:REFUSED_KEPT_MAX] for name in ("refused", "not_held")}
        return replace(found, rows=len(keys), report=kept, gone=dict(gone), beside=bringing.authoring.beside)


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


def with_contexts(data: bytes) -> bytes:
    """A JSON-LD document with the contexts inside that it only names. Raises `FetchFailed` for one unknown here."""
    try:
        document = msgspec.json.decode(data)
        if isinstance(document, dict) and "@context" in document:
            given = document["@context"]
            named = given if isinstance(given, list) else [given]
            document["@context"] = [
                context_at(each)["document"]["@context"] if isinstance(each, str) else each for each in named
            ]
        return msgspec.json.encode(document)
    except NotBundled as error:
        reason = f"its context {error.address[:200]} is not known here"
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        reason = "a container is not JSON-LD, or was cut"
    raise FetchFailed(Fault("source", "source_wrong", {"reason": reason}))


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


def _digest(paths: list[Path]) -> str:
    whole = sha256()
    for path in paths:
        whole.update(sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:40]
