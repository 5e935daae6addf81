# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much memory a database's writer gives back when it rests, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
from convergences_node.allocating import give_back, keep_little
from convergences_node.archive import connection
from convergences_node.index import store

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

opened, rest = {"archive": (connection.open_writer, connection.rest), "index": (store.create, store.rest)}[sys.argv[1]]
knows = keep_little()
db = opened(Path(sys.argv[2]) / "written.db")
db.execute("CREATE TABLE pages (page)")
db.execute("BEGIN")
db.executemany("INSERT INTO pages VALUES (randomblob(3000))", ((),) * 4_000)
db.execute("COMMIT")
before = resident_mib()
rest(db)
give_back()
print(knows, before - resident_mib(), db.execute("SELECT count(*) FROM pages").fetchone()[0])
"""


def given_back_mib(database: str, folder: Path) -> int:
    """Of some 12 MiB that were just written to the `archive` or the `index`, all of which are still there."""
    command = [sys.executable, "-c", PROGRAM, database, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    knows, given_back, rows = done.stdout.split()
    if knows != "True":
        pytest.skip("the C library here is not glibc")
    assert rows == "4000"
    return int(given_back)
