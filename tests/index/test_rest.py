# SPDX-License-Identifier: AGPL-3.0-or-later
"""At rest an index keeps no page in memory that it had to write; and it goes on as before."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.index import index as following
from convergences_node.index import normalise, row

from .test_index import actor, archive, names, opened

__all__ = ["archive"]

PROGRAM = """
import os, sys
from pathlib import Path
from convergences_node.allocating import give_back, keep_little
from convergences_node.index import store

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

knows = keep_little()
db = store.create(Path(sys.argv[1]) / "index.db")
db.execute("CREATE TABLE pages (page)")
db.execute("BEGIN")
db.executemany("INSERT INTO pages VALUES (randomblob(3000))", ((),) * 4_000)
db.execute("COMMIT")
before = resident_mib()
store.rest(db)
give_back()
print(knows, before - resident_mib(), db.execute("SELECT count(*) FROM pages").fetchone()[0])
"""


def test_pages_that_were_written_are_given_back(tmp_path: Path) -> None:
    """Of some 12 MiB that were written, most is in the writer's memory."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True)
    knows, given_back, rows = done.stdout.split()
    if knows != "True":
        pytest.skip("the C library here is not glibc")
    assert int(given_back) >= 8
    assert rows == "4000"


async def test_it_rests_when_nothing_comes_and_takes_in_what_comes_then(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it let go of is read again from the file."""
    monkeypatch.setattr(following, "QUIET_SECONDS", 0.05)
    rested = asyncio.Queue[None]()
    async with await opened(archive.folder, archive, follow=True) as index:
        loop, rest = asyncio.get_running_loop(), index._keeper.rest

        def noted() -> None:
            rest()
            loop.call_soon_threadsafe(rested.put_nowait, None)

        monkeypatch.setattr(index._keeper, "rest", noted)
        for name in ("Vélo Club", "Chorale"):
            await archive.append([actor(name)])
            async with asyncio.timeout(60):
                await rested.get()
                while not await names(index, text=name):  # noqa: ASYNC110 - as in test_index.py
                    await asyncio.sleep(0)


async def test_at_rest_no_word_is_remembered_that_made_writing_fast(archive: Archive) -> None:
    """After a hundred thousand records those were more than ten MiB; what is asked then is answered as before."""
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
        await archive.append([actor(f"Amicale numéro {n}") for n in range(20)])
        await index.catch_up()
        assert len(normalise._WORDS) > 20
        assert normalise.singular.cache_info().currsize and row._tags_of.cache_info().currsize
        await index._in_writer(index._keeper.rest)
        remembered = normalise.singular.cache_info(), row._tags_of.cache_info(), row._span.cache_info()
        assert [len(normalise._WORDS), len(normalise._NAMES), *(each.currsize for each in remembered)] == [0] * 5
        assert len(await names(index, text="amicales")) == 20
