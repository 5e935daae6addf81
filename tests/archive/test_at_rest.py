# SPDX-License-Identifier: AGPL-3.0-or-later
"""While nothing is written, an archive keeps no page in memory to write it again; and it goes on as before."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from convergences_node.archive import turns
from convergences_node.archive.archive import Archive

from .test_archive import actor, archive

__all__ = ["archive"]

PROGRAM = """
import os, sys
from pathlib import Path
from convergences_node.allocating import give_back, keep_little
from convergences_node.archive.connection import open_writer, rest

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

knows = keep_little()
db = open_writer(Path(sys.argv[1]) / "archive.db")
db.execute("CREATE TABLE pages (page)")
db.execute("BEGIN")
db.executemany("INSERT INTO pages VALUES (randomblob(3000))", ((),) * 4_000)
db.execute("COMMIT")
before = resident_mib()
rest(db)
give_back()
print(knows, before - resident_mib(), db.execute("SELECT count(*) FROM pages").fetchone()[0])
"""


def test_pages_that_were_written_are_given_back(tmp_path: Path) -> None:
    """Of some 12 MiB that were written, the 8 that its cache holds."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True)
    knows, given_back, rows = done.stdout.split()
    if knows != "True":
        pytest.skip("the C library here is not glibc")
    assert int(given_back) >= 5
    assert rows == "4000"


async def test_it_rests_each_time_that_nothing_comes(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """And writes what comes then; it rests once, not again and again."""
    rested = asyncio.Queue[int]()
    loop, rest = asyncio.get_running_loop(), archive._writer.rest
    size = 1

    def noted() -> None:
        rest()
        loop.call_soon_threadsafe(rested.put_nowait, size)

    monkeypatch.setattr(archive._writer, "rest", noted)
    monkeypatch.setattr(turns, "REST_SECONDS", 0.05)
    for name in ("Vélo Club", "Chorale"):
        await archive.append([actor(name)])
        size += 1
        async with asyncio.timeout(60):
            while await rested.get() < size:
                pass
    assert (await archive.read(lambda reader: reader.own_log())).size == 3
    assert rested.empty()
