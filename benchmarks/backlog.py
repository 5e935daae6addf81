# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town's backlog reaches its agglomeration over libp2p: records a second until durable and until searchable, bytes
on the wire, the receiver's memory; and the two cheap cases, nothing missing and a hundred missing.

Two real processes on loopback, with every signature, digest and proof checked. The peers (hypercore, ssb-db2) replicate
as many records of the same size in the same run, interleaved with ours; the physical limits are measured on the very
records of the backlog.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from convergences_node.control import call

from . import peers, references
from .figures import Figure
from .world import (
    AGGLOMERATION,
    DURABLE,
    SEARCHABLE,
    TOWN,
    Running,
    Watched,
    durable_size,
    found,
    headers_and_bodies,
    running,
    searchable_size,
    write_records,
)

RECORDS = 100_000
MISSING = 100
POLL_SECONDS = 0.02
SECONDS_MAX = 300


@dataclass(frozen=True)
class Run:
    """One backlog: rates in records a second, bytes that the receiver was sent, peaks in MiB."""

    durable: float
    searchable: float
    received_bytes: int
    peak_mib: float
    peak_early_mib: float


def measure(scratch: Path, records: int = RECORDS, rounds: int = 2) -> Iterator[Figure]:
    """All figures of a backlog. Yields as it goes."""
    town, agglomeration = joined_pair(scratch / "pair")
    write_and_index(town, 0, records)
    headers, bodies = headers_and_bodies(town, records)
    content = sum(map(len, headers)) + sum(map(len, bodies))
    ours: list[Run] = []
    theirs: dict[str, list[peers.PeerRun]] = {name: [] for name in peers.PORTS}
    why_absent = peers.absent()
    if why_absent is None:
        peers.prepare(scratch / "peers")
    else:
        print(f"without peers: {why_absent}", file=sys.stderr)
    for number in range(rounds):
        ours.append(_one_run(town, agglomeration, scratch / f"round{number}", records))
        if why_absent is None:
            for name, runs in theirs.items():
                runs.append(peers.replicate(name, records, scratch / "peers"))
    yield from _rates(ours, theirs, headers, bodies, scratch)
    best = max(ours, key=lambda run: run.durable)
    ratio = best.received_bytes / content
    yield Figure("wire: bytes received over headers and bodies", best.received_bytes, "bytes", content, "content",
                 "at most 1.10", ratio <= 1.10)  # fmt: skip
    yield Figure("receiver's peak memory, whole backlog", best.peak_mib, "MiB", best.peak_early_mib,
                 "at its first tenth", "flat: at most 1.15", best.peak_mib <= 1.15 * best.peak_early_mib)  # fmt: skip
    yield from _cheap_cases(scratch / "round0", headers, bodies)


def joined_pair(folder: Path) -> tuple[Path, Path]:
    """A town that has joined its agglomeration, both stopped again."""
    if folder.exists():
        shutil.rmtree(folder)
    town, agglomeration = folder / "town", folder / "agglomeration"
    asyncio.run(found(town, TOWN, "town"))
    asyncio.run(found(agglomeration, AGGLOMERATION, "agglomeration"))
    with running(town, agglomeration):
        wait_until(lambda: answers(town) and answers(agglomeration), "both nodes answer")
        invitation = call(agglomeration, "invite", {"territory": TOWN})["invitation"]
        call(town, "join", {"invitation": invitation})
        wait_until(lambda: durable_size(agglomeration, TOWN) > 0, "the town's log is kept")
        wait_until(lambda: durable_size(town, AGGLOMERATION) > 1, "the charter is kept")
    return town, agglomeration


def write_and_index(town: Path, first: int, count: int) -> None:
    """The town's own work, done before its log is asked for: its records are written, and searchable at home."""
    asyncio.run(write_records(town, first, count))
    whole = durable_size(town, TOWN)
    with running(town):
        wait_until(lambda: searchable_size(town, TOWN) >= whole, "the town's own index", SECONDS_MAX)


def _one_run(town: Path, agglomeration: Path, folder: Path, records: int) -> Run:
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(town, folder / "town")
    shutil.copytree(agglomeration, folder / "agglomeration")
    town, agglomeration = folder / "town", folder / "agglomeration"
    whole = durable_size(town, TOWN)
    with running(agglomeration) as (receiver,):
        wait_until(lambda: answers(agglomeration), "the agglomeration answers")
        with running(town):
            return _watch(receiver, agglomeration, whole, records)


