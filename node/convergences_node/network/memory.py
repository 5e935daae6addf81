# SPDX-License-Identifier: AGPL-3.0-or-later
"""A network in memory: transports of one process that link to each other, for tests of everything above a transport.

It keeps the promises of `transport.py` (order, whole frames, the allow-list, links that come back) and none of the
weather: a test cuts and mends links by name. `MemoryNet` is the ether; addresses are `memory:<key in hex>`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set

from convergences_protocol.errors import RemoteError

from convergences_node.network.transport import FRAME_BYTES_MAX, JOIN_BYTES_MAX, Answer, Link, Listener, PeerKey


class MemoryNet:
    """Where the transports of one test find each other."""

    def __init__(self) -> None:
        self.transports: dict[PeerKey, MemoryTransport] = {}
        self.cut: set[frozenset[PeerKey]] = set()
        self.gossips = True
        """Whether announcements arrive; they may be lost on any network."""

    def sever(self, one: PeerKey, other: PeerKey) -> None:
        """Cut the line between two nodes until `mend`."""
        self.cut.add(frozenset((one, other)))
        self.transports[one].drop(other)

    def mend(self, one: PeerKey, other: PeerKey) -> None:
        """Let them reach each other again."""
        self.cut.discard(frozenset((one, other)))
        for transport in (self.transports[one], self.transports[other]):
            transport.dial()


class MemoryTransport:
    """One node's end of a network in memory."""

    name = "memory"

    def __init__(self, key: PeerKey, net: MemoryNet) -> None:
        self.key = key
        self._net = net
        self._links: set[PeerKey] = set()
        self._allowed: frozenset[PeerKey] = frozenset()
        self._targets: frozenset[PeerKey] = frozenset()
        self._sent: dict[PeerKey, int] = {}
        self._listener: Listener | None = None
        self.answer: Answer | None = None

    async def start(self, listener: Listener) -> None:
        """Join the ether."""
        self._listener = listener
        self._net.transports[self.key] = self
        for transport in list(self._net.transports.values()):
            transport.dial()

    async def stop(self) -> None:
        """Leave it, as a process that ends does."""
        for key in sorted(self._links):
            self.drop(key)
        self._net.transports.pop(self.key, None)
        self._listener = None

    def addresses(self) -> Sequence[str]:
        """One, which names the key."""
        return [f"memory:{self.key.hex()}"]

    def allow(self, keys: Set[PeerKey]) -> None:
        """See `Transport.allow`."""
        self._allowed = frozenset(keys)
        for key in sorted(self._links - self._allowed):
            self.drop(key)
        for transport in list(self._net.transports.values()):
            transport.dial()

    def reach(self, targets: Mapping[PeerKey, Sequence[str]]) -> None:
        """See `Transport.reach`."""
        self._targets = frozenset(targets)
        self.dial()

    def dial(self) -> None:
        """Link with every target that can be reached and lets us."""
        for key in sorted(self._targets - self._links):
            other = self._net.transports.get(key)
            if other is None or self._listener is None or other._listener is None:
                continue
            if (
                frozenset((self.key, key)) in self._net.cut
                or self.key not in other._allowed
                or key not in self._allowed
            ):
                continue
            self._connect(other, outbound=True)
            other._connect(self, outbound=False)

    def _connect(self, other: MemoryTransport, *, outbound: bool) -> None:
        assert self._listener is not None
        self._links.add(other.key)
        self._sent[other.key] = 0
        self._listener.connected(Link(other.key, self.name, f"memory:{other.key.hex()}", outbound))

    def send(self, key: PeerKey, frame: bytes) -> None:
        """See `Transport.send`."""
        assert len(frame) <= FRAME_BYTES_MAX
        if key in self._links:
            self._sent[key] += 1
            asyncio.get_running_loop().call_soon(self._deliver, key, frame, self._sent[key])

    def _deliver(self, key: PeerKey, frame: bytes, count: int) -> None:
        other = self._net.transports.get(key)
        if key not in self._links or other is None or other._listener is None or self._listener is None:
            return
        other._listener.received(self.key, frame, lambda: None)
        if count == self._sent.get(key):
            self._listener.drained(key, count)

    def announce(self, data: bytes) -> None:
        """See `Transport.announce`."""
        for key in sorted(self._links) if self._net.gossips else ():
            other = self._net.transports.get(key)
            if other is not None and other._listener is not None:
                asyncio.get_running_loop().call_soon(other._listener.heard, data)

    def drop(self, key: PeerKey) -> None:
        """See `Transport.drop`."""
        if key not in self._links:
            return
        self._links.discard(key)
        other = self._net.transports.get(key)
        if other is not None:
            other.drop(self.key)
        if self._listener is not None:
            self._listener.disconnected(key)

    async def answers(self) -> None:
        """See `Transport.answers`: it runs in the node's own loop."""

    async def join(self, address: str, key: PeerKey, request: bytes) -> bytes:
        """See `Transport.join`."""
        other = self._net.transports.get(key)
        if other is None or other._listener is None or len(request) > JOIN_BYTES_MAX:
            raise RemoteError(f"no answer from {address}")
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        answer: Callable[[bytes], None] = answered.set_result
        other._listener.join_asked(self.key, request, answer)
        return await answered

    async def ask(self, key: PeerKey, question: bytes) -> bytes:
        """See `transport.Asks`."""
        other = self._net.transports.get(key)
        if key not in self._links or other is None or other.answer is None:
            raise RemoteError(f"no answer from {key.hex()[:12]}")
        return await other.answer(self.key, question)
