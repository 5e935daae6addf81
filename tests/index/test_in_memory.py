# SPDX-License-Identifier: AGPL-3.0-or-later
"""An index on a card that takes no write: one that is behind, of another layout or not there is made up for in memory,
as far as there is room; and it says how far it came."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from convergences_node import read_only
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.archive.options import Options
from convergences_node.index import in_memory, store
from convergences_node.index.index import Index
from convergences_node.index.query import Query
from convergences_protocol.errors import LocalError

from ..archive.making import NOW, key_of

WHY = "read-only file system"


def actors(*names: str) -> list[NewRecord]:
    return [NewRecord("actor", {"name": name, "type": "association", "summary": f"{name} " * 30}) for name in names]


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """A town with three actors on its card, of which the index there has two."""
    options = Options(clock=lambda: NOW, machine=lambda: "board 1")
    folder = tmp_path / "card"
    made = await Archive.create(folder, "FR-93066", key_of("FR-93066"), key_of("r").public, options=options)
    async with made:
        await made.append(actors("Vélo Club", "Chorale"))
        async with await Index.open(folder, made, clock=lambda: NOW, follow=False) as index:
            await index.follow(None)
        await made.append(actors("Ludothèque"))
        yield made


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine has its memory."""
    place = tmp_path / "memory"
    place.mkdir()
    for name in ("RUNTIME_FOLDER", "SHARED_MEMORY"):
        monkeypatch.setattr(read_only, name, place)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


async def opened(archive: Archive) -> Index:
    index = await Index.open(archive.folder, archive, clock=lambda: NOW, follow=False, read_only=WHY)
    await index.follow(None)
    return index


async def found(index: Index) -> list[str]:
    return sorted(item.name for item in (await index.search(Query(kinds=("actor",)))).items)


async def behind(index: Index) -> int:
    return sum(each.size - each.applied for each in await index.coverage())


def databases(place: Path) -> list[Path]:
    return list(place.rglob("*.db"))


def on_card(archive: Archive) -> bytes:
    return (archive.folder / store.INDEX_NAME).read_bytes()


async def test_one_that_is_behind_is_copied_and_followed_on(archive: Archive) -> None:
    """What the town acknowledged in its last minute before the card failed is found; the card is as it was."""
    before = on_card(archive)
    async with await opened(archive) as index:
        assert await found(index) == ["Chorale", "Ludothèque", "Vélo Club"]
        assert await behind(index) == 0 and not index.rebuilding
        assert index.folder != archive.folder
        with pytest.raises(LocalError, match="takes no write"):
            await index.reindex()
    assert on_card(archive) == before
    async with await opened(archive) as index:  # the node starts again: what is in memory is gone on with
        assert await found(index) == ["Chorale", "Ludothèque", "Vélo Club"]


async def test_one_that_is_whole_serves_from_the_card(archive: Archive, memory: Path) -> None:
    """And takes no memory."""
    async with await Index.open(archive.folder, archive, clock=lambda: NOW, follow=False) as index:
        await index.follow(None)
    async with await opened(archive) as index:
        assert len(await found(index)) == 3
        assert index.folder == archive.folder
        with pytest.raises(LocalError, match="takes no write"):
            await index.reindex()
    assert not databases(memory)


async def test_one_of_another_layout_is_made_in_memory(archive: Archive) -> None:
    """The card of a town goes into a machine with a newer program."""
    with closing(store.open_writer(archive.folder / store.INDEX_NAME)) as db:
        db.execute("UPDATE settings SET value = 'an older one' WHERE name = 'version'")
    before = on_card(archive)
    async with await opened(archive) as index:
        assert await found(index) == ["Chorale", "Ludothèque", "Vélo Club"]
        assert await behind(index) == 0
    assert on_card(archive) == before


async def test_where_a_copy_has_no_room_the_card_s_own_serves(
    archive: Archive, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it lacks is said, for pages to tell."""
    monkeypatch.setattr(in_memory, "BYTES_MAX", 64 * 1024)
    async with await opened(archive) as index:
        assert await found(index) == ["Chorale", "Vélo Club"]
        assert await behind(index) == 1
    assert not databases(memory)


async def test_what_is_made_anew_stops_where_the_room_ends(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has found room is searched, what has not is counted, and the node is ready: nothing is waited for."""
    for some in range(10):
        await archive.append(actors(*(f"Club {some} {number}" for number in range(200))))
    store.remove(archive.folder / store.INDEX_NAME)
    monkeypatch.setattr("convergences_node.index.following.BATCH_BYTES_MAX", 64 * 1024)
    monkeypatch.setattr(in_memory, "BYTES_MAX", 3 << 20)
    async with await opened(archive) as index:
        lacking = await behind(index)
        assert 0 < lacking < 2_004 and not index.rebuilding and index.version is not None
        assert (await index.search(Query(text="ludothèque"))).items
        assert (index.folder / store.INDEX_NAME).stat().st_size <= 3 << 20
        await index.catch_up()
        assert await behind(index) == lacking


async def test_a_card_that_is_written_again_leaves_nothing_in_memory(archive: Archive, memory: Path) -> None:
    """It was repaired, and the machine was not switched off."""
    async with await opened(archive):
        assert databases(memory)
    async with await Index.open(archive.folder, archive, clock=lambda: NOW, follow=False) as index:
        await index.follow(None)
        assert len(await found(index)) == 3
    assert not databases(memory)
