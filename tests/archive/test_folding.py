# SPDX-License-Identifier: AGPL-3.0-or-later
"""The write-ahead log is folded beside the writer, not at the commit that somebody waits for."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive import connection, folding
from convergences_node.archive.connection import ARCHIVE_NAME, open_writer
from convergences_node.archive.folding import Folding

ROW_BYTES = 4_000
"""A page each."""
PAGES, PAGES_MAX = 20, 100
FRAME_BYTES = 4_120
SECONDS_MAX = 30


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[sqlite3.Connection, Path]:
    monkeypatch.setattr(folding, "WAL_PAGES", PAGES)
    monkeypatch.setattr(connection, "WAL_PAGES_MAX", PAGES_MAX)
    db = open_writer(tmp_path / ARCHIVE_NAME)
    db.execute("CREATE TABLE rows (row BLOB)")
    return db, tmp_path / f"{ARCHIVE_NAME}-wal"


def write(db: sqlite3.Connection, count: int) -> None:
    for _ in range(count):
        db.execute("INSERT INTO rows VALUES (?)", (bytes(ROW_BYTES),))


def test_the_log_begins_anew_once_it_is_folded(written: tuple[sqlite3.Connection, Path]) -> None:
    """Ten times what it may hold, a row a commit, by one who leaves it the time: it never becomes longer."""
    db, wal = written
    turns = Folding(db)
    for _ in range(10 * PAGES):
        write(db, 1)
        turns.fold_if_due()
        turns.wait()
    assert wal.stat().st_size < 4 * PAGES * FRAME_BYTES < PAGES_MAX * FRAME_BYTES
    db.close()


def test_nobody_waits_for_a_folding_that_takes_long(
    written: tuple[sqlite3.Connection, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes goes on, one folding at a time is begun, and SQLite itself folds what has become too long."""
    db, wal = written
    turns, begun, go_on = Folding(db), threading.Semaphore(0), threading.Event()
    connect = sqlite3.connect

    def connect_slowly(*arguments: Any, **named: Any) -> Any:
        begun.release()
        assert go_on.wait(SECONDS_MAX)
        return connect(*arguments, **named)

    with monkeypatch.context() as slow:
        slow.setattr(sqlite3, "connect", connect_slowly)
        for _ in range(10 * PAGES):
            write(db, 1)
            turns.fold_if_due()
        assert begun.acquire(timeout=SECONDS_MAX)
        assert not begun.acquire(blocking=False)
        assert PAGES < wal.stat().st_size / FRAME_BYTES < 2 * PAGES_MAX
        go_on.set()
        turns.wait()
    db.close()


def test_nothing_is_folded_before_it_is_due(written: tuple[sqlite3.Connection, Path]) -> None:
    """A few saves leave the file alone: a card has only so many writes."""
    db, wal = written
    turns, before = Folding(db), wal.stat().st_size
    write(db, PAGES // 2)
    turns.fold_if_due()
    turns.wait()
    grown = wal.stat().st_size - before
    assert grown > PAGES // 2 * ROW_BYTES
    assert db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1] > PAGES // 2
    db.close()


def test_a_reader_that_stays_keeps_the_log_and_no_writer_waits(written: tuple[sqlite3.Connection, Path]) -> None:
    """What it still needs is folded once it has gone."""
    db, wal = written
    turns = Folding(db)
    with closing(sqlite3.connect(wal.with_name(ARCHIVE_NAME), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM rows").fetchone() == (0,)
        for _ in range(3 * PAGES):
            write(db, 1)
            turns.fold_if_due()
            turns.wait()
        assert reader.execute("SELECT count(*) FROM rows").fetchone() == (0,)
    _, pages, folded = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert pages == folded and pages > 3 * PAGES
    db.close()
