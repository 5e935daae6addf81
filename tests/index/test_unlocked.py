# SPDX-License-Identifier: AGPL-3.0-or-later
"""SQLite without its locks: asked for before it is loaded, refused after, and a database all the same."""

from __future__ import annotations

import subprocess
import sys

from convergences_node.index.unlocked import use_without_locks

ASKED_IN_TIME = """
from convergences_node.index.unlocked import use_without_locks
assert use_without_locks(), "this system's SQLite can be asked"
import ctypes, _sqlite3, sqlite3
db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE t (x)")
db.executemany("INSERT INTO t VALUES (?)", [(bytes(1000),)] * 100)
assert db.execute("SELECT count(*), sum(length(x)) FROM t").fetchall() == [(100, 100_000)]
assert ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used() == 0, "it still counts"
assert not use_without_locks(), "it is too late"
"""


def test_a_process_that_asks_in_time_has_it() -> None:
    subprocess.run([sys.executable, "-c", ASKED_IN_TIME], check=True)


def test_it_is_not_changed_under_a_process_that_uses_it() -> None:
    import sqlite3

    assert sqlite3.threadsafety
    assert not use_without_locks()
