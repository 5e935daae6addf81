# SPDX-License-Identifier: AGPL-3.0-or-later
"""A second process that indexes for a node: `python -m convergences_node.index <folder>`. The node's side of it is
`helping.py`.

Checking and writing a backlog keeps one interpreter busy; so does indexing it. The node lends its index to this
process, which reads the archive (and cannot write it), takes in whatever is new, and runs only when the node leaves a
processor idle: what is stored is safe, and what is searchable a little later is only late. Where there are two
processors, a child of it reads ahead (`reading_ahead.py`).
It is told once, by a line of JSON on its standard input, which file to write, which logs speak and how far one's own
logs are revealed, and by a second line when to begin; it goes on until that input is closed, then takes in the rest and
ends. Each line on its standard output says that it got further, and how many entries it has taken in by then. It may
be killed at any moment: what it had not committed is taken in again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from convergences_node.allocating import collect_seldom
from convergences_node.archive.model import Event
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.revealed import Revealed
from convergences_node.index import store
from convergences_node.index.following import Follower
from convergences_node.index.keeper import Keeper
from convergences_node.index.occurrences import Horizon
from convergences_node.index.reading_ahead import ReadingAhead, reading_ahead
from convergences_node.index.views import Progress

T = TypeVar("T")

NICE = 19
"""The lowest priority there is, where the system has none that is idle altogether."""
PORTION_OBJECTS = 50_000
"""A portion makes that many, in no cycles; by default they would be looked through seventy times meanwhile."""
LOOK_SECONDS = 0.1
"""How long to wait for more when all that is there has been taken in."""


class _Door:
    """The archive, for reading only, in this process."""

    def __init__(self, folder: Path, revealed: Mapping[str, int]) -> None:
        shown = Revealed()
        self._reader = ArchiveReader.open(folder, shown)
        for number, size in revealed.items():
            shown.hold(int(number), size)

    async def read(self, ask: Callable[[ArchiveReader], T]) -> T:
        with self._reader.snapshot():
            return ask(self._reader)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        return lambda: None

    def close(self) -> None:
        self._reader.close()


async def index_until(
    folder: Path,
    told: Mapping[str, Any],
    begin: Callable[[], None],
    finish: threading.Event,
    ahead: ReadingAhead | None,
) -> None:
    """Be ready; once `begin` returns, take in what comes until `finish` is set and nothing is left."""
    door, keeper, horizon = _Door(folder, told["revealed"]), Keeper(folder), Horizon.around(int(told["now"]))
    keeper.take_over(told["file"], horizon)
    follower = Follower(door, keeper, _at_once, helping=True, ahead=ahead)
    follower.speakers = {
        territory: [(origin, upto) for origin, upto in logs] for territory, logs in told["speakers"].items()
    }
    store.expect_much(keeper.projection.db)
    taken = 0

    def say(progress: Progress) -> None:
        _say(taken + progress.done)

    try:
        begin()
        while True:
            finishing = finish.is_set()
            more = await follower.catch_up(horizon, say)
            taken += more
            if not more:
                if finishing:
                    break
                time.sleep(LOOK_SECONDS)  # noqa: ASYNC251 - there is no loop, and nothing else to do
        _say("settling")
        store.settle(keeper.projection.db)
    finally:
        keeper.close()
        door.close()


def _say(step: int | str) -> None:
    """Let the node know that this process lives and works: how many entries it has taken in, or what it does then."""
    print(step, flush=True)


async def _at_once(work: Callable[[], T]) -> T:
    """Nothing else runs in this process: what is to be written is written here and now."""
    return work()


def run_through(work: Coroutine[None, None, None]) -> None:
    """Run what is written to wait where nothing does, without an event loop: to load one takes a fifth of the start."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("something in this process waits for an event loop")


def _until_closed(finish: threading.Event) -> None:
    sys.stdin.read()
    finish.set()


def main() -> None:
    """Index the folder named on the command line."""
    folder = Path(sys.argv[1])
    give_way()
    collect_seldom(PORTION_OBJECTS)
    ahead = reading_ahead(folder)
    told = json.loads(sys.stdin.readline())
    finish = threading.Event()

    def begin() -> None:
        sys.stdin.readline()
        threading.Thread(target=_until_closed, args=(finish,), daemon=True).start()

    run_through(index_until(folder, told, begin, finish, ahead))
    if ahead is not None:
        ahead.close()


def give_way() -> None:
    """Have the system run this process, and those that it starts, only while nobody else would run."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return
    os.nice(NICE)


if __name__ == "__main__":
    main()