def _watch(receiver: Running, agglomeration: Path, whole: int, records: int) -> Run:
    kept, indexed = Watched(agglomeration, TOWN, DURABLE), Watched(agglomeration, TOWN, SEARCHABLE)
    with contextlib.closing(kept), contextlib.closing(indexed):
        moved = whole - kept.size()
        begun, durable_at, early = _watch_storing(receiver, kept, whole, records)
        wait_until(lambda: indexed.size() >= whole, "all of it is searchable", SECONDS_MAX)
        searchable_at = time.perf_counter()
    peak = receiver.resident_mib("VmHWM")
    received = received_bytes(agglomeration)
    return Run(moved / (durable_at - begun), moved / (searchable_at - begun), received, peak, early)


def _watch_storing(receiver: Running, kept: Watched, whole: int, records: int) -> tuple[float, float, float]:
    """When the first records came and the last were durable, and the receiver's peak when a tenth of them were."""
    before = durable = kept.size()
    early, begun = 0.0, time.perf_counter()
    deadline = begun + SECONDS_MAX
    while durable < whole:
        if time.perf_counter() > deadline:
            raise RuntimeError(f"{durable} of {whole} records after {SECONDS_MAX} s")
        time.sleep(POLL_SECONDS)
        durable = kept.size()
        if durable == before:
            begun = time.perf_counter()
        if not early and durable - before > records / 10:
            early = receiver.resident_mib("VmHWM")
    return begun, time.perf_counter(), early


def _rates(
    ours: list[Run], theirs: dict[str, list[peers.PeerRun]], headers: list[bytes], bodies: list[bytes], scratch: Path
) -> Iterator[Figure]:
    durable, searchable = max(run.durable for run in ours), max(run.searchable for run in ours)
    rates = {name: max(run.per_second for run in runs) for name, runs in theirs.items() if runs}
    best_name = max(rates, key=lambda name: rates[name]) if rates else ""
    best = rates.get(best_name)
    against = (
        f"better of {', '.join(f'{name} {rate:,.0f}' for name, rate in rates.items())}" if rates else "no peers here"
    )
    yield Figure("backlog durable", durable, "records/s", best, against, "1.5, aim 2", best and durable >= 1.5 * best)
    yield Figure(
        "backlog searchable", searchable, "records/s", best, against, "1, aim 1.5", best and searchable >= best
    )
    verified = references.verify_in_two_threads(headers)
    inserted = references.insert_rows(_fresh(scratch / "insert.db"), headers, bodies)
    limit, name = min((verified, "PyNaCl in two threads"), (inserted, "SQLite's insertion"))
    yield Figure(
        "backlog durable, beside the limit", durable, "records/s", limit, name, "0.6, aim 0.8", durable >= 0.6 * limit
    )


def _cheap_cases(folder: Path, headers: list[bytes], bodies: list[bytes]) -> Iterator[Figure]:
    """The same pair again: with nothing missing, then with a hundred records missing."""
    town, agglomeration = folder / "town", folder / "agglomeration"
    with running(agglomeration, town):
        wait_until(lambda: answers(agglomeration) and connected(agglomeration), "the two are connected")
        wait_until(lambda: _quiet(agglomeration), "the exchange is over")
        nothing = received_bytes(agglomeration)
    yield Figure(
        "wire: nothing missing, two logs", nothing, "bytes", 2 * 1024, "1 KiB a log", "at most 1", nothing <= 2048
    )
    write_and_index(town, RECORDS, MISSING)
    whole = durable_size(town, TOWN)
    with running(agglomeration, town):
        wait_until(lambda: durable_size(agglomeration, TOWN) >= whole, "the hundred have come")
        wait_until(lambda: _quiet(agglomeration), "the exchange is over")
        received = received_bytes(agglomeration)
    sample = sum(map(len, headers[:MISSING])) + sum(map(len, bodies[:MISSING]))
    limit = 1.2 * sample + 4096
    yield Figure("wire: 100 missing of 100,000", received, "bytes", limit, "1.2 of their bytes and 4 KiB", "at most 1",
                 received <= limit)  # fmt: skip


def received_bytes(folder: Path) -> int:
    """Bytes that this node's peers have sent it since it started."""
    return sum(int(peer["received_bytes"] or 0) for peer in call(folder, "peers")["peers"])


def connected(folder: Path) -> bool:
    """Whether a peer is connected to this node."""
    return any(peer["connected"] for peer in call(folder, "peers")["peers"])


def _quiet(folder: Path) -> bool:
    """Whether a second passes without a byte received."""
    before = received_bytes(folder)
    time.sleep(1)
    return received_bytes(folder) == before


def answers(folder: Path) -> bool:
    """Whether the node of that folder listens to its operator."""
    path = folder / "node.sock"
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        return True
    return False


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until it holds; raises after so long."""
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"after {seconds:.0f} s, still not: {what}")
        time.sleep(POLL_SECONDS)


def _fresh(path: Path) -> Path:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path
