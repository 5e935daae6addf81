# SPDX-License-Identifier: AGPL-3.0-or-later
"""What cosignatures cost a card: one sync a transaction (`synchronous=FULL`), counted in SQLite's own log."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import CosignatureRow, NewRecord
from convergences_node.clockwork import Clockwork
from convergences_node.founding import create_town
from convergences_node.network import heard_cosignatures
from convergences_node.network.heard_cosignatures import HeardCosignatures
from convergences_node.town import Town as OpenTown
from convergences_protocol import checkpoint
from convergences_protocol.cosignature import Cosignature, verify_cosignature

from .making import NOW, RemoteLog, Town

TOWNS = 40
WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


def syncs(folder: Path) -> int:
    """Transactions in the write-ahead log: a frame that ends one has the database's size (sqlite.org/fileformat2)."""
    data = (folder / "archive.db-wal").read_bytes()
    page = struct.unpack_from(">I", data, 8)[0]
    salts, count = data[16:24], 0
    for at in range(WAL_HEADER_BYTES, len(data), FRAME_HEADER_BYTES + page):
        if data[at + 8 : at + 16] != salts:
            break
        count += struct.unpack_from(">I", data, at + 4)[0] > 0
    return count


def actor(name: str) -> NewRecord:
    return NewRecord("actor", {"name": name, "type": "association"})


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[OpenTown]:
    """An agglomeration that holds forty towns' logs whole."""
    folder = tmp_path / "hub"
    await create_town(folder, "FR-200057867", "agglomeration", "Plaine Commune", facts=None, settings={})
    async with OpenTown.open(folder) as town:
        for number in range(TOWNS):
            neighbour = Town(f"FR-{93_001 + number}")
            await town.archive.keep_log(neighbour.identity)
            await town.archive.keep_batch(*RemoteLog(neighbour, neighbour.actors("one")).batch(0))
        await town.erasures.drop_due()
        yield town


async def test_all_that_is_due_is_cosigned_with_one_sync(hub: OpenTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty towns and itself: durable in one transaction before anybody is told, each line for the head here."""
    told: list[tuple[str, int, Cosignature]] = []

    def tell(origin: str, size: int, line: Cosignature) -> None:
        assert syncs(hub.folder) == before + 1
        told.append((origin, size, line))

    monkeypatch.setattr(hub, "cosigned", tell)
    clockwork = Clockwork(hub)
    before = syncs(hub.folder)
    await clockwork.cosign()
    assert len(told) == TOWNS + 1
    for origin, size, line in told:
        state = await hub.archive.read(lambda reader, origin=origin: reader.log(origin))  # type: ignore[misc]
        assert state is not None and state.head_note is not None and state.size == size
        head = checkpoint.parse(state.head_note)
        verify_cosignature(head, line.line, hub.membership.own.origin, hub.membership.own.key)
        (row,) = await hub.archive.read(lambda reader, origin=origin: reader.cosignatures(origin))  # type: ignore[misc]
        assert (row.line, row.size) == (line.line, size)
    await clockwork.cosign()
    assert len(told) == TOWNS + 1 and syncs(hub.folder) == before + 1, "nothing new is said twice"


async def test_nothing_is_told_that_could_not_be_written(hub: OpenTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that fails: no line leaves, and all are due again."""
    told: list[str] = []
    monkeypatch.setattr(hub, "cosigned", lambda origin, size, line: told.append(origin))
    clockwork = Clockwork(hub)
    hub.archive._writer.broken = "no room"
    with pytest.raises(Exception, match="no room"):
        await clockwork.cosign()
    assert told == []
    hub.archive._writer.broken = None
    await clockwork.cosign()
    assert len(told) == TOWNS + 1


def heard_from(hub: OpenTown, number: int, time: int) -> CosignatureRow:
    """A town's word on the hub's own log. Nothing checks it here: that was done before."""
    name = f"convergences/FR-{93_001 + number}/1"
    return CosignatureRow(hub.membership.own.origin, name, 1, time, f"{name} {time}".encode())


async def lines(archive: Archive, origin: str) -> set[bytes]:
    return {row.line for row in await archive.read(lambda reader: reader.cosignatures(origin))}


async def until(archive: Archive, origin: str, count: int) -> None:
    async with asyncio.timeout(10):
        while len(await lines(archive, origin)) < count:  # noqa: ASYNC110 - no event says what was written
            await asyncio.sleep(0.01)


async def test_what_towns_say_costs_one_sync_a_minute(hub: OpenTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is written at once; the others when the minute is over, all together."""
    monkeypatch.setattr(heard_cosignatures, "WRITE_EVERY_S", 0.5)
    own, heard, before = hub.membership.own.origin, HeardCosignatures(hub.archive), syncs(hub.folder)
    await heard.add([heard_from(hub, 0, NOW)])
    await until(hub.archive, own, 1)
    for number in range(1, TOWNS):
        await heard.add([heard_from(hub, number, NOW)])
    await until(hub.archive, own, TOWNS)
    assert 2 <= syncs(hub.folder) - before <= 3
    await heard.stop()


async def test_what_towns_say_rides_with_whatever_is_written(hub: OpenTown) -> None:
    """A head that is cosigned and not yet written so stays when the next one comes: a receipt needs it."""
    own = hub.membership.own.origin
    await hub.archive.append([actor("before")])
    head = await hub.archive.read(lambda reader: reader.head(own))
    assert head is not None
    before = syncs(hub.folder)
    row = CosignatureRow(own, "convergences/FR-93001/1", head[0], NOW, b"said")
    await hub.archive.hear_cosignatures([row, heard_from(hub, 70, NOW)])
    assert await lines(hub.archive, own) == set() and syncs(hub.folder) == before
    await hub.archive.append([actor("after")])
    assert b"said" in await lines(hub.archive, own) and syncs(hub.folder) == before + 1
    assert await hub.archive.read(lambda reader: reader.head(own, head[0])) == head


async def test_what_waits_is_written_when_the_node_stops(hub: OpenTown) -> None:
    """And nothing of a log that is not here."""
    own = hub.membership.own.origin
    await hub.archive.hear_cosignatures([heard_from(hub, 3, NOW), CosignatureRow("nobody", "n", 1, NOW, b"x")])
    await hub.archive.close()
    async with await Archive.open(hub.folder) as archive:
        assert len(await lines(archive, own)) == 1
