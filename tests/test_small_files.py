# SPDX-License-Identifier: AGPL-3.0-or-later
"""To look at what a node keeps beside its archive writes nothing: it looks twice a minute, for years."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from convergences_node.same.memory import Refusals
from convergences_node.small_files import open_kept
from convergences_node.sources.memory import Memory, State

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY) STRICT"


def traces(folder: Path) -> dict[str, tuple[int, int]]:
    """What would be written to a card: the folder and each file in it, by when it was last changed (ctime, stat(2))."""
    return {path.name: (path.stat().st_ctime_ns, path.stat().st_ino) for path in (folder, *folder.iterdir())}


def look_at_sources(folder: Path) -> None:
    with Memory(folder) as memory:
        assert memory.state("agenda").rows == 7
        assert memory.last_refused() == (0, 0)


def look_at_refusals(folder: Path) -> None:
    with Refusals(folder) as refusals:
        assert refusals.latest(10) == [("a", "b")]


def test_a_look_leaves_no_trace(tmp_path: Path) -> None:
    with Memory(tmp_path) as memory:
        memory.keep_state("agenda", State(rows=7))
    with Refusals(tmp_path) as refusals:
        refusals.add((("a", "1"), ("b", "2")), 1)
    before = traces(tmp_path)
    look_at_sources(tmp_path)
    look_at_refusals(tmp_path)
    assert traces(tmp_path) == before


def test_what_an_earlier_version_left_is_there(tmp_path: Path) -> None:
    """With a write-ahead log, and what is still in it after the plug was pulled."""
    path = tmp_path / "words.db"
    with sqlite3.connect(path, isolation_level=None) as earlier:
        earlier.execute("PRAGMA journal_mode = WAL")
        earlier.execute("PRAGMA wal_autocheckpoint = 0")
        earlier.executescript(SCHEMA)
        earlier.execute("INSERT INTO words VALUES ('ici')")
        cut = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
    earlier.close()
    for end, data in cut.items():
        Path(f"{path}{end}").write_bytes(data)
    db = open_kept(path, SCHEMA)
    db.execute("INSERT INTO words VALUES ('encore')")
    assert [word for (word,) in db.execute("SELECT word FROM words ORDER BY 1")] == ["encore", "ici"]
    db.close()
    assert [each.name for each in tmp_path.iterdir()] == ["words.db"]


@pytest.mark.parametrize("stays_open", [False, True])
def test_two_may_have_it_open(tmp_path: Path, stays_open: bool) -> None:
    """A run that goes on for minutes, and the page that looks."""
    one = open_kept(tmp_path / "words.db", SCHEMA, stays_open=stays_open)
    other = open_kept(tmp_path / "words.db", SCHEMA, stays_open=stays_open)
    one.execute("INSERT INTO words VALUES ('ici')")
    assert other.execute("SELECT word FROM words").fetchall() == [("ici",)]
    other.execute("INSERT INTO words VALUES ('là')")
    one.close()
    other.close()
