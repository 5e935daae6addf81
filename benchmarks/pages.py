# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pages by HTTP: lists and elements over an archive of any size, beside a handler of files and Datasette's own pages.

A list is asked for a kind, a type and dates, or for words, with its filters and their counts. An element's page has its
fields, relations, history from the archive, and receipt. Each is asked for at addresses that were never asked for
before, and at a few that are asked for again, as the pages of a town are. What is judged is the processor that an
answer takes (requests a second on one core): unlike the rate, it does not count what the machine's others do.
`python -m benchmarks pages`; how all three grow: `python -m benchmarks.pages --records 10000 1000000 --keep FOLDER`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice, product
from pathlib import Path
from urllib.parse import quote, urlencode

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.index.index import Index

from benchmarks import datasette, search_node
from benchmarks.figures import Figure, show, write
from benchmarks.load import Load
from benchmarks.search import build_reference
from benchmarks.server import Server, running
from benchmarks.territory import ASKED_WORDS, RARE, elements
from benchmarks.world import free_port

COUNTS = (10_000, 100_000)
JUDGED = 100_000
"""Records at which the rate is judged."""
RATE_WANTED = 400
GROWTH_MAX = 3.0
SECONDS = 4.0
ROUNDS = 4
WARM_SECONDS = 0.5
AGAIN = 40
"""Addresses that are asked for again and again: the pages that a town's readers share."""
CHUNK = 1_000
IDS_PAGES = 20
TYPES = ("event", "project", "activity", "service")
NEW, KEPT = "never asked for before", "asked for again"

Loads = dict[str, Load]
"""By question."""


def measure(
    scratch: Path, counts: Sequence[int] = COUNTS, seconds: float = SECONDS, *, alone: bool = False
) -> Iterator[Figure]:
    """Build what is not there yet in `scratch`, then ask every size's servers in turn. `alone`: without Datasette."""
    scratch.mkdir(parents=True, exist_ok=True)
    absent = "it was not asked for" if alone else datasette.install(scratch / "datasette")
    if absent:
        print(f"without the reference: {absent}", file=sys.stderr)
    asked = _ask_all(scratch, counts, seconds, absent is None)
    for count, (ours, theirs) in zip(counts, asked, strict=True):
        for name, load in ours.items():
            yield from _figures(name, count, load, ours["a file"], theirs.get(name.partition(",")[0]))
    if len(counts) > 1:
        first, last = asked[0][0], asked[-1][0]
        for name in first:
            title = f"{name}: from {counts[0]:,} to {counts[-1]:,} records"
            yield from _growth(title, first[name], last[name], is_judged=NEW in name)


def _growth(title: str, first: Load, last: Load, *, is_judged: bool) -> Iterator[Figure]:
    """How many times longer the slow answers take, which was promised of pages that are made; and how many times more
    processor an answer takes, which a busy machine blurs less. A kept page is as many bytes from any archive."""
    late = last.percentile_ms(0.95) / first.percentile_ms(0.95)
    wanted, reached = (f"under {GROWTH_MAX:.0f}", late < GROWTH_MAX) if is_judged else ("", None)
    yield Figure(f"{title}, p95", late, "times", None, "", wanted, reached)
    yield Figure(f"{title}, processor", last.cpu_ms / first.cpu_ms, "times")


def _figures(name: str, count: int, mine: Load, file: Load, theirs: Load | None) -> Iterator[Figure]:
    title = f"{name}, of {count:,}"
    rate = 1e3 / mine.cpu_ms
    is_judged = count == JUDGED and name != "a file"
    reached = rate >= RATE_WANTED if is_judged else None
    wanted = f"at least {RATE_WANTED}" if is_judged else ""
    yield Figure(title, rate, "a second of one core", 1e3 / file.cpu_ms, "a file", wanted, reached)
    if theirs is not None:
        yield Figure(f"{title}: beside", rate, "a second of one core", 1e3 / theirs.cpu_ms, "Datasette")
    yield Figure(f"{title}: p95", mine.percentile_ms(0.95), "ms", theirs.percentile_ms(0.95) if theirs else None)


def _ask_all(scratch: Path, counts: Sequence[int], seconds: float, with_reference: bool) -> list[tuple[Loads, Loads]]:
    """What each server did, by question, size by size; each in turn, there and back, so that what others do on this
    machine meanwhile befalls all sizes alike."""
    with contextlib.ExitStack() as stack:
        sizes = [_servers(stack, scratch, count, with_reference) for count in counts]
        every = [server for size in sizes for server in size]
        for server in every:
            for name in server.paths:
                if NEW not in name:
                    server.asked(name, WARM_SECONDS)
            server.loads.clear()
        for turn, name in product(range(ROUNDS), dict.fromkeys(name for server in every for name in server.paths)):
            for server in every if turn % 2 else reversed(every):
                if name in server.paths:
                    server.asked(name, seconds / ROUNDS, once=NEW in name)
        return [(size[0].loads | size[1].loads, size[2].loads if with_reference else {}) for size in sizes]


