# SPDX-License-Identifier: AGPL-3.0-or-later
"""Time and network of a simulated cluster: a queue of events, streams that keep their order, gossip that gets lost.

Everything that happens passes through `Wire.at`, in one order, and leaves its mark in `digest`: two runs of one seed
are the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random
from typing import Protocol

GOSSIP_PEERS = 6
"""How many hear of a head that is announced: as many as the mesh of GossipSub has."""


class Endpoint(Protocol):
    """What the wire knows of a node."""

    id: str
    peer: str
    """How others name it: by its key. A clone has the same."""
    alive: bool
    links: dict[str, Link]

    def linked(self, link: Link, other: Endpoint) -> None: ...
    def unlinked(self, peer: str) -> None: ...
    def deliver(self, peer: str, data: bytes) -> None: ...
    def gossip(self, data: bytes) -> None: ...


class Link:
    """One open stream between two nodes."""

    __slots__ = ("a", "b", "last", "up")

    def __init__(self, a: Endpoint, b: Endpoint) -> None:
        self.a, self.b = a, b
        self.up = True
        self.last = {a.id: 0.0, b.id: 0.0}

    def other(self, node: Endpoint) -> Endpoint:
        return self.b if node is self.a else self.a


class Wire:
    """The queue and the streams."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = 0.0
        self.loss = 0.0
        """Chance that a frame breaks its connection, and that a gossip message is not heard."""
        self.delay_max = 0.2
        self.frames = 0
        self.bytes = 0
        self._digest = blake2b(digest_size=16)
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._cut: dict[tuple[str, str], float] = {}

    # --- time ---

    def at(self, when: float, call: Callable[[], object]) -> None:
        self._count += 1
        heappush(self._queue, (when, self._count, call))

    def after(self, delay: float, call: Callable[[], object]) -> None:
        self.at(self.now + delay, call)

    def run_until(self, when: float) -> None:
        queue = self._queue
        while queue and queue[0][0] <= when:
            self.now, _, call = heappop(queue)
            call()
        self.now = when

    def mark(self, text: str) -> None:
        """Leave a mark in the trace."""
        self._digest.update(f"{self.now:.6f} {text}\n".encode())

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    # --- streams ---

    def cut(self, a: Endpoint, b: Endpoint, seconds: float) -> None:
        """No connection between the two for a while."""
        pair = _pair(a, b)
        self._cut[pair] = max(self._cut.get(pair, 0.0), self.now + seconds)
        link = a.links.get(b.peer)
        if link and link.other(a) is b:
            self.close(link)

    def mend(self) -> None:
        """No more faults."""
        self._cut.clear()
        self.loss = 0.0
        self.delay_max = 0.05

    def can_connect(self, a: Endpoint, b: Endpoint) -> bool:
        return a.alive and b.alive and not self.is_cut(a, b)

    def is_cut(self, a: Endpoint, b: Endpoint) -> bool:
        """Whether there is no way between the two, were both alive."""
        return self._cut.get(_pair(a, b), 0.0) > self.now

    def connect(self, a: Endpoint, b: Endpoint) -> bool:
        """Open a stream; a second one with the same peer replaces the first."""
        if not self.can_connect(a, b):
            return False
        for node, other in ((a, b), (b, a)):
            if old := node.links.get(other.peer):
                self.close(old)
        link = Link(a, b)
        a.links[b.peer] = b.links[a.peer] = link
        self.mark(f"link {a.id} {b.id}")
        a.linked(link, b)
        if link.up:
            b.linked(link, a)
        return link.up

    def close(self, link: Link) -> None:
        if not link.up:
            return
        link.up = False
        self.mark(f"close {link.a.id} {link.b.id}")
        for node in (link.a, link.b):
            other = link.other(node)
            if node.links.get(other.peer) is link:
                del node.links[other.peer]
                if node.alive:
                    node.unlinked(other.peer)

    def send(self, node: Endpoint, peer: str, data: bytes) -> None:
        """Carry a frame, after those before it."""
        link = node.links.get(peer)
        if link is None:
            return
        if self.loss and self.random.random() < self.loss:
            self.after(0.0, lambda: self.close(link))
            return
        other = link.other(node)
        when = max(link.last[node.id], self.now + self.random.random() * self.delay_max)
        link.last[node.id] = when
        self.frames += 1
        self.bytes += len(data)
        self.mark(f"{node.id}>{other.id} {data[1] if len(data) > 1 else 0} {len(data)}")

        def arrive() -> None:
            if link.up:
                other.deliver(node.peer, data)

        self.at(when, arrive)

    def hang(self, link: Link, node: Endpoint, seconds: float) -> None:
        """What `node` says on this link arrives only after a while: it is frozen, or its line is."""
        link.last[node.id] = max(link.last[node.id], self.now + seconds)

    def publish(self, node: Endpoint, others: list[Endpoint], data: bytes) -> None:
        """Gossip: to a few of those who can be reached, if it is not lost."""
        for other in self.random.sample(others, min(GOSSIP_PEERS, len(others))):
            if other is node or not self.can_connect(node, other) or self.random.random() < max(self.loss * 5, 0.1):
                continue
            self.after(self.random.random() * self.delay_max * 3, lambda other=other: _hear(other, data))  # type: ignore[misc]


def _hear(other: Endpoint, data: bytes) -> None:
    if other.alive:
        other.gossip(data)


def _pair(a: Endpoint, b: Endpoint) -> tuple[str, str]:
    return (a.id, b.id) if a.id < b.id else (b.id, a.id)
