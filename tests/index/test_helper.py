# SPDX-License-Identifier: AGPL-3.0-or-later
"""The helper of a large backlog: it leaves the index that the node alone would have made, and may die at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.index import reading_ahead
from convergences_node.index.helping import BEGIN
from convergences_node.index.index import Index
from convergences_node.index.occurrences import Horizon
from convergences_node.index.reading_ahead import ReadingAhead
from convergences_node.index.strict_door import read_entry
from convergences_protocol.keys import SigningKey

TOWN = "FR-93066"
NOW = 1_780_000_000
RECORDS = 400
SECONDS_MAX = 300.0
"""A helper runs only while nobody else would: other work of the machine may hold it up for minutes."""
TABLES = ("elements", "states", "dated", "counts", "tags", "logs", "aside", "withdrawn")


async def make_town(folder: Path) -> None:
    """An archive with an index that has taken in its opening, and then many records; the later ones say something else
    of some of the earlier ones' elements."""
    key = SigningKey.from_seed(bytes(32))
    async with await Archive.create(folder, TOWN, key, SigningKey.from_seed(bytes([1]) * 32).public) as archive:
        async with await Index.open(folder, archive, clock=lambda: NOW, follow=False) as index:
            await index.catch_up()
        fields = [
            {"name": f"Fête de la rue {number}", "type": "event", "start": f"2026-05-{number % 28 + 1:02}"}
            for number in range(RECORDS)
        ]
        placed = await archive.append([NewRecord("action", each) for each in fields])
        again = [
            NewRecord("action", each | {"name": "Remise"}, element=was.element, previous=was.header_digest)
            for each, was in zip(fields[::7], placed[::7], strict=True)
        ]
        await archive.append(again)


def start_helper(folder: Path, origin: str) -> subprocess.Popen[bytes]:
    told = {"file": "index.db", "speakers": {TOWN: [[origin, None]]}, "revealed": {}, "now": NOW}
    command = [sys.executable, "-m", "convergences_node.index", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(told).encode() + b"\n")
    process.stdin.flush()
    return process


def let_begin(helper: subprocess.Popen[bytes]) -> None:
    """Tell it that it may begin."""
    assert helper.stdin is not None
    helper.stdin.write(BEGIN)
    helper.stdin.flush()


def said(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the tables of an index say, and what full-text search finds."""
    with sqlite3.connect(folder / "index.db") as db:
        found = {table: sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in TABLES}
        found["words"] = sorted(db.execute("SELECT rowid FROM words WHERE words MATCH 'remise'").fetchall())
    return found


async def origin_of(folder: Path) -> str:
    async with await Archive.open(folder) as archive:
        return (await archive.read(lambda reader: reader.own_log())).origin


@pytest.fixture
async def town(tmp_path: Path) -> Path:
    await make_town(tmp_path / "town")
    return tmp_path / "town"


async def test_the_helper_leaves_what_the_node_alone_would_have_made(town: Path) -> None:
    helper = start_helper(town, await origin_of(town))
    let_begin(helper)
    out, _ = helper.communicate(timeout=SECONDS_MAX)
    assert helper.returncode == 0
    assert b"settling" in out
    helped = said(town)
    assert len(helped["words"]) == len(range(0, RECORDS, 7))
    (town / "index.db").unlink()
    async with (
        await Archive.open(town) as archive,
        await Index.open(town, archive, clock=lambda: NOW, follow=False) as index,
    ):
        await index.catch_up()
    assert said(town) == helped


async def test_it_counts_on_when_the_archive_grows_meanwhile(town: Path) -> None:
    helper = start_helper(town, await origin_of(town))
    let_begin(helper)
    assert helper.stdout is not None
    told = int(helper.stdout.readline())
    while told < RECORDS:
        told = int(helper.stdout.readline())
    async with await Archive.open(town) as archive:
        await archive.append([NewRecord("actor", {"name": "Chorale", "type": "association"})])
    assert int(helper.stdout.readline()) == told + 1
    helper.communicate(timeout=SECONDS_MAX)
    assert helper.returncode == 0


async def test_who_interrupts_the_terminal_does_not_mean_the_helper(town: Path) -> None:
    helper = start_helper(town, await origin_of(town))
    let_begin(helper)
    assert helper.stdout is not None
    assert helper.stdout.readline()
    helper.send_signal(signal.SIGINT)
    helper.communicate(timeout=SECONDS_MAX)
    assert helper.returncode == 0


async def test_a_helper_that_is_killed_takes_its_child_along(town: Path) -> None:
    helper = start_helper(town, await origin_of(town))
    let_begin(helper)
    assert helper.stdout is not None
    assert helper.stdout.readline()  # it has got somewhere, so its child is there if it has one
    children = _children(helper.pid)
    helper.kill()
    helper.communicate(timeout=SECONDS_MAX)
    deadline = time.monotonic() + SECONDS_MAX
    while any(_alive(child) for child in children):
        assert time.monotonic() < deadline, "the child lives on without its parent"
        await asyncio.sleep(0.02)


async def test_a_child_reads_what_its_parent_would_read(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_ahead, "PORTION_BYTES_MAX", 20_000)
    horizon = Horizon.around(NOW)
    async with await Archive.open(town) as archive:
        state = await archive.read(lambda reader: reader.own_log())
        entries = await archive.read(lambda reader: reader.entries(state.origin, 0))
    wanted = [read_entry(entry, horizon) for entry in entries]
    child = ReadingAhead(town)
    try:
        found, start = [], 0
        while start < state.size:
            portions = list(child.portions(state.origin, start, state.size, horizon))
            assert 1 <= len(portions) <= reading_ahead.PORTIONS_AT_ONCE
            found += [reading for readings, _ in portions for reading in readings]
            start = found[-1].index + 1
    finally:
        child.close()
    assert found == wanted
    assert portions[-1][1] == state.root


async def test_a_child_is_ended_in_the_middle_of_its_reading(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more read than there is room for; and one that is killed is missed by whoever waits for it."""
    monkeypatch.setattr(reading_ahead, "PORTION_BYTES_MAX", 1_000)
    origin, horizon = await origin_of(town), Horizon.around(NOW)
    child = ReadingAhead(town)
    try:
        next(child.portions(origin, 0, RECORDS, horizon))
    finally:
        child.close()
    assert not _alive(child._child.pid or 0)
    killed = ReadingAhead(town)
    try:
        os.kill(killed._child.pid or 0, signal.SIGKILL)
        with pytest.raises(EOFError):
            list(killed.portions(origin, 0, RECORDS, horizon))
    finally:
        killed.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
