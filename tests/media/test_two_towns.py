# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures between towns: the agglomeration gathers its towns', gives them back, and forgets them with the records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from convergences_node.media.gathering import Gathering
from convergences_node.town import Town

from tests.network.whole_towns import PLAINE_COMMUNE, SAINT_DENIS, Territory, ask, found, until

from .pictures import drawn, written


@pytest.fixture
async def territory(tmp_path: Path) -> AsyncIterator[Territory]:
    territory = Territory(tmp_path)
    yield territory
    await territory.close()


def files(town: Town) -> dict[str, bytes]:
    return {blob.digest.hex(): blob.path.read_bytes() for blob in town.blobs.store.blobs()}


async def test_pictures_follow_their_records_there_and_back(territory: Territory, tmp_path: Path) -> None:
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    for each in (agglomeration, town):
        each.config.blobs.free_mib = 0
    await territory.join(agglomeration, town)
    (tmp_path / "logo.png").write_bytes(written(drawn(300, 300), "PNG"))
    element = (await ask(town, "add", kind="actor", fields={"name": "Vélos", "type": "association"}))["element"]
    await ask(town, "media_add", element=element, path=str(tmp_path / "logo.png"), use="logo", alt="Un vélo")
    made = files(town)
    assert len(made) == 2

    async def listed() -> bool:
        return bool(
            await found(agglomeration, "vélos") and (await ask(agglomeration, "media_list", element=element))["media"]
        )

    async def gathered() -> bool:
        return files(agglomeration) == made

    await until(listed)
    assert not await Gathering(agglomeration).gather_all()
    await until(gathered)
    assert await Gathering(agglomeration).gather_all()
    # The town's card is lost; what it wants again, the agglomeration gives.
    for digest in made:
        assert await town.blobs.remove(bytes.fromhex(digest))
    await Gathering(town).gather_newest()

    async def back() -> bool:
        return files(town) == made

    await until(back)
    # A bit of one turns on the agglomeration's card; it notices, and asks the town.
    spoilt = next(iter(agglomeration.blobs.store.blobs()))
    spoilt.path.write_bytes(b"\0" + spoilt.path.read_bytes()[1:])
    assert not await Gathering(agglomeration).gather_all()
    await until(gathered)
    assert await Gathering(agglomeration).gather_all()
    await ask(town, "erase", element=element, reason="asked by the person")

    async def put_aside() -> bool:
        return not files(agglomeration) and not files(town)

    await until(put_aside)
