# SPDX-License-Identifier: AGPL-3.0-or-later
"""An archive of some hundred clubs, and what its index finds of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.archive.options import Options
from convergences_node.index.index import Index
from convergences_node.index.query import Query

from ..archive.making import NOW, key_of

RECORDS = 400


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    options = Options(clock=lambda: NOW, machine=lambda: "board 1")
    made = await Archive.create(tmp_path, "FR-93066", key_of("FR-93066"), key_of("r").public, options=options)
    async with made:
        fields = [{"name": f"Club {number}", "type": "association"} for number in range(RECORDS)]
        await made.append([NewRecord("actor", each) for each in fields])
        yield made


async def opened(archive: Archive, follow: bool = False) -> Index:
    return await Index.open(archive.folder, archive, clock=lambda: NOW, follow=follow)


async def count(index: Index, text: str = "club") -> int:
    """How many of 200 are found."""
    return len((await index.search(Query(text=text, limit=200))).items)
