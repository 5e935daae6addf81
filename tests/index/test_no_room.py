# SPDX-License-Identifier: AGPL-3.0-or-later
"""A new index for which the card has no room: what was searchable stays so, and the room is left to who writes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.faults import NotNow
from convergences_node.index import store

from .clubs import RECORDS, archive, count, opened

__all__ = ["archive"]

PAGES_MORE = 4


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A new file may become no larger than a few pages, as on a card that is nearly full."""
    really_create = store.create

    def create(path: Path, bytes_max: int | None = None) -> sqlite3.Connection:
        db = really_create(path, bytes_max)
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + PAGES_MORE}")
        return db

    monkeypatch.setattr(store, "create", create)
    return monkeypatch


async def test_a_reindex_without_room_leaves_the_index_that_there_is(
    archive: Archive, request: pytest.FixtureRequest
) -> None:
    async with await opened(archive) as index:
        await index.catch_up()
        request.getfixturevalue("no_room")
        for _ in range(2):
            with pytest.raises(NotNow) as refused:
                await index.reindex()
            assert refused.value.fault is not None and refused.value.fault.code == "card_full"
            assert not index.rebuilding
            assert not (archive.folder / store.REBUILD_NAME).exists()
        assert await count(index, "club") == 200
        await archive.append([NewRecord("actor", {"name": "Chorale", "type": "association"})])
        assert await index.catch_up() == 1
        assert await count(index, "chorale") == 1


async def test_what_has_no_room_after_a_reindex_is_not_tried_without_end(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await opened(archive) as index:
        await index.catch_up()
        await index.reindex()
        (pages,) = index._keeper.projection.db.execute("PRAGMA page_count").fetchone()
        index._keeper.projection.db.execute(f"PRAGMA max_page_count = {pages}")
        fields = [{"name": f"Chorale {number}", "type": "association"} for number in range(RECORDS)]
        await archive.append([NewRecord("actor", each) for each in fields])
        with pytest.raises(sqlite3.OperationalError, match="full"):
            await index.catch_up()
        assert not index._wake.is_set()
        assert await count(index, "club") == 200


async def test_an_index_of_another_version_makes_way_where_there_is_no_room(
    archive: Archive, request: pytest.FixtureRequest
) -> None:
    """It serves nobody here, and would keep the town's pages away for as long as the card is full."""
    async with await opened(archive) as index:
        await index.catch_up()
    with sqlite3.connect(archive.folder / store.INDEX_NAME) as db:
        db.execute("UPDATE settings SET value = '0' WHERE name = 'version'")
    request.getfixturevalue("no_room")
    async with await opened(archive) as index:
        with pytest.raises(sqlite3.OperationalError, match="full"):
            await index.catch_up()
        assert not (archive.folder / store.INDEX_NAME).exists()
        index._keeper.projection.db.execute("PRAGMA max_page_count = 100000")  # as much as was made
        await index.catch_up()
        assert not index.rebuilding
        assert await count(index, "club") == 200
