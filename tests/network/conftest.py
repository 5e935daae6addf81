# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the network's tests share: keys from a number, a listener that remembers, transports that are always stopped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
from convergences_node.network.libp2p_transport import Libp2pSettings, Libp2pTransport
from convergences_node.network.transport import Link
from convergences_protocol.keys import SigningKey

LOOPBACK = "/ip4/127.0.0.1/tcp/0"
WITHIN = 20.0
"""No event of these tests takes so long unless it never comes."""


class Remembers:
    """A listener that keeps what it was told, and lets a test wait for it."""

    def __init__(self, *, consumes: bool = True) -> None:
        self.links: dict[bytes, Link] = {}
        self.frames: list[tuple[bytes, bytes]] = []
        self.announcements: list[bytes] = []
        self.misdeeds: list[tuple[bytes, str]] = []
        self.joins: list[bytes] = []
        self.drains: list[tuple[bytes, int]] = []
        self.connections = 0
        self.consumes = consumes
        self._changed = asyncio.Condition()

    def connected(self, link: Link) -> None:
        self.links[link.key] = link
        self.connections += 1
        self._tell()

    def disconnected(self, key: bytes) -> None:
        self.links.pop(key, None)
        self._tell()

    def misbehaved(self, key: bytes, reason: str) -> None:
        self.misdeeds.append((key, reason))
        self._tell()

    def received(self, key: bytes, frame: bytes, consumed: Callable[[], None]) -> None:
        self.frames.append((key, frame))
        if self.consumes:
            consumed()
        self._tell()

    def drained(self, key: bytes, frames: int) -> None:
        self.drains.append((key, frames))
        self._tell()

    def heard(self, data: bytes) -> None:
        self.announcements.append(data)
        self._tell()

    def join_asked(self, key: bytes, request: bytes, answer: Callable[[bytes], None]) -> None:
        self.joins.append(key)
        answer(b"welcome " + request)
        self._tell()

    def _tell(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._task = asyncio.get_running_loop().create_task(notify())

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN), self._changed:
            await self._changed.wait_for(true)


@dataclass(frozen=True)
class Node:
    """One transport, the key that it proves, and what it told."""

    key: bytes
    transport: Libp2pTransport
    told: Remembers


class Net:
    """Transports of one test."""

    def __init__(self) -> None:
        self._started: list[Libp2pTransport] = []

    def key(self, number: int) -> SigningKey:
        return SigningKey.from_seed(number.to_bytes(32, "big"))

    async def node(
        self, number: int, *, consumes: bool = True, listen: tuple[str, ...] = (LOOPBACK,), **settings: Any
    ) -> Node:
        transport = Libp2pTransport(Libp2pSettings(self.key(number).seed, listen, **settings))
        listener = Remembers(consumes=consumes)
        await transport.start(listener)
        self._started.append(transport)
        return Node(self.key(number).public, transport, listener)

    async def link(self, dialler: Node, to: Node) -> None:
        """Make two nodes members of each other's cluster, have one dial the other, and wait until both know."""
        to.transport.allow({dialler.key})
        dialler.transport.allow({to.key})
        dialler.transport.reach({to.key: to.transport.addresses()})
        await dialler.told.until(lambda: to.key in dialler.told.links)
        await to.told.until(lambda: dialler.key in to.told.links)

    async def in_trio(self, node: Node, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Run `work(host)` inside a transport's trio thread: what a hostile program could do there."""
        host = node.transport._host
        done: Future[Any] = Future()

        async def run() -> None:
            try:
                done.set_result(await work(host))
            except Exception as error:
                done.set_exception(error)

        node.transport._in_thread(lambda: host._nursery.start_soon(run))
        return await asyncio.wait_for(asyncio.wrap_future(done), WITHIN)

    async def close(self) -> None:
        await asyncio.gather(*(transport.stop() for transport in self._started))


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    yield net
    await net.close()


def resident_bytes() -> int:
    """This process's resident memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
