# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two nodes find each other by zeroconf, on loopback only; and a network that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from convergences_node.network.addresses import peer_id
from convergences_node.network.discovery import Discovery
from convergences_node.network.nearby import Nearby


async def test_two_nodes_on_one_network_see_each_other() -> None:
    """Each is told the other's key and address, and never its own."""
    keys = [bytes([number]) * 32 for number in (1, 2)]
    seen: list[asyncio.Future[tuple[bytes, list[str]]]] = [asyncio.get_running_loop().create_future() for _ in keys]

    def note(at: int, key: bytes, addresses: Sequence[str]) -> None:
        if key in keys and not seen[at].done():  # a node of somebody's may be on the same network
            seen[at].set_result((key, list(addresses)))

    nodes = [Discovery(key, partial(note, at), ["127.0.0.1"]) for at, key in enumerate(keys)]
    try:
        for at, (node, key) in enumerate(zip(nodes, keys, strict=True)):
            await node.start([f"/ip4/127.0.0.1/tcp/{4750 + at}/p2p/{peer_id(key)}"])
        async with asyncio.timeout(15):
            found = await asyncio.gather(*seen)
    finally:
        await asyncio.gather(*(node.stop() for node in nodes))
    assert found == [
        (keys[1], [f"/ip4/127.0.0.1/tcp/4751/p2p/{peer_id(keys[1])}"]),
        (keys[0], [f"/ip4/127.0.0.1/tcp/4750/p2p/{peer_id(keys[0])}"]),
    ]


async def test_a_node_that_starts_before_its_network_is_found_when_it_comes() -> None:
    """A Pi is up before its Wi-Fi is; the router is switched off, and gives another address in the morning."""
    heard: list[tuple[bytes, list[str]]] = []
    here = ["127.0.0.1"]
    key = bytes([3]) * 32
    nearby = Nearby(
        key,
        lambda found, addresses: heard.append((found, list(addresses))),
        lambda: [f"/ip4/{here[0]}/tcp/4752/p2p/{peer_id(key)}"],
        lambda: here[0],
    )
    try:
        assert not await nearby.look(), "there is no network but the machine's own"
        here[0] = "127.0.0.2"
        assert await nearby.look() and await nearby.look(), "there is one now, and it stays"
        here[0] = "198.51.100.7"  # of a network that this machine is not on (RFC 5737)
        assert not await nearby.look(), "an address that is gone again by the time it is used"
        here[0] = "127.0.0.3"
        assert await nearby.look()
    finally:
        await nearby.stop()
