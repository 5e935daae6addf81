# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two faults of py-libp2p 0.8.1 that would kill a node that runs for months, and how it cuts what it sends, pinned.
See `libp2p_mends.py`."""

from __future__ import annotations

import struct
from importlib import metadata
from typing import Any

import pytest
from convergences_node.network import libp2p_mends
from convergences_node.network.libp2p_links import REPLICATE
from convergences_node.network.libp2p_thread import JOIN

SLOTS = 6


async def test_a_listener_serves_more_visitors_in_a_row_than_it_has_slots(net: Any) -> None:
    """Each inbound connection gives its slot back when it ends; without the mend, visitors 7 on are refused."""
    agglomeration = await net.node(1, connections=SLOTS)
    town = await net.node(2, listen=())
    for visit in range(4 * SLOTS):
        answer = await town.transport.join(agglomeration.transport.addresses()[0], agglomeration.key, b"%d" % visit)
        assert answer == b"welcome %d" % visit


async def test_an_ended_connection_leaves_no_task_behind(net: Any) -> None:
    """The slot's task goes with the connection too, or memory grows by each visitor for ever."""
    agglomeration = await net.node(1)
    town = await net.node(2, listen=())

    async def taken(host: Any) -> int:
        return int(host.host.get_network()._inbound_limiter.borrowed_tokens)

    for _ in range(5):
        await town.transport.join(agglomeration.transport.addresses()[0], agglomeration.key, b"x")
    for _ in range(50):
        if await net.in_trio(agglomeration, taken) == 0:
            return
    pytest.fail("inbound slots are still taken after every visitor left")


async def test_a_peer_that_ignores_flow_control_is_dropped(net: Any) -> None:
    """Memory held for a peer is bounded although the peer sends past its window and we do not read."""
    victim, flooder = await net.node(1, consumes=False), await net.node(2)
    await net.link(flooder, victim)
    frame = struct.pack(">I", 1 << 20) + bytes(1 << 20)

    async def flood(host: Any) -> int:
        """What left before the connection ended: the library takes writes to a closed one without a word."""
        stream = host.links.open[victim.key].stream
        muxed, sent = stream.muxed_conn, 0
        number = stream.muxed_stream.stream_id
        try:
            while sent < 200 << 20:
                for at in range(0, len(frame), 32768):
                    if muxed.event_closed.is_set():
                        return sent
                    chunk = frame[at : at + 32768]
                    await muxed._write_frame(struct.pack("!BBHII", 0, 0, 0, number, len(chunk)) + chunk)
                    sent += len(chunk)
        except Exception:
            return sent
        return sent

    sent = await net.in_trio(flooder, flood)
    await victim.told.until(lambda: flooder.key not in victim.told.links)
    held = libp2p_mends.UNREAD_BYTES_MAX + len(victim.told.frames) * (1 << 20)
    assert sent < held + (16 << 20), "what is beyond is in the kernel's buffers, not in ours"


async def test_an_honest_peer_that_is_faster_than_we_read_is_not_dropped(net: Any) -> None:
    """The window that we grant stays under the bound at which a peer is dropped: slowness is not a lie."""
    reader, sender = await net.node(1, consumes=False), await net.node(2)
    await net.link(sender, reader)
    for _ in range(14):
        sender.transport.send(reader.key, bytes(1 << 20))
    await reader.told.until(lambda: len(reader.told.frames) == 8)

    async def unread(host: Any) -> int:
        muxed = host.links.open[sender.key].stream.muxed_conn
        return sum(map(len, muxed.stream_buffers.values()))

    assert await net.in_trio(reader, unread) <= libp2p_mends.UNREAD_BYTES_MAX
    assert sender.key in reader.told.links


async def test_a_large_frame_leaves_in_whole_messages_of_noise(net: Any) -> None:
    """The library's own pieces are each a full message and one of 17 bytes."""
    reader, sender = await net.node(1), await net.node(2)
    await net.link(sender, reader)
    lengths: list[int] = []

    async def listen(host: Any) -> None:
        noise = host.links.open[reader.key].stream.muxed_conn.secured_conn.conn
        encrypt = noise.encrypt

        def counted(data: bytes) -> bytes:
            lengths.append(len(data))
            return bytes(encrypt(data))

        noise.encrypt = counted

    await net.in_trio(sender, listen)
    sender.transport.send(reader.key, bytes(500_000))
    await reader.told.until(lambda: len(reader.told.frames) == 1)
    whole = libp2p_mends.PIECE_BYTES // 2
    assert lengths.count(whole) >= 500_000 // whole - 1, "where the window ends, a piece does too"
    assert (65_536 - whole) not in lengths


def test_another_version_of_the_library_is_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mends reach into private names: under a version that nobody examined, a node lives without libp2p."""
    monkeypatch.setattr(metadata, "version", lambda name: "0.8.2")
    with pytest.raises(ImportError, match=r"0\.8\.2 was not examined"):
        libp2p_mends.apply()


def test_the_protocols_have_their_names() -> None:
    assert (REPLICATE, JOIN) == ("/convergences/replicate/1", "/convergences/join/1")
