# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who is let in over libp2p, and how much of us one peer may have.

Members (keys of the charter) get every protocol. A stranger gets `join` and nothing else, for half a minute, with few
streams; few strangers are held at once, so that they never keep a member out. An inbound stream above its peer's
bound is reset; a peer that goes on loses its connection. Nothing that one stream does ends more than itself.
Runs in the trio thread.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio
from libp2p.abc import INotifee
from libp2p.network.tag_store import TagStoreNotifee
from libp2p.peer.id import ID

from convergences_node.network.libp2p_link import CLOSE_SECONDS_MAX, close_connection, key_of
from convergences_node.network.transport import PeerKey

log = logging.getLogger(__name__)

STRANGER_SECONDS_MAX = 30.0
STRANGERS_MAX = 16
"""Connections of peers outside the charter held at once: enough for every town that joins in the same minute."""
STRANGER_STREAMS_MAX = 4
STREAMS_REFUSED_MAX = 256
"""Streams refused to one peer over its bound before its connection is closed: no program of ours opens so many."""

Serve = Callable[[Any], Awaitable[None]]
Notice = Callable[[Any, Any], Awaitable[None]]


class Gate:
    """The allow-list before a host's protocols and notices."""

    def __init__(self, peer_streams: int, misbehaved: Callable[[PeerKey, str], None]) -> None:
        self.allowed: frozenset[PeerKey] = frozenset()
        self.strangers: set[ID] = set()
        self._peer_streams = peer_streams
        self._misbehaved = misbehaved
        self._streams: Counter[ID] = Counter()
        self._refused: Counter[ID] = Counter()
        self.nursery: trio.Nursery

    def stand_before(self, host: Any) -> None:
        """Gate every protocol and notice that the host has by now; what is set up later is for strangers too."""
        network = host.get_network()
        handlers = host.get_mux().handlers
        for protocol, handler in list(handlers.items()):
            handlers[protocol] = self._members_only(handler)
        for notifee in network.notifees:
            if not isinstance(notifee, TagStoreNotifee):
                notifee.connected = self._members_notice(notifee.connected)
        network.register_notifee(_Arrivals(self._arrived, self._left))
        serve = network.common_stream_handler
        network.set_stream_handler(lambda stream: self._bounded(stream, serve))

    def is_member(self, peer_id: ID) -> bool:
        """Whether the charter names this peer."""
        return key_of(peer_id) in self.allowed

    def _members_only(self, handler: Serve) -> Serve:
        async def gated(stream: Any) -> None:
            if self.is_member(stream.muxed_conn.peer_id):
                await handler(stream)
            else:
                await stream.reset()

        return gated

    def _members_notice(self, connected: Notice) -> Notice:
        async def gated(network: Any, connection: Any) -> None:
            if self.is_member(connection.muxed_conn.peer_id):
                await connected(network, connection)

        return gated

    # ---------------------------------------------------------------------------- streams
    async def _bounded(self, stream: Any, serve: Serve) -> None:
        """Serve one inbound stream within its peer's bound."""
        peer_id = stream.muxed_conn.peer_id
        most = self._peer_streams if self.is_member(peer_id) else STRANGER_STREAMS_MAX
        self._streams[peer_id] += 1
        try:
            if self._streams[peer_id] > most:
                await self._refuse(peer_id, stream)
            else:
                await serve(stream)
        except Exception as error:
            log.debug("a stream of %s ended: %r", peer_id, error)
            with suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
                await stream.reset()
        finally:
            self._streams[peer_id] -= 1
            if not self._streams[peer_id]:
                del self._streams[peer_id]

    async def _refuse(self, peer_id: ID, stream: Any) -> None:
        self._refused[peer_id] += 1
        if self._refused[peer_id] <= STREAMS_REFUSED_MAX:
            with trio.move_on_after(CLOSE_SECONDS_MAX):
                await stream.reset()
            return
        key = key_of(peer_id)
        if key is not None and self._refused[peer_id] == STREAMS_REFUSED_MAX + 1:  # once: more are on their way
            self._misbehaved(key, f"opened more than {STREAMS_REFUSED_MAX} streams over its bound")
        await close_connection(stream.muxed_conn)

    # ---------------------------------------------------------------------------- connections
    async def _arrived(self, connection: Any) -> None:
        """A connection was made. A stranger's is closed after half a minute, or at once if there are many."""
        peer_id = connection.muxed_conn.peer_id
        if self.is_member(peer_id):
            return
        if len(self.strangers) >= STRANGERS_MAX:
            self.nursery.start_soon(close_connection, connection.muxed_conn)
            return
        self.strangers.add(peer_id)
        self.nursery.start_soon(self._see_out, connection.muxed_conn)

    async def _left(self, connection: Any) -> None:
        peer_id = connection.muxed_conn.peer_id
        self.strangers.discard(peer_id)
        self._refused.pop(peer_id, None)

    async def _see_out(self, muxed: Any) -> None:
        with trio.move_on_after(STRANGER_SECONDS_MAX):
            await muxed.event_closed.wait()
        if not self.is_member(muxed.peer_id):
            await close_connection(muxed)


class _Arrivals(INotifee):  # type: ignore[misc]
    """Connections that come and go."""

    def __init__(self, arrived: Serve, left: Serve) -> None:
        self._arrived, self._left = arrived, left

    async def connected(self, network: Any, conn: Any) -> None:
        await self._arrived(conn)

    async def disconnected(self, network: Any, conn: Any) -> None:
        await self._left(conn)

    async def opened_stream(self, network: Any, stream: Any) -> None: ...
    async def closed_stream(self, network: Any, stream: Any) -> None: ...
    async def listen(self, network: Any, multiaddr: Any) -> None: ...
    async def listen_close(self, network: Any, multiaddr: Any) -> None: ...
