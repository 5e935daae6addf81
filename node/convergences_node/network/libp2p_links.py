# SPDX-License-Identifier: AGPL-3.0-or-later
"""The links of one libp2p host: held while they live, pinged when silent, dialled again when lost. One link a peer.

Either end may dial. Of two links that cross, both ends keep the same one; of two that the same end opened, the later. A
target is dialled for ever, with backoff and jitter, each dial within its time. Runs in the trio thread.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import multiaddr
import trio
from libp2p.custom_types import TProtocol

from convergences_node.network.libp2p_link import (
    CLOSE_SECONDS_MAX,
    OUTBOX_BYTES_MAX,
    FrameTooLong,
    FrameTooSlow,
    OpenLink,
    close_connection,
    key_of,
    peer_id_of,
)
from convergences_node.network.libp2p_mends import yamux_ping
from convergences_node.network.transport import Link, PeerKey

log = logging.getLogger(__name__)

REPLICATE = TProtocol("/convergences/replicate/1")

DIAL_SECONDS_MAX = 15.0
"""A dial to a frozen peer never returns by itself (docs/network.md)."""
PING_SECONDS_MAX = 5.0
PINGS_MISSED_MAX = 2
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 60.0
BACKOFF_JITTER = 0.3
SETTLED_S = 10.0
"""A link that lived so long was one. A shorter one was refused, and the next attempt waits longer."""
CROSSING_S = 10.0
"""Two links opened from both ends within so long are one crossing; later, the former one is dead without knowing it."""
ADDRESS_TTL_S = 60


class LinkEvents(Protocol):
    """What is told of links."""

    def connected(self, link: Link) -> None: ...
    def disconnected(self, key: PeerKey) -> None: ...
    def misbehaved(self, key: PeerKey, reason: str) -> None: ...
    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None: ...
    def drained(self, key: PeerKey, frames: int) -> None: ...


class Links:
    """Every link of one host."""

    def __init__(self, key: PeerKey, events: LinkEvents, dice: random.Random, *, ping_s: float, frame_s: float) -> None:
        self.open: dict[PeerKey, OpenLink] = {}
        self._key = key
        self._ping_s = ping_s
        self._frame_s = frame_s
        self._events = events
        self._dice = dice
        self._targets: dict[PeerKey, tuple[str, ...]] = {}
        self._keepers: dict[PeerKey, trio.CancelScope] = {}
        self._host: Any
        self._nursery: trio.Nursery
        self._token: trio.lowlevel.TrioToken

    def begin(self, host: Any, nursery: trio.Nursery) -> None:
        """Before anything else: the host that dials, and where its tasks live."""
        self._host, self._nursery, self._token = host, nursery, trio.lowlevel.current_trio_token()

    def send(self, link: Link, frame: bytes) -> None:
        """Send a frame on a link. If another has replaced it, the frame belongs to a conversation that is over."""
        open_link = self.open.get(link.key)
        if open_link is not None and open_link.link is link and not open_link.send(frame):
            self._events.misbehaved(link.key, f"left {OUTBOX_BYTES_MAX} bytes unread")
            self.drop(link.key)

    def drop(self, key: PeerKey) -> None:
        """Close the connection with a peer."""
        open_link = self.open.get(key)
        if open_link is not None:
            self._nursery.start_soon(close_connection, open_link.muxed)

    # ---------------------------------------------------------------------------- holding
    async def accept(self, stream: Any) -> None:
        """A member has opened a link."""
        remote = stream.get_remote_address()
        address = f"/{'ip6' if ':' in remote[0] else 'ip4'}/{remote[0]}/tcp/{remote[1]}" if remote else ""
        await self._hold(stream, address, False)

    async def _hold(
        self, stream: Any, address: str, outbound: bool, *, task_status: Any = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Exchange frames until either end is gone."""
        key = key_of(stream.muxed_conn.peer_id)
        assert key is not None, "only members, which have log keys, come here"
        open_link = OpenLink(Link(key, "libp2p", address, outbound), stream, self._token, self._frame_s)
        former = self.open.get(key)
        if former is not None and not self._replaces(open_link, former):
            task_status.started()
            await self._end(open_link)
            return
        self.open[key] = open_link
        if former is not None:
            self._nursery.start_soon(self._end, former)
        self._events.connected(open_link.link)
        task_status.started()
        try:
            await self._talk(key, open_link)
        finally:
            open_link.closed.set()
            if self.open.get(key) is open_link:
                del self.open[key]
                self._events.disconnected(key)
            with trio.CancelScope(shield=True):
                await self._end(open_link)

    async def _talk(self, key: PeerKey, open_link: OpenLink) -> None:
        """Read, write and ping until one of them ends."""

        def received(frame: bytes, consumed: Callable[[], None]) -> None:
            # What still comes on a link that was replaced would be heard as if it were said on the new one.
            if self.open.get(key) is open_link:
                self._events.received(key, frame, consumed)

        def drained(frames: int) -> None:
            if self.open.get(key) is open_link:
                self._events.drained(key, frames)

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(open_link.write_all, drained)
                nursery.start_soon(self._ping, open_link)
                nursery.start_soon(_until, open_link.muxed.event_closed, "the connection is closed")
                nursery.start_soon(_until, open_link.replaced, "another link has replaced this one")
                await open_link.read_all(received)
        except* FrameTooLong as errors:
            self._events.misbehaved(key, str(errors.exceptions[0]))
        except* FrameTooSlow as errors:
            log.warning("the link with %s is closed: it %s", key.hex()[:12], errors.exceptions[0])
        except* Exception as errors:
            log.debug("the link with %s ended: %r", open_link.muxed.peer_id, errors.exceptions)

    def _replaces(self, new: OpenLink, former: OpenLink) -> bool:
        """Whether a new link takes the place of one that is there; both ends come to the same answer.

        The same end dialled again: it has lost the former. Both dialled at the same moment: the link that the smaller
        key opened is kept, or each end would close the one that the other has just chosen, again and again.
        """
        crossing = new.link.outbound != former.link.outbound and trio.current_time() - former.opened_at < CROSSING_S
        return not crossing or new.link.outbound == (self._key < new.link.key)

    async def _end(self, open_link: OpenLink) -> None:
        """Close a link's stream, and its connection unless another link has come to use it."""
        open_link.replaced.set()
        current = self.open.get(open_link.link.key)
        if current is not None and current.muxed is open_link.muxed:
            with suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
                await open_link.stream.reset()
        else:
            await close_connection(open_link.muxed)

    async def _ping(self, open_link: OpenLink) -> None:
        """Notice a peer that is gone without a word: the library does not."""
        missed = 0
        patience = min(PING_SECONDS_MAX, self._ping_s)
        while True:
            await trio.sleep(self._ping_s if not missed else patience)
            if trio.current_time() - open_link.heard_at < self._ping_s:
                missed = 0
                continue
            missed = 0 if await yamux_ping(open_link.muxed, patience) else missed + 1
            if missed >= PINGS_MISSED_MAX:
                raise TimeoutError("no answer to pings")

    # ---------------------------------------------------------------------------- dialling
    def reach(self, targets: Mapping[PeerKey, Sequence[str]]) -> None:
        """Keep a link with each target; forget those no longer named (their links stay until they end)."""
        self._targets = {key: tuple(addresses) for key, addresses in targets.items()}
        for key in [key for key in self._keepers if key not in self._targets]:
            self._keepers.pop(key).cancel()
        for key in self._targets:
            if key not in self._keepers:
                scope = self._keepers[key] = trio.CancelScope()
                self._nursery.start_soon(self._keep, key, scope)

    async def _keep(self, key: PeerKey, scope: trio.CancelScope) -> None:
        """Dial until there is a link, wait until it ends, begin again. Backoff doubles up to a minute, with jitter."""
        delay = BACKOFF_FIRST_S
        with scope:
            while True:
                linked = self.open.get(key)
                if linked is None and await self._dial(key):
                    linked = self.open.get(key)
                if linked is not None:
                    await linked.closed.wait()
                    if trio.current_time() - linked.opened_at >= SETTLED_S:
                        delay = BACKOFF_FIRST_S
                await trio.sleep(delay * self._dice.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER))
                delay = min(2 * delay, BACKOFF_MAX_S)

    async def _dial(self, key: PeerKey) -> bool:
        """Try each address of a target once; whether a link was opened."""
        for address in self._targets.get(key, ()):
            try:
                with trio.fail_after(DIAL_SECONDS_MAX):
                    stream = await self.open_stream(address, key, REPLICATE)
            except Exception as error:
                log.debug("cannot reach %s: %r", address, error)
                continue
            await self._nursery.start(self._hold, stream, address, True)
            return True
        return False

    async def open_stream(self, address: str, key: PeerKey, protocol: TProtocol) -> Any:
        """Connect, unless there is a connection already, and open a stream. The peer has proved its key."""
        peer_id = peer_id_of(key)
        network = self._host.get_network()
        if all(_is_ending(connection) for connection in network.get_connections(peer_id)):
            plain, _, _ = address.partition("/p2p/")
            full = multiaddr.Multiaddr(f"{plain}/p2p/{peer_id}")
            # Should the connection end meanwhile, the library dials again, and must know where.
            network.peerstore.add_addr(peer_id, multiaddr.Multiaddr(plain), ADDRESS_TTL_S)
            await network.dial_addr(full, peer_id)
        return await self._host.new_stream(peer_id, [protocol])


def _is_ending(connection: Any) -> bool:
    return bool(connection.is_closed or connection.muxed_conn.event_shutting_down.is_set())


async def _until(event: trio.Event, why: str) -> None:
    """Raises once the event is set: what waits beside it ends, although nobody reads or writes just then."""
    await event.wait()
    raise ConnectionError(why)
