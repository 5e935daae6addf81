# SPDX-License-Identifier: AGPL-3.0-or-later
"""Only HTTP is left between two nodes, and only one can reach the other: what files cannot say is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from convergences_node.archive.reader import ArchiveReader
from convergences_node.blobs.store import Readers
from convergences_node.network import serving
from convergences_protocol import checkpoint, fork
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.messages import Batch
from convergences_protocol.replication.views import Held

from . import cluster as making
from .cluster import Cluster, Node

QUICKLY = {"limits": {"http_poll_s": 1}}


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(making, "SETTINGS", {**making.SETTINGS, **QUICKLY})
    cluster = Cluster(tmp_path)
    yield cluster
    await cluster.close()


async def _apart(cluster: Cluster, one: Node, other: Node) -> None:
    """No line between the two but HTTP: nobody has told an address of that kind yet."""
    cluster.net.sever(one.key, other.key)
    for node in (one, other):
        if not node.town.http_address:
            await cluster.stop(node)
            await cluster.start(node, pages=True)


async def _reads(one: Node, other: Node) -> None:
    """From now on `one` reads the files of `other`."""
    assert other.town.http_address is not None
    await one.town.remember_peer(other.key, other.founded.territory, [other.town.http_address])


async def test_a_body_that_came_late_is_asked_for(cluster: Cluster) -> None:
    """The agglomeration got a record without its body, and has nobody but the town's HTTP address to ask."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await _apart(cluster, agglomeration, town)
    await town.write("said late")
    start = await agglomeration.size(town.origin)
    batch, head = await town.town.archive.read(lambda reader: _without_bodies(reader, town.origin, start))
    state = await agglomeration.log(town.origin)
    assert state is not None
    checked = check_batch(state.frontier, batch, head)
    await agglomeration.town.archive.keep_batch(town.origin, checked, examine(checked))
    assert agglomeration.town.network is not None
    await agglomeration.town.network.driver.log_known(town.origin)
    assert not await agglomeration.finds("said late")
    await _reads(agglomeration, town)
    await agglomeration.until_finds("said late")


def _without_bodies(reader: ArchiveReader, origin: str, start: int) -> tuple[Batch, Held]:
    head = reader.head(origin)
    assert head is not None
    headers = tuple(reader.headers(origin, start, head[0]))
    return Batch(0, start, headers, (False,) * len(headers), ()), serving.held(head[1])


async def test_a_town_that_does_not_know_itself_is_told(cluster: Cluster) -> None:
    """An old card was put back with its guard; whoever reads the town's files holds more of its log, and says so.
    Once it can read them too, it has its tail back, and its new epoch is enrolled."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await cluster.stop(town)
    kept = cluster.image(town)
    await cluster.start(town)
    await town.write("after the image was taken")
    old = town.origin
    await agglomeration.until_finds("after the image was taken")
    await cluster.stop(town)
    cluster.put_back(town, kept)
    await cluster.stop(agglomeration)
    await cluster.start(agglomeration, pages=True)
    cluster.net.cut.add(frozenset((agglomeration.key, town.founded.key)))
    await cluster.start(town, pages=True)
    assert town.origin == old, "it notices nothing by itself"
    await _reads(agglomeration, town)

    async def doubts() -> bool:
        return town.origin != old

    await town.until(doubts, "a new epoch")
    await _reads(town, agglomeration)
    await agglomeration.until_enrolled(town.origin)
    await town.until_finds("after the image was taken")


@pytest.mark.parametrize("reader_has_it", [True, False])
async def test_a_fork_is_told_to_whom_one_reads_and_read_of_them(cluster: Cluster, reader_has_it: bool) -> None:
    """The proof that a third town signed two histories reaches the other node, whichever of the two has it."""
    agglomeration, town, third = await cluster.cluster("saint-denis", "epinay")
    await third.write("once")
    await agglomeration.until_finds("once")
    await town.until_enrolled(third.origin)
    await _apart(cluster, agglomeration, town)
    origin, key = third.origin, third.town.archive.keys.node
    await cluster.stop(third)
    has, lacks = (agglomeration, town) if reader_has_it else (town, agglomeration)
    state = await agglomeration.log(origin)
    assert state is not None and state.head_note is not None
    other = checkpoint.sign(Checkpoint(origin, state.head_size, bytes(32)), key)
    proof = fork.ForkProof(other, state.head_note, checkpoint.parse(state.head_note).root, ()).encode()
    await has.town.archive.keep_fork(origin, proof)
    assert has.town.network is not None
    await has.town.network.driver.log_known(origin)
    await _reads(agglomeration, town)

    async def knows() -> bool:
        return bool(await lacks.town.archive.read(lambda reader: reader.forks(origin)))

    await lacks.until(knows, "the fork proof")


async def test_files_come_this_way_too_also_those_that_are_for_nodes_alone(cluster: Cluster) -> None:
    """In ranges, from where the other was found, with the asking node's signature; a stranger is given nothing."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await _apart(cluster, agglomeration, town)
    await _reads(agglomeration, town)
    data = bytes(range(256)) * 4_000
    blob = await town.town.blobs.add_bytes(data, Readers.PEERS)
    assert agglomeration.town.network is not None and town.key in agglomeration.town.network.http_addresses()
    path = await agglomeration.town.blobs.fetch(blob.digest, blob.size, readers=Readers.PEERS)
    assert path.read_bytes() == data
    address = f"{(town.town.http_address or '').rstrip('/')}/blobs/{blob.digest.hex()}"
    async with aiohttp.ClientSession() as session, session.get(address) as stranger:
        assert stranger.status == 404
