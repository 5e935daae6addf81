# SPDX-License-Identifier: AGPL-3.0-or-later
"""Liars over real libp2p streams, against a real node: one clear line each, memory bounded, an honest peer served.

What a liar says in well-formed frames is the machine's to judge (`test_lying_peers.py`); some of it is said here over a
real stream too. What it does below the frames (a length of 4 GiB, frames without end, ten thousand streams, a frame of
one byte a second, deaf ears) is done with the liar's own host, in its trio thread. All the while an honest town writes,
and what it writes is to be found at the node.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import trio
from convergences_node.network.libp2p_transport import Libp2pTransport
from convergences_protocol.replication import frames, messages
from convergences_protocol.replication.limits import DIGESTS_MAX

from tests.network.conftest import resident_bytes

from .cluster import WITHIN_S, Cluster, Node, warnings
from .test_lying_peers import LIES, twist

FRAME_S = 3.0
"""What one frame may take here; a minute in earnest."""
MEMORY_MAX = 64 * 1024 * 1024
"""What a lie may cost this process, in which all three nodes live; most of it is the liar's own buffers."""


@pytest.fixture
async def streams(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path, over_libp2p=True, frame_s=FRAME_S)
    yield cluster
    await cluster.close()


async def in_trio(liar: Node, work: Callable[[Any], Awaitable[None]]) -> None:
    """Do something hostile with the liar's own host; what it breaks on its own side is the liar's affair."""
    assert liar.town.network is not None
    transport = liar.town.network.p2p
    assert isinstance(transport, Libp2pTransport)
    host = transport._host
    assert host is not None
    done: Future[None] = Future()

    async def run() -> None:
        try:
            with trio.move_on_after(WITHIN_S):
                await work(host)
        except Exception:
            pass  # its connection was closed under it, as it should be
        finally:
            done.set_result(None)  # also when the liar is stopped while it lies

    transport._in_thread(lambda: host.nursery.start_soon(run))
    await asyncio.wrap_future(done)


async def connected(node: Node, peer: Node) -> bool:
    peers = {each["key"]: each for each in (await node.ask("peers"))["peers"]}
    return peer.key.hex() in peers and bool(peers[peer.key.hex()]["connected"])


async def until_connected(node: Node, peer: Node) -> None:
    await node.until(lambda: connected(node, peer), f"{peer.name} is connected")


async def until_told(node: Node, caplog: pytest.LogCaptureFixture, peer: Node, words: str) -> list[str]:
    """The lines that say this of that peer, once there is one."""

    def lines() -> list[str]:
        said = [record.getMessage() for record in caplog.records]
        return [line for line in said if peer.key.hex()[:12] in line and words in line]

    async def told() -> bool:
        return bool(lines())

    await node.until(told, f"a line with {words!r}")
    return lines()


async def _length_of_4_gib(liar: Any, key: bytes) -> None:
    await liar.links.open[key].stream.write(b"\xff\xff\xff\xff" + bytes(1000))


async def _ten_thousand_streams(liar: Any, key: bytes) -> None:
    muxed = liar.links.open[key].stream.muxed_conn
    for number in range(10_001, 30_001, 2):
        await muxed._write_frame(struct.pack("!BBHII", 0, 1, 1, number, 0))


async def _one_byte_at_a_time(liar: Any, key: bytes) -> None:
    """Never silent for long, and never done: a frame of a kilobyte would take a quarter of an hour."""
    stream = liar.links.open[key].stream
    await stream.write(struct.pack(">I", 1000))
    while True:
        await stream.write(b"\x00")
        await trio.sleep(FRAME_S / 3)


async def _questions_without_end(liar: Any, key: bytes) -> None:
    stream = liar.links.open[key].stream
    frame = frames.encode(messages.WantBodies((bytes(32),) * DIGESTS_MAX))
    while True:
        await stream.write(struct.pack(">I", len(frame)) + frame)


async def _frames_without_end(liar: Any, key: bytes) -> None:
    """Each of them in order, and all of them too much: nobody's fault, so it is only left, and may come again."""
    stream = liar.links.open[key].stream
    frame = frames.encode(messages.Hello(messages.VERSION, ()))
    while True:
        await stream.write((struct.pack(">I", len(frame)) + frame) * 10_000)


STREAM_LIES: dict[str, tuple[Callable[[Any, bytes], Awaitable[None]], str]] = {
    "a length of 4 GiB": (_length_of_4_gib, "announced a frame of 4294967295 bytes"),
    "ten thousand streams": (_ten_thousand_streams, "streams over its bound"),
    "one byte a second": (_one_byte_at_a_time, "has not ended a frame"),
    "questions without end": (_questions_without_end, "more than 32 questions at the same time"),
    "frames without end": (_frames_without_end, "asks for more than its share"),
}


@pytest.mark.parametrize("what", STREAM_LIES)
async def test_a_liar_on_the_wire_is_dropped_and_an_honest_peer_is_served_meanwhile(
    streams: Cluster, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    lie, words = STREAM_LIES[what]
    node, town, liar = await streams.cluster("saint-denis", "epinay")
    await until_connected(node, liar)
    await until_connected(node, town)
    caplog.set_level(logging.INFO, "convergences_node.network")
    caplog.clear()
    before = resident_bytes()
    lying = asyncio.create_task(in_trio(liar, lambda host: lie(host, node.key)))
    for number in range(5):
        await town.write(f"written while {number} lies")
        await node.until_finds(f"written while {number} lies")
    told = await until_told(node, caplog, liar, words)
    assert len(told) == 1, told
    assert len(warnings(caplog.records)) <= 1
    assert resident_bytes() - before < MEMORY_MAX
    await town.write("written after the lie")
    await node.until_finds("written after the lie")
    assert await connected(node, town)
    assert (await node.ask("status"))["doubts"] == []
    await streams.stop(liar)
    await lying


@pytest.mark.parametrize("what", ["a body that does not match", "a shortened tree", "bytes that are no message"])
async def test_what_is_false_over_a_real_stream_is_refused(
    streams: Cluster, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """The neighbour relays a town's log, and lies about it; another town is served while it does."""
    node, town, liar, honest = await streams.cluster("saint-denis", "epinay", "stains")
    await liar.ask("follow", keep="all")
    await streams.acquaint(liar, town)
    await streams.stop(node)
    await town.write("the truth", "all of it")
    await liar.until_holds(town.origin, 3)
    origin = town.origin
    await streams.stop(town)
    twist(liar, LIES[what])
    caplog.clear()
    await streams.start(node)
    await honest.write("served meanwhile")
    await node.until_finds("served meanwhile")
    told = await until_told(node, caplog, liar, "is dropped for 3600 s")
    assert len(told) == 1
    assert await node.size(origin) in (0, 1)
    await streams.start(town)
    await node.until_finds("the truth", "all of it")
    assert await node.headers(origin) == await town.headers(origin)
