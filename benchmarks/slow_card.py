# SPDX-License-Identifier: AGPL-3.0-or-later
"""A resident's save while a backlog streams in, on a card that takes 20 ms over every sync and does one at a time.

The node is a real process in a group of 400 MiB (`cage.py`); only its card is made up: every fsync and fdatasync of all
its processes waits (`slow_card.c`), those of the index and the triple store in the same queue as those of the archive.
What is written costs what it costs on this disk, and processors are this machine's. A save is timed from asking the
node, over its control socket, until it has answered that the record is durable.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from convergences_node.control import call

from .backlog import RECORDS, answers, joined_pair, wait_until, write_and_index
from .cage import NoCage, cage
from .figures import Figure
from .world import TOWN, durable_size, made_up, running, searchable_size

SYNC_MS = 20
LIMIT_MIB = 400
SAVE_MS_MAX = 300
PAUSE_SECONDS = 0.05
"""Between two saves: a town hall full of people, not an import."""
QUIET_SAVES = 50
SECONDS_MAX = 900
SOURCE = Path(__file__).with_suffix(".c")


def measure(scratch: Path, records: int = RECORDS) -> Iterator[Figure]:
    """How long saves take, with the backlog and without it, and what the backlog itself takes. Yields as it goes."""
    town, agglomeration = joined_pair(scratch)
    write_and_index(town, 0, records)
    whole = durable_size(town, TOWN)
    card = {"LD_PRELOAD": str(_compiled(scratch)), "CARD_MS": str(SYNC_MS), "CARD_TURN": str(scratch / "turn")}
    with _within() as within, running(agglomeration, within=within, environment=card):
        wait_until(lambda: answers(agglomeration), "the node answers")
        quiet = Saves(agglomeration)
        while len(quiet.seconds) < QUIET_SAVES:
            quiet.save()
        storing, indexing = Saves(agglomeration), Saves(agglomeration)
        with running(town):
            wait_until(lambda: durable_size(agglomeration, TOWN) > 1_000, "the backlog streams in")
            begun, before = time.perf_counter(), durable_size(agglomeration, TOWN)
            _save_until(storing, lambda: durable_size(agglomeration, TOWN) >= whole)
            stored = time.perf_counter() - begun
            _save_until(indexing, lambda: searchable_size(agglomeration, TOWN) >= whole)
    floor = 1000 * _one_sync(scratch, card)
    for name, saves in (
        ("with nothing else", quiet),
        ("while a backlog is stored", storing),
        ("while it is indexed", indexing),
    ):
        if saves.seconds:
            yield from _figures(name, saves, floor)
    yield Figure("a backlog stored meanwhile", (whole - before) / stored, "records/s")


class Saves:
    """Saves of one resident after another, and how long each took."""

    def __init__(self, folder: Path) -> None:
        self.seconds: list[float] = []
        self._folder = folder
        self._dice = random.Random(1)
        self._numbers = itertools.count(1_000_000)

    def save(self) -> None:
        """One, and the pause after it."""
        fields = made_up(next(self._numbers), self._dice).fields
        asked = time.perf_counter()
        call(self._folder, "add", {"kind": "action", "fields": fields})
        self.seconds.append(time.perf_counter() - asked)
        time.sleep(PAUSE_SECONDS)


def _save_until(saves: Saves, done: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + SECONDS_MAX
    while not done():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"not done after {SECONDS_MAX} s")
        saves.save()


def _figures(name: str, saves: Saves, floor: float) -> Iterator[Figure]:
    many = saves.seconds if len(saves.seconds) > 1 else 2 * saves.seconds
    late = 1000 * statistics.quantiles(many, n=20, method="inclusive")[-1]
    title = f"save {name}"
    yield Figure(f"{title}: median of {len(saves.seconds)}", 1000 * statistics.median(saves.seconds), "ms", floor,
                 "one sync of that card")  # fmt: skip
    yield Figure(f"{title}: 95th percentile", late, "ms", floor, "one sync of that card", f"under {SAVE_MS_MAX}",
                 late < SAVE_MS_MAX)  # fmt: skip


def _compiled(folder: Path) -> Path:
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise RuntimeError("nothing was measured: the slow card needs a C compiler")
    library = folder / "slow_card.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


@contextlib.contextmanager
def _within() -> Iterator[list[str]]:
    """What the node's command is put behind; nothing where memory cannot be bound, and that is said."""
    with contextlib.ExitStack() as stack:
        try:
            group = stack.enter_context(cage(LIMIT_MIB))
        except NoCage as error:
            print(f"without a limit of memory: {error}", file=sys.stderr)
            yield []
        else:
            yield group.command


def _one_sync(folder: Path, card: dict[str, str]) -> float:
    """Seconds of one sync of that card, as a process sees it: that the card is slow is measured, not believed."""
    code = (
        "import os,time; f=open('probe','wb'); f.write(b'x'); f.flush(); t=time.perf_counter(); os.fsync(f.fileno());"
    )
    code += "print(time.perf_counter()-t)"
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, cwd=folder, env=card, check=True, capture_output=True, text=True).stdout)
