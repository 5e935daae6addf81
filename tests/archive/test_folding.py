# SPDX-License-Identifier: AGPL-3.0-or-later
"""The write-ahead log is folded between two turns of the writer, not at the commit that somebody waits for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from convergences_node.archive import folding
from convergences_node.archive.connection import ARCHIVE_NAME, open_writer
from convergences_node.archive.folding import Folding

ROW_BYTES = 4_000
"""A page each."""
PAGES = 20


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[sqlite3.Connection, Path]:
    monkeypatch.setattr(folding, "WAL_PAGES", PAGES)
    db = open_writer(tmp_path / ARCHIVE_NAME)
    db.execute("CREATE TABLE rows (row BLOB)")
    return db, tmp_path / f"{ARCHIVE_NAME}-wal"


def write(db: sqlite3.Connection, count: int) -> None:
    for _ in range(count):
        db.execute("INSERT INTO rows VALUES (?)", (bytes(ROW_BYTES),))


def test_the_log_stays_short_however_much_is_written(written: tuple[sqlite3.Connection, Path]) -> None:
    """Ten times what it may hold, a row a commit: it is folded again and again, and begins anew each time."""
    db, wal = written
    turns = Folding(db)
    for _ in range(10 * PAGES):
        write(db, 1)
        turns.fold_if_due()
    assert wal.stat().st_size < 4 * PAGES * 4_120
    db.close()


def test_nothing_is_folded_before_it_is_due(written: tuple[sqlite3.Connection, Path]) -> None:
    """A few saves leave the file alone: a card has only so many writes."""
    db, wal = written
    turns, before = Folding(db), wal.stat().st_size
    write(db, PAGES // 2)
    turns.fold_if_due()
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
        assert reader.execute("SELECT count(*) FROM rows").fetchone() == (0,)
    _, pages, folded = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert pages == folded and pages > 3 * PAGES
    db.close()
