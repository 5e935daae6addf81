# SPDX-License-Identifier: AGPL-3.0-or-later
"""Search by HTTP beside Datasette: the same rows, the same questions, the same connections, in turns.

Each server runs in a process of its own. Ours is the real web application over an index that the projection's own path
made (`search.py`); its answers are whole: the elements' cards, their count, the coverage of forty towns. Datasette
answers the few columns that the SQL names. Answers are made anew for each question, but for what the node remembers
while nothing is written (`remembered.py`): the tags of a filter's values, and the counts of a territory. There are
fewer territories than it remembers counts of, so that figure is of remembered counts. Rates depend on the machine and
on who else uses it, ratios much less.
`python -m benchmarks search`; to keep what was built: `python -m benchmarks.search_http --keep FOLDER`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import datasette, search_node
from benchmarks.figures import Figure, show, write
from benchmarks.load import Load
from benchmarks.questions import questions
from benchmarks.search import COUNTS, prepare
from benchmarks.server import Server, running
from benchmarks.world import free_port

SECONDS = 4.0
"""Of each question, for each server."""
ROUNDS = 4
PATHS = 400
"""Different addresses of each question, asked in turn."""
WARM_SECONDS_MAX = 60.0
"""To ask every address once before any is counted. A file of some gigabytes that was just written is not in memory, and
what is measured is the servers."""
RATIO_WANTED = 3
LATE_MS_MAX = 100
FACET_AND_BOX = ("territory + kind + dates, 20", "theme + territory + dates, 20", "box 0.2 deg + kind, 20")
"""What is to be answered at three times Datasette's rate."""
WORST = "two frequent words, best 20"


def measure(scratch: Path, counts: Sequence[int] = COUNTS, seconds: float = SECONDS) -> Iterator[Figure]:
    """Build what is not there yet in `scratch`, then ask both servers."""
    scratch.mkdir(parents=True, exist_ok=True)
    absent = datasette.install(scratch / "datasette")
    if absent:
        print(f"without the reference: {absent}", file=sys.stderr)
    for count in counts:
        index, reference, found = prepare(count, scratch)
        yield from found
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(_ours(_node(scratch, index)))
            theirs = None if absent else stack.enter_context(_theirs(scratch / "datasette", reference))
            yield from _compare(ours, theirs, count, seconds)


def _node(scratch: Path, index: Path) -> Path:
    """A node's folder with this index in it."""
    folder = scratch / f"node-of-{index.stem}"
    if not folder.exists():
        asyncio.run(search_node.make(folder))
        (folder / "index.db").hardlink_to(index)
    return folder


def _ours(node: Path) -> contextlib.AbstractContextManager[Server]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.search_node", str(node), str(port)]
    return running(command, port, {name: [_our_path(name, seed) for seed in _SEEDS] for name in questions(0)})


def _theirs(installed: Path, database: Path) -> contextlib.AbstractContextManager[Server]:
    port = free_port()
    paths = {name: [_their_path(database, name, seed) for seed in _SEEDS] for name in questions(0)}
    return running(datasette.command(installed, database, port), port, paths)


_SEEDS = [number * 97 + 5 for number in range(PATHS)]


def _our_path(name: str, seed: int) -> str:
    question = questions(seed)[name]
    return f"/api/v1/{'facets' if question.facets else 'search'}?{urlencode(question.query.to_params())}"


def _their_path(database: Path, name: str, seed: int) -> str:
    question = questions(seed)[name]
    return datasette.path(database, question.sql, question.values)


def _compare(ours: Server, theirs: Server | None, count: int, seconds: float) -> Iterator[Figure]:
    """Each question of each server in turn, there and back, for who comes second on a busy machine fares worse; then
    the figures."""
    servers = [ours] if theirs is None else [ours, theirs]
    for name in questions(0):
        for server in servers:
            server.warmed(name, WARM_SECONDS_MAX)
        for turn in range(ROUNDS):
            for server in servers if turn % 2 else reversed(servers):
                server.asked(name, seconds / ROUNDS)
        yield from _figures(f"{name}, of {count:,} by HTTP", name, *(server.loads[name] for server in servers))


def _figures(title: str, name: str, mine: Load, theirs: Load | None = None) -> Iterator[Figure]:
    """Requests a second, processor a request; and for the worst question, how late its latest answers are."""
    reference = "Datasette" if theirs else "Datasette is not there"
    is_judged = name in FACET_AND_BOX
    wanted = f"{RATIO_WANTED} times" if is_judged else ""
    reached = mine.rate >= RATIO_WANTED * theirs.rate if theirs and is_judged else None
    yield Figure(title, mine.rate, "a second", theirs.rate if theirs else None, reference, wanted, reached)
    yield Figure(f"{title}: processor", mine.cpu_ms, "ms each", theirs.cpu_ms if theirs else None, reference)
    if name == WORST:
        late = mine.percentile_ms(0.99)
        than = theirs.percentile_ms(0.99) if theirs else None
        yield Figure(f"{title}: p99", late, "ms", than, reference, f"under {LATE_MS_MAX}", late < LATE_MS_MAX)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each question, for each server")
    parser.add_argument("--keep", type=Path, help="keep the files here, and use those of an earlier run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = list(measure(options.keep or Path(scratch), options.records, options.seconds))
    show(figures)
    write(figures, "search-http")


if __name__ == "__main__":
    main()
