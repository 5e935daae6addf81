# SPDX-License-Identifier: AGPL-3.0-or-later
"""How long after a resident's save at a town the agglomeration's search knows of it: ten nodes, a write a second each.

The clock starts when the save is asked of the town over its control socket, and stops when the agglomeration's index
has taken in that record's number, watched through a read-only connection of our own. All ten share the cores.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from convergences_node.control import call

from .backlog import answers, wait_until
from .figures import Figure
from .world import AGGLOMERATION, durable_size, found, made_up, running

TOWNS = [f"FR-{code}" for code in (93001, 93027, 93031, 93039, 93059, 93066, 93070, 93072, 93079)]
SECONDS = 30
WATCH_SECONDS = 0.003
SETTLE_SECONDS_MAX = 60


def measure(scratch: Path, seconds: int = SECONDS) -> Iterator[Figure]:
    """Median and 99th percentile, beside what one durable write of SQLite takes on this disk."""
    if scratch.exists():
        shutil.rmtree(scratch)
    folders = {territory: scratch / territory for territory in TOWNS}
    agglomeration = scratch / AGGLOMERATION
    asyncio.run(found(agglomeration, AGGLOMERATION, "agglomeration"))
    for territory, folder in folders.items():
        asyncio.run(found(folder, territory, "town"))
    with running(agglomeration, *folders.values()):
        wait_until(lambda: all(map(answers, [agglomeration, *folders.values()])), "all nodes answer")
        _join_all(folders, agglomeration)
        delays = asyncio.run(_write_and_watch(folders, agglomeration, seconds))
    reference = _one_commit(scratch / "commit.db")
    median, worst = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    yield Figure("write to searchable at the agglomeration, median", median * 1000, "ms", reference * 1000,
                 "one durable commit", "under 150", median < 0.150)  # fmt: skip
    yield Figure("write to searchable, 99th percentile", worst * 1000, "ms", reference * 1000,
                 "one durable commit", "under 1000", worst < 1.0)  # fmt: skip


def _join_all(folders: dict[str, Path], agglomeration: Path) -> None:
    for territory, folder in folders.items():
        invitation = call(agglomeration, "invite", {"territory": territory})["invitation"]
        call(folder, "join", {"invitation": invitation})
    for territory in folders:
        wait_until(lambda territory=territory: durable_size(agglomeration, territory) > 0, f"{territory} is heard")


async def _write_and_watch(folders: dict[str, Path], agglomeration: Path, seconds: int) -> list[float]:
    """Delays in seconds, one a write, in no order."""
    waiting: dict[str, list[tuple[int, float]]] = {territory: [] for territory in folders}
    delays: list[float] = []
    done = asyncio.Event()
    watcher = asyncio.create_task(_watch(agglomeration / "index.db", waiting, delays, done))
    await asyncio.gather(*(_write(territory, folder, waiting, seconds) for territory, folder in folders.items()))
    deadline = time.perf_counter() + SETTLE_SECONDS_MAX
    while any(waiting.values()) and time.perf_counter() < deadline:  # noqa: ASYNC110  what is awaited is another process
        await asyncio.sleep(WATCH_SECONDS)
    done.set()
    await watcher
    missing = sum(map(len, waiting.values()))
    if missing:
        raise RuntimeError(f"{missing} writes never became searchable at the agglomeration")
    return delays


async def _write(territory: str, folder: Path, waiting: dict[str, list[tuple[int, float]]], seconds: int) -> None:
    dice = random.Random(territory)
    await asyncio.sleep(dice.random())
    begun = time.perf_counter()
    for number in range(seconds):
        await asyncio.sleep(max(0.0, begun + number - time.perf_counter()))
        fields = dict(made_up(number, dice).fields or {})
        asked = time.perf_counter()
        placed = await asyncio.to_thread(call, folder, "add", {"kind": "action", "fields": fields})
        waiting[territory].append((int(placed["index"]), asked))


async def _watch(
    path: Path, waiting: dict[str, list[tuple[int, float]]], delays: list[float], done: asyncio.Event
) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        while not done.is_set():
            applied = dict(db.execute("SELECT territory, max(applied) FROM logs GROUP BY territory"))
            now = time.perf_counter()
            for territory, writes in waiting.items():
                there = [write for write in writes if write[0] < applied.get(territory, 0)]
                delays.extend(now - asked for _, asked in there)
                writes[:] = [write for write in writes if write not in there]
            await asyncio.sleep(WATCH_SECONDS)


def _one_commit(path: Path, times: int = 50) -> float:
    """Median seconds of a durable one-row commit."""
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE t (x)")
        took = []
        for number in range(times):
            start = time.perf_counter()
            db.execute("INSERT INTO t VALUES (?)", (number,))
            took.append(time.perf_counter() - start)
    return statistics.median(took)