def _servers(stack: contextlib.ExitStack, scratch: Path, count: int, with_reference: bool) -> list[Server]:
    """Ours over so many records, one of files, and perhaps the reference."""
    node = free_port()
    paths: dict[str, list[str]] = {}
    command = [sys.executable, "-m", "benchmarks.search_node", str(made(scratch, count)), str(node)]
    ours = stack.enter_context(running(command, node, paths))
    paths |= _our_paths(node)
    servers = [ours, stack.enter_context(_files(scratch, node))]
    if with_reference:
        servers.append(stack.enter_context(_reference(scratch, count)))
    return servers


def made(scratch: Path, count: int) -> Path:
    """A node's folder with so many records in its own log, taken into its index."""
    folder = scratch / f"pages-of-{count}"
    if not folder.exists():
        building = folder.with_suffix(".part")
        asyncio.run(_build(building, count))
        building.rename(folder)
    return folder


async def _build(folder: Path, count: int) -> None:
    await search_node.make(folder)
    async with await Archive.open(folder) as archive:
        source = elements(count * 4 // 5)
        while made := list(islice(source, CHUNK)):
            placed = await archive.append([NewRecord(each.kind, each.fields) for each in made])
            ids = [str(each.element) for each in placed]
            pairs = zip(ids[::4], ids[1::4], strict=False)
            await archive.append([NewRecord("relation", _relation(*pair)) for pair in pairs])
        async with await Index.open(folder, archive, follow=False) as index:
            await index.catch_up()


def _relation(subject: str, object_: str) -> dict[str, str]:
    return {"subject": subject, "predicate": "partner_of", "object": object_}


def _our_paths(port: int) -> dict[str, list[str]]:
    dice = random.Random(7)
    ids = list(dict.fromkeys(_ids(port)))
    dice.shuffle(ids)
    days = [f"2026-{month:02}-{day:02}" for month, day in product(range(1, 13), range(1, 29))]
    dated = [
        f"/?{urlencode({'kind': 'action', 'facet.type': type_, 'from': day})}" for type_, day in product(TYPES, days)
    ]
    words = [
        f"/?{urlencode({'q': f'n{number} {word}'})}"
        for number, word in zip(range(RARE), cycle(ASKED_WORDS), strict=False)
    ]
    for each in (dated, words):
        dice.shuffle(each)
    pages = [f"/e/{quote(each, safe=':')}" for each in ids]
    new = {"a list": dated, "a search": words, "an element": pages}
    return {f"{name}, {NEW}": each[AGAIN:] for name, each in new.items()} | {
        f"{name}, {KEPT}": each[:AGAIN] for name, each in new.items()
    }


def _ids(port: int) -> Iterator[str]:
    """Ids of elements here and there in the archive."""
    for number in range(IDS_PAGES):
        asked = {"q": ASKED_WORDS[number % len(ASKED_WORDS)], "from": f"2026-{number % 12 + 1:02}", "limit": "200"}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/search?{urlencode(asked)}") as answer:
            yield from (item["id"] for item in json.load(answer)["items"])


@contextlib.contextmanager
def _files(scratch: Path, node: int) -> Iterator[Server]:
    """A file of the size of a page."""
    folder = scratch / "files"
    folder.mkdir(exist_ok=True)
    with urllib.request.urlopen(f"http://127.0.0.1:{node}/?kind=action") as answer:
        (folder / "page.html").write_bytes(answer.read())
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.static_node", str(folder), str(port)]
    with running(command, port, {"a file": ["/page.html"]}) as server:
        yield server


def _reference(scratch: Path, count: int) -> contextlib.AbstractContextManager[Server]:
    """Datasette's page of a table, filtered and sorted as ours, of a search, and of a row."""
    database = scratch / f"reference-{count}.db"
    if not database.exists():
        build_reference(database, count)
    port, table = free_port(), f"/{database.stem}/records"
    days = [f"2026-{month:02}-{day:02}" for month, day in product(range(1, 13), range(1, 29))]
    lists = [
        f"{table}?{urlencode({'kind': type_, 'start__gte': day, '_sort': 'start', '_size': 20, '_nosuggest': 1})}"
        for type_, day in product(TYPES, days)
    ]
    searches = [
        f"{table}?{urlencode({'_search': f'n{number} {word}', '_size': 20, '_nosuggest': 1})}"
        for number, word in zip(range(RARE), cycle(ASKED_WORDS), strict=False)
    ]
    rows = [f"{table}/{number * 7 % count}" for number in range(2_000)]
    paths: Mapping[str, Sequence[str]] = {"a list": lists, "a search": searches, "an element": rows}
    return running(datasette.command(scratch / "datasette", database, port), port, paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each question, for each server")
    parser.add_argument("--keep", type=Path, help="keep the files here, and use those of an earlier run")
    parser.add_argument("--alone", action="store_true", help="without Datasette, for how pages grow only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = list(measure(options.keep or Path(scratch), options.records, options.seconds, alone=options.alone))
    show(figures)
    write(figures, "pages-http")


if __name__ == "__main__":
    main()
