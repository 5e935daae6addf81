# SPDX-License-Identifier: AGPL-3.0-or-later
"""The narrow door between a node and any network: who a peer is, what may be asked of a transport, what it tells back.

A peer is known by its log's Ed25519 public key (32 bytes), which a transport proves before it says a word about the
peer. A transport carries whole frames in order, and keeps trying to reach the targets it was given; it may lose a
link at any time and says so. It never decides what a frame means. There are three: libp2p (`libp2p_transport.py`),
HTTP tiles (`http_tiles.py`), and one in memory for tests (`memory.py`).

Everything here is called and calls back in the asyncio loop of the node.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

PeerKey = bytes
"""The 32-byte Ed25519 public key of a node's log, which is also its identity on the network."""

FRAME_BYTES_MAX = 1024 * 1024
"""The largest frame of `/convergences/replicate/1` (docs/network.md); a longer announced length ends the link."""

GOSSIP_BYTES_MAX = 1024
"""An announcement of heads is under 1 KiB, so that gossip stays cheap whatever a peer sends."""

JOIN_BYTES_MAX = 16 * 1024
"""An invitation's answer, and what comes back, are a few hundred bytes; the only thing a stranger may send."""

FRAMES_UNCONSUMED_MAX = 8
"""Frames of one peer handed over and not yet consumed; beyond that the transport stops reading, and the peer waits."""


@dataclass(frozen=True, slots=True)
class Link:
    """An open link to a peer: which transport, which address, and who dialled."""

    key: PeerKey
    transport: str
    address: str
    outbound: bool


class Listener(Protocol):
    """What a transport tells the node."""

    def connected(self, link: Link) -> None:
        """Frames may now be sent to and come from this peer. A second call for a key replaces its link."""

    def disconnected(self, key: PeerKey) -> None:
        """The peer's link is gone; nothing more comes from it until `connected`."""

    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None:
        """One frame of a peer, in order. `consumed()` must be called once, when there is room for another."""

    def drained(self, key: PeerKey, frames: int) -> None:
        """Every frame of those queued for this link has been handed to the network: `frames` since it was connected."""

    def heard(self, data: bytes) -> None:
        """An announcement came by gossip: a hint, perhaps old, perhaps not from whom it says."""

    def misbehaved(self, key: PeerKey, reason: str) -> None:
        """The peer did, at the transport's own level, what no honest peer does; its link is being closed."""

    def join_asked(self, key: PeerKey, request: bytes, answer: Callable[[bytes], None]) -> None:
        """Someone, perhaps a stranger, answers an invitation; `answer` sends back what is then to be said, once."""


class Transport(Protocol):
    """What a node asks of a transport. Calls without `await` return at once; a send to nobody is silently lost."""

    name: str

    async def start(self, listener: Listener) -> None:
        """Begin to listen and to dial. Raises when this transport cannot run here; the node then lives without it."""

    async def stop(self) -> None:
        """Close every link and return once nothing runs any more."""

    def addresses(self) -> Sequence[str]:
        """Where this node can be reached by this transport."""

    def allow(self, keys: Set[PeerKey]) -> None:
        """Only these peers are served, apart from `join`. A link to any other is closed."""

    def reach(self, targets: Mapping[PeerKey, Sequence[str]]) -> None:
        """Keep a link with each of these peers at one of its addresses, trying for ever with backoff."""

    def send(self, key: PeerKey, frame: bytes) -> None:
        """Send one frame to a connected peer, after those already sent."""

    def announce(self, data: bytes) -> None:
        """Gossip a hint to the cluster; it may be lost."""

    def drop(self, key: PeerKey) -> None:
        """Close the link with a peer."""

    async def join(self, address: str, key: PeerKey, request: bytes) -> bytes:
        """Send an invitation's answer to the node that invites, and return what it says. Raises `ConvergencesError`."""

    async def answers(self) -> None:
        """Return once whatever carries this transport has taken notice: a thread that hangs never does."""


Answer = Callable[[PeerKey, bytes], Awaitable[bytes]]
"""What answers a peer's question; raises `RemoteError` for what is no question."""


@runtime_checkable
class Asks(Protocol):
    """A transport that also carries single questions about files (`blobs/pieces.py`), beside its links' frames."""

    answer: Answer | None
    """Who answers those of peers; nobody, and they stay unanswered, until it is set."""

    async def ask(self, key: PeerKey, question: bytes) -> bytes:
        """What a linked peer answers. Raises `RemoteError` when it does not."""
