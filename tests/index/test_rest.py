# SPDX-License-Identifier: AGPL-3.0-or-later
"""At rest an index keeps no page in memory that it had to write; and it goes on as before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.index import index as following
from convergences_node.index import normalise, row

from ..given_back import given_back_mib
from .test_index import actor, archive, names, opened

__all__ = ["archive"]


def test_pages_that_were_written_are_given_back(tmp_path: Path) -> None:
    """Of some 12 MiB that were written, most is in the writer's memory."""
    assert given_back_mib("index", tmp_path) >= 8


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
