# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the libp2p transport promises of peers: who is let in, links that come back, and bounds on what they may do."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from typing import Any

import multiaddr
import pytest
import trio
from convergences_node.network import libp2p_gate, libp2p_links, libp2p_transport
from convergences_node.network.libp2p_link import peer_id_of
from convergences_node.network.libp2p_links import REPLICATE
from convergences_node.network.libp2p_thread import MESH
from convergences_protocol.errors import RemoteError

from tests.network.conftest import WITHIN


async def test_frames_arrive_whole_and_in_order_both_ways(net: Any) -> None:
    """Any size from nothing to the bound; `drained` says when all of them have left."""
    one, two = await net.node(1), await net.node(2)
    await net.link(one, two)
    frames = [b"", b"x", bytes(100_000), bytes(1 << 20), b"last"]
    for frame in frames:
        one.transport.send(two.key, frame)
        two.transport.send(one.key, frame)
    for this, other in ((one, two), (two, one)):
        await this.told.until(lambda this=this: len(this.told.frames) == len(frames))
        assert this.told.frames == [(other.key, frame) for frame in frames]
        await this.told.until(lambda this=this, other=other: (other.key, len(frames)) in this.told.drains)


async def test_gossip_reaches_a_member_once_linked(net: Any) -> None:
    """An announcement is only a hint, so it is published until one arrives."""
    one, two = await net.node(1), await net.node(2)
    await net.link(one, two)
    async with asyncio.timeout(WITHIN):
        number = 0
        while not two.told.announcements:
            number += 1
            one.transport.announce(b"head %d" % number)
            await asyncio.sleep(0.2)


async def test_a_stranger_can_answer_an_invitation_and_nothing_else(net: Any) -> None:
    """Of the protocols, only `join` is served to a key that the charter does not name."""
    node, stranger = await net.node(1), await net.node(2)
    stranger.transport.allow({node.key})
    address = node.transport.addresses()[0]
    assert await stranger.transport.join(address, node.key, b"please") == b"welcome please"

    async def knock(host: Any) -> list[str]:
        refused = []
        for protocol in (REPLICATE, MESH, "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/ipfs/id/push/1.0.0"):
            stream = None
            try:
                stream = await host.links.open_stream(address, node.key, protocol)
                await stream.write(struct.pack(">I", 4) + b"word")
                with trio.fail_after(5):
                    await stream.read(10)
            except Exception:
                refused.append(str(protocol))
        return refused

    assert len(await net.in_trio(stranger, knock)) == 5
    assert node.told.connections == 0 and not node.told.frames


async def test_a_peer_under_another_key_is_not_linked(net: Any) -> None:
    """An address says where; the key says who. Whoever answers there under another key is nobody."""
    node, town = await net.node(1), await net.node(2)
    claimed = net.key(3).public
    with pytest.raises(RemoteError, match="no answer"):
        await town.transport.join(node.transport.addresses()[0], claimed, b"hello")


async def test_a_link_is_closed_when_the_charter_no_longer_names_the_peer(net: Any) -> None:
    one, two = await net.node(1), await net.node(2)
    await net.link(one, two)
    two.transport.allow(set())
    await two.told.until(lambda: one.key not in two.told.links)
    await one.told.until(lambda: two.key not in one.told.links)


