# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first things of a source that says itself what it holds, as they would be here: another node, or linked data.

Nothing is written, and no more is fetched than is looked at: of a node's logs the newest records, each checked against
its author's signature and its body's digest; of a server of linked data the first page of each container. Whatever an
element names is told by its name where that came along.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from convergences_protocol.errors import Fault, LocalError, RemoteError
from convergences_protocol.kinds import KINDS, check
from msgspec.structs import replace

from convergences_node.faults import fault_to_json
from convergences_node.imports.verb import desk_of
from convergences_node.network.http_tiles import Gone

from .declaration import PAIR, Where, sources_folder
from .fetching import SECONDS_MAX, Bounds, FetchFailed, asking, getting
from .from_linked import unread
from .from_void import VOID_BYTES_MAX, containers, fetch_containers
from .node_logs import FORMAT as NODE
from .node_logs import READABLE, Reading
from .spool import Spool, Word

if TYPE_CHECKING:
    from convergences_node.params import Json
    from convergences_node.town import Town

LOOKED_AT_MAX = 200
BYTES_MAX = 32 * 1024**2
"""Of a look; a run may fetch what the declaration allows."""
PREVIEW = ".preview"


@dataclass(slots=True)
class LookedAt:
    """What there was to see: `elements` as `source_preview` answers them, each kind in turn."""

    format: str
    elements: list[dict[str, Json]] = field(default_factory=list)
    not_held: list[dict[str, Json]] = field(default_factory=list)
    """Of linked data: what no kind can hold, how often, with an example."""


async def look_at(town: Town, where: Where) -> LookedAt:
    """The first things of a server. Raises `FetchFailed`."""
    where = replace(where, bytes_max=min(where.bytes_max, BYTES_MAX))
    return await (_at_node(town, where) if where.node is not None else _at_containers(town, where))


def format_of(where: Where) -> str:
    """What a server of this sort speaks."""
    return NODE if where.node is not None else PAIR


async def server_at(town: Town, url: str, *, private: bool) -> Where | None:
    """What answers at the root of a server: a node, a server of linked data; None for another address, or another
    server. Raises `FetchFailed` where nothing may be asked or nobody answers."""
    parts = urlsplit(url)
    if parts.path not in ("", "/") or parts.query:
        return None
    base = f"{parts.scheme}://{parts.netloc}"
    contact = town.config.http.public_url
    async with asking(Bounds(BYTES_MAX, SECONDS_MAX), private=private, contact=contact, keep=True) as session:
        fetch = getting(session, f"{base}/", BYTES_MAX)
        try:
            with Spool(None) as spool:
                await Reading(fetch, spool, READABLE, (), {}).meant()
            return Where(node=base, private=private)
        except (RemoteError, Gone, FetchFailed) as error:
            _unless_closed(error)
        try:
            list(containers(await fetch(".well-known/void", VOID_BYTES_MAX), base))
        except (RemoteError, Gone, FetchFailed) as error:
            _unless_closed(error)
            return None
    return Where(void=base, private=private)


def _unless_closed(error: Exception) -> None:
    """Another server's answer is an answer: no node, no such description. That there is none is not."""
    if isinstance(error, FetchFailed) and error.fault.code not in ("source_status", "source_wrong", "source_large"):
        raise error


# ------------------------------------------------------------------------------------------------------------- a node
async def _at_node(town: Town, where: Where) -> LookedAt:
    contact = town.config.http.public_url
    kinds = frozenset(where.kinds) & READABLE if where.kinds else READABLE
    async with asking(
        Bounds(where.bytes_max, SECONDS_MAX), private=where.private, contact=contact, keep=True
    ) as session:
        fetch = getting(session, f"{str(where.node).rstrip('/')}/", where.bytes_max)
        with Spool(None) as spool:
            try:
                await Reading(fetch, spool, kinds, where.territories, {}).look()
            except FetchFailed:
                raise
            except (RemoteError, Gone) as error:
                raise FetchFailed(Fault("source", "source_wrong", {"reason": str(error)[:300]})) from None
            words = [word for page in spool.pages() for word in page if word.fields is not None]
    return LookedAt(format_of(where), list(_of_words(words)))


def _of_words(words: Iterable[Word]) -> Iterator[dict[str, Json]]:
    found = {word.element: word for word in words}
    names = {
        element: str(word.fields["name"]) for element, word in found.items() if word.fields and "name" in word.fields
    }
    newest = sorted(found.values(), key=lambda word: word.element, reverse=True)
    for number, word in enumerate(_in_turn(newest, lambda word: word.kind), 1):
        assert word.fields is not None, "what is gone was left out"
        fields = {name: value for name, value in word.fields.items() if name in KINDS[word.kind].by_name}
        faults = check(KINDS[word.kind], fields)
        yield _told(number, word.kind, fields, faults, names)


# -------------------------------------------------------------------------------------------------------- linked data
async def _at_containers(town: Town, where: Where) -> LookedAt:
    folder = sources_folder(town.folder)
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=PREVIEW) as name:
        paths = await fetch_containers(where, town.config.http.public_url, Path(name), first_pages=True)
        return await of_graph(town, paths)


async def of_graph(town: Town, paths: list[Path]) -> LookedAt:
    """What these documents hold. Raises `FetchFailed`."""
    from convergences_node.linked.pair_elements import Reading as PairReading
    from convergences_node.linked.pair_graph import Graph
    from convergences_node.linked.pair_import import Bringing

    try:
        graph = await asyncio.to_thread(Graph, paths)
    except LocalError as error:
        raise unread(error) from None
    with graph:
        reading = PairReading(graph, ZoneInfo(town.config.http.timezone))
        bringing = Bringing(town, desk_of(town, {}), reading, True)
        await bringing.name_all()
        names = bringing.names()
        reads = await asyncio.to_thread(lambda: list(reading.elements()))
        elements = []
        for number, read in enumerate(_in_turn(reads, lambda read: read.kind), 1):
            found = bringing.judged(read)
            if found is not None:
                elements.append(_told(number, read.kind, *found, names))
        return LookedAt(PAIR, elements, reading.not_held.to_json())


# ------------------------------------------------------------------------------------------------------------- of both
def _in_turn(things: Iterable[Any], kind_of: Any) -> Iterator[Any]:
    """One of each kind, then the next of each: whoever looks at five sees more than five themes."""
    kinds: dict[str, list[Any]] = defaultdict(list)
    for one in things:
        kinds[kind_of(one)].append(one)
    order = [kind for kind in KINDS if kind in kinds]
    turns = (
        kinds[kind][at]
        for at in range(max(map(len, kinds.values()), default=0))
        for kind in order
        if at < len(kinds[kind])
    )
    return islice(turns, LOOKED_AT_MAX)


def _told(
    number: int, kind: str, fields: Mapping[str, Any], faults: list[Fault], names: Mapping[str, str]
) -> dict[str, Json]:
    if faults:
        return {"line": number, "refused": [fault_to_json(fault) for fault in faults]}
    return {
        "line": number,
        "kind": kind,
        "fields": {name: _named(value, names) for name, value in fields.items()},
        "left_out": [],
    }


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value
