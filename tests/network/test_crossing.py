# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two towns that dial each other at the same moment agree on one link; no word of one is heard on the other."""

from __future__ import annotations

import asyncio
from typing import Any

from convergences_node.network.transport import Link

from tests.network.conftest import WITHIN, Node

PAIRS = 6


class Talks:
    """Says hello on every link before anything else, and notes whoever does not: as the replication machine does."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.greeted: set[bytes] = set()
        self.rude: list[bytes] = []
        self.connections = 0
        self.node.told.connected = self.connected  # type: ignore[method-assign]
        self.node.told.received = self.received  # type: ignore[method-assign]

    def connected(self, link: Link) -> None:
        self.connections += 1
        self.node.told.links[link.key] = link
        self.greeted.discard(link.key)
        self.node.transport.send(link.key, b"hello")
        self.chat(link.key)

    def received(self, key: bytes, frame: bytes, consumed: Any) -> None:
        consumed()
        if frame == b"hello":
            self.greeted.add(key)
        elif key not in self.greeted:
            self.rude.append(frame)
        self.node.told._tell()

    def chat(self, key: bytes) -> None:
        for _ in range(20):
            self.node.transport.send(key, b"more")


async def test_two_that_dial_each_other_settle_on_one_link(net: Any) -> None:
    """Both hear hello first, on every link there is, and soon there is one that both use."""
    for pair in range(PAIRS):
        one, two = await net.node(2 * pair + 1), await net.node(2 * pair + 2)
        talks = Talks(one), Talks(two)
        one.transport.allow({two.key})
        two.transport.allow({one.key})
        one.transport.reach({two.key: two.transport.addresses()})
        two.transport.reach({one.key: one.transport.addresses()})
        for this, other in ((talks[0], two), (talks[1], one)):
            await this.node.told.until(lambda this=this, other=other: other.key in this.greeted)  # type: ignore[misc]
        await both_hear_each_other(talks)
        assert talks[0].rude == talks[1].rude == [], "a frame of another link came before hello"
        # Two crossings in a row happen on a busy machine; taking turns would go on for ever.
        assert max(talk.connections for talk in talks) <= 6, "the two links took turns instead of settling"


async def both_hear_each_other(talks: tuple[Talks, Talks]) -> None:
    """Once settled, what either says arrives."""
    for this, other in (talks, talks[::-1]):
        arrived = asyncio.Event()
        received = other.received

        def hear(
            key: bytes, frame: bytes, consumed: Any, received: Any = received, arrived: asyncio.Event = arrived
        ) -> None:
            received(key, frame, consumed)
            if frame == b"now":
                arrived.set()

        other.node.told.received = hear  # type: ignore[method-assign]
        async with asyncio.timeout(WITHIN):
            while not arrived.is_set():
                if other.node.key in this.node.told.links:
                    this.node.transport.send(other.node.key, b"now")
                await asyncio.sleep(0.05)
