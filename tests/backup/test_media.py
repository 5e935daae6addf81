# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures in a backup: those that nobody else has, and no others; and they are back with the town."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from convergences_node.backup import media
from convergences_node.backup.restoring import restore
from convergences_node.founding import Founded, create_town
from convergences_node.media.gathering import Gathering
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.recovery import read_sheet

from tests.network.whole_towns import PLAINE_COMMUNE, SAINT_DENIS, Territory, ask, until

from ..media.pictures import drawn, written


@pytest.fixture
async def territory(tmp_path: Path) -> AsyncIterator[Territory]:
    territory = Territory(tmp_path)
    yield territory
    await territory.close()


async def named(town: Town, folder: Path, name: str, size: int) -> set[str]:
    """An element with a picture; the digests of the files that it names."""
    before = digests(town)
    path = folder / f"{name}.png"
    path.write_bytes(written(drawn(size, size), "PNG"))
    element = (await ask(town, "add", kind="actor", fields={"name": name, "type": "association"}))["element"]
    await ask(town, "media_add", element=element, path=str(path), use="logo", alt=name)
    await town.index.catch_up()
    return digests(town) - before


def digests(town: Town) -> set[str]:
    return {blob.digest.hex() for blob in town.blobs.store.blobs()}


async def test_what_no_peer_holds_is_in_the_backup(territory: Territory, tmp_path: Path) -> None:
    """The agglomeration has come for the first picture; the second was added since."""
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    for each in (agglomeration, town):
        each.config.blobs.free_mib = 0
    await territory.join(agglomeration, town)
    first = await named(town, tmp_path, "Vélos", 300)
    alone = await media.alone_here(town, 1 << 30)
    assert {blob.digest.hex() for blob in alone.blobs} == first

    async def gathered() -> bool:
        await Gathering(agglomeration).gather_all()
        return digests(agglomeration) == first

    await until(gathered)
    second = await named(town, tmp_path, "Jardins", 200)
    alone = await media.alone_here(town, 1 << 30)
    assert {blob.digest.hex() for blob in alone.blobs} == second
    assert (await media.alone_here(agglomeration, 1 << 30)).blobs == (), "a town's pictures are the town's to back up"
    town.blobs.holders = None
    alone = await media.alone_here(town, 1 << 30)
    assert {blob.digest.hex() for blob in alone.blobs} == first | second, "nobody can be asked"
    largest = max(blob.size for blob in alone.blobs)
    small = await media.alone_here(town, largest)
    assert small.left_out and sum(blob.size for blob in small.blobs) <= largest


async def test_pictures_come_back_with_the_town(tmp_path: Path) -> None:
    """A node that runs alone: all of them are in it, each under the digest of its bytes."""
    founded: Founded = await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis", facts=None)
    async with Town.open(tmp_path / "node") as town:
        town.config.blobs.free_mib = 0
        there = await named(town, tmp_path, "Vélos", 300)
        (tmp_path / "stick").mkdir()
        answer = await perform(town, "backup", {"target": str(tmp_path / "stick")}, lambda event: None)
        assert (answer["media"], answer["media_left_out"]) == (len(there), 0)
    (path,) = (tmp_path / "stick").glob("*.age")
    restore(path, read_sheet("\n".join(founded.recovery_sheet)), tmp_path / "again")
    async with Town.open(tmp_path / "again") as town:
        assert digests(town) == there
        assert all(town.blobs.store.is_sound(blob) for blob in town.blobs.store.blobs())
