# SPDX-License-Identifier: AGPL-3.0-or-later
"""While nothing is written, an archive keeps no page in memory to write it again; and it goes on as before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from convergences_node.archive import turns
from convergences_node.archive.archive import Archive

from ..given_back import given_back_mib
from .test_archive import actor, archive

__all__ = ["archive"]


def test_pages_that_were_written_are_given_back(tmp_path: Path) -> None:
    """Of some 12 MiB that were written, the 8 that its cache holds."""
    assert given_back_mib("archive", tmp_path) >= 5


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
