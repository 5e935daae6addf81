# SPDX-License-Identifier: AGPL-3.0-or-later
"""A member of the cluster that lies: dropped, remembered, one clear line; honest peers and honest logs unaffected.

The liar is a real town that relays its neighbour's log, with a hand on its wire. The same over real libp2p streams, and
what breaks the transport's own bounds there, is in `test_lying_streams.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from convergences_protocol.replication import frames
from convergences_protocol.replication.messages import Batch, Heads, Message

from .cluster import Cluster, Node, warnings

Lie = Callable[[Message], Message | bytes | None]


def twist(node: Node, lie: Lie) -> None:
    """From now on, what this node says goes through `lie`; None is silence."""
    assert node.town.network is not None
    transport = node.town.network.p2p
    assert transport is not None
    honest = transport.send

    def send(key: bytes, frame: bytes) -> None:
        said = lie(frames.decode(frame))
        if said is not None:
            honest(key, said if isinstance(said, bytes) else frames.encode(said))

    transport.send = send  # type: ignore[method-assign]


def only_batches(change: Callable[[Batch], Message | bytes | None]) -> Lie:
    return lambda message: change(message) if isinstance(message, Batch) else message


def _other_body(batch: Batch) -> Batch:
    bodies = tuple(body[:-1] + bytes([body[-1] ^ 1]) if isinstance(body, bytes) else body for body in batch.bodies)
    return replace(batch, bodies=bodies)


def _other_record(batch: Batch) -> Batch:
    return replace(batch, headers=(*batch.headers[:-1], batch.headers[0]))


def _other_proof(batch: Batch) -> Batch:
    return replace(batch, proof=(bytes(32), *batch.proof))


def _shortened(batch: Batch) -> Batch:
    """As if the tree ended earlier: fewer records, and a proof that belongs to more."""
    return replace(batch, headers=batch.headers[:-1], bodies=batch.bodies[:-1])


def _elsewhere(batch: Batch) -> Batch:
    return replace(batch, start=batch.start + 1)


def _a_false_head(message: Message) -> Message:
    if isinstance(message, Heads) and message.heads:
        head = message.heads[0]
        return Heads((replace(head, note=head.note[:-8] + b"AAAAAA=\n"),))
    return message


LIES: dict[str, Lie] = {
    "a body that does not match": only_batches(_other_body),
    "another record in the place of one": only_batches(_other_record),
    "a wrong proof": only_batches(_other_proof),
    "a shortened tree": only_batches(_shortened),
    "records that were not asked for": only_batches(_elsewhere),
    "bytes that are no message": only_batches(lambda batch: b"\xff" * 100),
    "a frame of nothing": only_batches(lambda batch: b""),
    "a head that its author did not sign": _a_false_head,
}


@pytest.mark.parametrize("what", LIES)
async def test_a_liar_is_dropped_and_remembered_and_the_truth_arrives(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """The neighbour alone could give the town's log, and lies about it; the town itself comes back, and gives it."""
    agglomeration, town, liar = await cluster.cluster("saint-denis", "epinay")
    await liar.ask("follow", keep="all")
    await cluster.acquaint(liar, town)
    await liar.write("from the liar, before it lied")
    await agglomeration.until_finds("from the liar, before it lied")
    await cluster.stop(agglomeration)
    await town.write("the truth", "all of it")
    await liar.until_holds(town.origin, 3)
    origin = town.origin
    await cluster.stop(town)
    twist(liar, LIES[what])
    caplog.clear()

    await cluster.start(agglomeration)

    async def dropped() -> bool:
        peers = (await agglomeration.ask("peers"))["peers"]
        return any(peer["misdeeds"] == 1 and not peer["connected"] for peer in peers)

    await agglomeration.until(dropped)
    told = [
        line for line in warnings(caplog.records) if liar.key.hex()[:12] in line and "is dropped for 3600 s" in line
    ]
    assert len(told) == 1
    assert await agglomeration.size(origin) in (0, 1)

    await cluster.start(town)
    await agglomeration.until_finds("the truth", "all of it", "from the liar, before it lied")
    assert await agglomeration.headers(origin) == await town.headers(origin)
    assert (await agglomeration.ask("status"))["doubts"] == []
    peers = {peer["key"]: peer for peer in (await agglomeration.ask("peers"))["peers"]}
    assert peers[town.key.hex()]["misdeeds"] == 0
    assert peers[liar.key.hex()]["last_misdeed"]


@pytest.mark.slow
async def test_a_silent_peer_is_left_for_another_and_tried_again(cluster: Cluster) -> None:
    """It is asked, and never answers: after twenty seconds the honest peer is; nobody is blamed."""
    agglomeration, town, silent = await cluster.cluster("saint-denis", "epinay")
    await silent.ask("follow", keep="all")
    await cluster.acquaint(silent, town)
    await cluster.stop(agglomeration)
    await town.write("behind a silent neighbour")
    await silent.until_holds(town.origin, 2)
    await cluster.stop(town)
    twist(silent, only_batches(lambda batch: None))
    await cluster.start(agglomeration)
    await agglomeration.write("a resident is served meanwhile")
    await agglomeration.until_finds("a resident is served meanwhile")
    await cluster.start(town)
    await agglomeration.until_finds("behind a silent neighbour")
    assert all(peer["misdeeds"] == 0 for peer in (await agglomeration.ask("peers"))["peers"])