async def test_a_lost_link_is_dialled_again_by_itself(net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also across a restart of the other side under the same key and address, which is what kill -9 looks like."""
    monkeypatch.setattr(libp2p_links, "BACKOFF_FIRST_S", 0.1)
    town = await net.node(2)
    agglomeration = await net.node(1)
    await net.link(town, agglomeration)
    port = agglomeration.transport.addresses()[0].split("/")[4]
    await agglomeration.transport.stop()
    await town.told.until(lambda: agglomeration.key not in town.told.links)
    again = await net.node(1, listen=(f"/ip4/127.0.0.1/tcp/{port}",))
    again.transport.allow({town.key})
    await town.told.until(lambda: again.key in town.told.links)


async def test_a_length_of_4_gib_ends_the_link_and_is_remembered(net: Any) -> None:
    """Nothing is allocated for an announced length; the peer that announced it misbehaved."""
    node, liar = await net.node(1), await net.node(2)
    await net.link(liar, node)

    async def lie(host: Any) -> None:
        await host.links.open[node.key].stream.write(b"\xff\xff\xff\xff" + bytes(1000))

    await net.in_trio(liar, lie)
    await node.told.until(lambda: liar.key not in node.told.links)
    assert node.told.misdeeds == [(liar.key, "announced a frame of 4294967295 bytes")]
    assert not node.told.frames


async def test_a_frame_that_drips_ends_the_link_however_often_a_byte_comes(
    net: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The time is the frame's, from its first byte to its last; nobody is blamed, for a line may be bad."""
    node, drip = await net.node(1, frame_s=1.0), await net.node(2)
    await net.link(drip, node)
    drip.transport.send(node.key, b"a frame in good time")

    async def trickle(host: Any) -> None:
        stream = host.links.open[node.key].stream
        await stream.write(struct.pack(">I", 1000))
        with suppress(Exception):
            while True:
                await stream.write(b"x")
                await trio.sleep(0.1)

    await node.told.until(lambda: bool(node.told.frames))
    await net.in_trio(drip, trickle)
    await node.told.until(lambda: drip.key not in node.told.links)
    assert node.told.frames == [(drip.key, b"a frame in good time")] and not node.told.misdeeds
    lines = [record.getMessage() for record in caplog.records if drip.key.hex()[:12] in record.getMessage()]
    assert lines == [f"the link with {drip.key.hex()[:12]} is closed: it has not ended a frame in 1 s"]


async def test_a_stream_without_end_is_handed_over_no_faster_than_it_is_consumed(net: Any) -> None:
    """A peer that sends for ever only fills its own buffers: we hold eight frames and one window."""
    node, talker = await net.node(1, consumes=False), await net.node(2)
    await net.link(talker, node)

    async def talk(host: Any) -> int:
        stream, sent = host.links.open[node.key].stream, 0
        with trio.move_on_after(3):
            while True:
                await stream.write(struct.pack(">I", 1 << 20) + bytes(1 << 20))
                sent += 1
        return sent

    sent = await net.in_trio(talker, talk)
    assert len(node.told.frames) == 8
    assert sent < 8 + 16, "the rest is in the kernel's buffers"


async def test_ten_thousand_streams_are_refused_beyond_the_bound(net: Any) -> None:
    """A few are served, the others reset at once; whoever goes on loses its connection, and it is remembered."""
    node, flooder = await net.node(1), await net.node(2)
    await net.link(flooder, node)

    async def flood(host: Any) -> int:
        muxed = host.links.open[node.key].stream.muxed_conn
        try:
            for number in range(10_001, 30_001, 2):
                await muxed._write_frame(struct.pack("!BBHII", 0, 1, 1, number, 0))
        except Exception:
            return (number - 10_001) // 2
        return 10_000

    await net.in_trio(flooder, flood)
    await node.told.until(lambda: flooder.key not in node.told.links)
    assert any("streams" in reason for _, reason in node.told.misdeeds)

    async def tasks(host: Any) -> int:
        return int(trio.lowlevel.current_statistics().tasks_living)

    assert await net.in_trio(node, tasks) < 400

    other = await net.node(3)
    await net.link(other, node)


async def test_strangers_are_bounded_and_members_still_get_in(net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys knock, only some are held at once, and a member's connection is none of them."""
    monkeypatch.setattr(libp2p_gate, "STRANGERS_MAX", 2)
    node = await net.node(1)
    strangers = [await net.node(number, listen=()) for number in (2, 3, 4, 5)]

    async def connect(host: Any) -> None:
        address = node.transport.addresses()[0]
        with trio.fail_after(WITHIN):
            await host.host.get_network().dial_addr(multiaddr.Multiaddr(address), peer_id_of(node.key))

    for stranger in strangers:
        await net.in_trio(stranger, connect)
    member = await net.node(6)
    await net.link(member, node)

    async def held(host: Any) -> int:
        return len(host.gate.strangers)

    assert await net.in_trio(node, held) <= 2


async def test_a_thread_that_dies_is_started_again(net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the library ends its thread, not the node: links are said to be lost, and come back with it."""
    monkeypatch.setattr(libp2p_transport, "RESTART_FIRST_S", 0.1)
    monkeypatch.setattr(libp2p_links, "BACKOFF_FIRST_S", 0.1)
    node, peer = await net.node(1), await net.node(2)
    await net.link(node, peer)

    async def break_down(host: Any) -> None:
        async def fault() -> None:
            raise RuntimeError("a fault of the library")

        host.nursery.start_soon(fault)

    await net.in_trio(node, break_down)
    await node.told.until(lambda: peer.key not in node.told.links)
    await node.told.until(lambda: peer.key in node.told.links)
    node.transport.send(peer.key, b"still here")
    await peer.told.until(lambda: (node.key, b"still here") in peer.told.frames)
