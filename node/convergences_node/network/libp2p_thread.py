# SPDX-License-Identifier: AGPL-3.0-or-later
"""The libp2p side of a node: everything here runs in one trio thread and nothing in it is touched from another.

`Libp2pHost.main` is what the thread runs. It assembles the host (TCP, Noise and Yamux only, Ed25519 identity), listens,
keeps a link with every target, pings what is silent, and gossips. It tells what happens through `Events`, whose methods
may be called from this thread; it is told what to do by its own plain methods, called in this thread by
`libp2p_transport.py`. Every wait on a peer is bounded, and one peer can end no task but its own.

A **link** is one stream of `/convergences/replicate/1`: frames of a big-endian 32-bit length and that many bytes.
Who is not allowed gets `/convergences/join/1` and nothing else, for half a minute.
"""

from __future__ import annotations

import logging
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import libp2p
import multiaddr
import trio
from convergences_protocol.keys import SigningKey
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.tag_store import TagStoreNotifee
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.tools.anyio_service import background_trio_service

from convergences_node.network import libp2p_mends
from convergences_node.network.transport import (
    FRAME_BYTES_MAX,
    FRAMES_UNCONSUMED_MAX,
    GOSSIP_BYTES_MAX,
    JOIN_BYTES_MAX,
    Link,
    PeerKey,
)

log = logging.getLogger(__name__)

REPLICATE = TProtocol("/convergences/replicate/1")
JOIN = TProtocol("/convergences/join/1")
MESH = TProtocol("/meshsub/1.1.0")
TOPIC = "convergences/heads/1"
"""One topic: who may gossip at all is decided by the charter, at the connection."""

DIAL_SECONDS_MAX = 15.0
"""A dial to a frozen peer never returns by itself (LIBP2P.md)."""
FRAME_SECONDS_MAX = 60.0
"""One frame of 1 MiB, read or written, on the slowest line we serve (140 kbit/s)."""
JOIN_SECONDS_MAX = 30.0
CLOSE_SECONDS_MAX = 2.0
PING_SECONDS_MAX = 5.0
PINGS_MISSED_MAX = 2
STRANGER_SECONDS_MAX = 30.0
STRANGERS_MAX = 16
"""Connections of peers outside the charter held at once: enough for every town that joins in the same minute."""
STRANGER_STREAMS_MAX = 4
STREAMS_REFUSED_MAX = 256
"""Streams refused to one peer over its bound before its connection is closed: no program of ours opens so many."""
OUTBOX_BYTES_MAX = 16 * 1024 * 1024
"""Frames waiting for a slow peer. It asked for them (credit): beyond this, it asks and does not read."""
READ_BYTES = 256 * 1024
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 60.0
BACKOFF_JITTER = 0.3
CROSSING_S = 10.0
"""Two links opened from both ends within so long are one crossing; later, the former one is dead without knowing it."""
GOSSIP_QUEUE_MAX = 64
GOSSIP_GAP_S = 0.02
"""Two publishes in a row overflow the library's queues of 32; announcements are rare and coalesced anyway."""
GOSSIP_DEGREE = 6
ADDRESS_TTL_S = 60

_ID_PREFIX = bytes.fromhex("002408011220")
"""A libp2p peer id of an Ed25519 key: identity multihash of the key's protobuf (libp2p peer-ids specification)."""


def peer_id_of(key: PeerKey) -> ID:
    """The libp2p id of a log's key."""
    return ID(_ID_PREFIX + key)


def key_of(peer_id: ID) -> PeerKey | None:
    """The log key of a libp2p id; None if it is of another kind of key."""
    raw: bytes = peer_id.to_bytes()
    return raw[6:] if len(raw) == 38 and raw.startswith(_ID_PREFIX) else None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the thread is started with."""

    seed: bytes
    listen: Sequence[str]
    connections: int = 256
    peer_streams: int = 16
    ping_s: float = 45.0


class Events(Protocol):
    """What the thread tells. Every method returns at once and may be called from the trio thread."""

    def ready(self, addresses: Sequence[str]) -> None: ...
    def connected(self, link: Link) -> None: ...
    def disconnected(self, key: PeerKey) -> None: ...
    def misbehaved(self, key: PeerKey, reason: str) -> None: ...
    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None: ...
    def drained(self, key: PeerKey, frames: int) -> None: ...
    def heard(self, data: bytes) -> None: ...
    def join_asked(self, key: PeerKey, request: bytes, answer: Callable[[bytes], None]) -> None: ...


class FrameTooLong(Exception):  # noqa: N818 - what the peer did, not what we failed at
    """A peer announced a frame above the bound."""


class OpenLink:
    """One link, as the thread holds it."""

    def __init__(self, link: Link, stream: Any, consumed_on: trio.lowlevel.TrioToken) -> None:
        self.link = link
        self.stream = stream
        self.closed = trio.Event()
        self.replaced = trio.Event()
        self.opened_at = self.heard_at = trio.current_time()
        self._token = consumed_on
        self._room = trio.Semaphore(FRAMES_UNCONSUMED_MAX)
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._wake = trio.Event()

    def send(self, frame: bytes) -> bool:
        """Queue a frame; False if the peer left too much unread."""
        self._outbox_bytes += len(frame)
        self._outbox.append(frame)
        self._wake.set()
        return self._outbox_bytes <= OUTBOX_BYTES_MAX

    async def write_all(self, drained: Callable[[int], None]) -> None:
        """Write the queued frames, each within its time, for ever; say so whenever none waits any more."""
        frames = 0
        while True:
            if not self._outbox:
                if frames:
                    drained(frames)
                self._wake = trio.Event()
                await self._wake.wait()
            frame = self._outbox.popleft()
            with trio.fail_after(FRAME_SECONDS_MAX):
                await self.stream.write(len(frame).to_bytes(4, "big") + frame)
            self._outbox_bytes -= len(frame)
            frames += 1

    async def read_all(self, received: Callable[[bytes, Callable[[], None]], None]) -> None:
        """Hand over each frame; stop reading while too many are not consumed."""
        buffer = bytearray()
        while True:
            while (frame := _cut_frame(buffer, FRAME_BYTES_MAX)) is not None:
                await self._room.acquire()
                received(frame, self._consumed)
            with trio.fail_after(FRAME_SECONDS_MAX if buffer else float("inf")):
                buffer += await self.stream.read(READ_BYTES)
            self.heard_at = trio.current_time()

    def _consumed(self) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._room.release)


class Libp2pHost:
    """A libp2p host with the manners of this network."""

    def __init__(self, settings: Settings, events: Events, dice: random.Random | None = None) -> None:
        self._settings = settings
        self._key = SigningKey.from_seed(settings.seed).public
        self._events = events
        self._dice = dice or random.Random()
        self._allowed: frozenset[PeerKey] = frozenset()
        self._links: dict[PeerKey, OpenLink] = {}
        self._targets: dict[PeerKey, tuple[str, ...]] = {}
        self._keepers: dict[PeerKey, trio.CancelScope] = {}
        self._streams: Counter[ID] = Counter()
        self._streams_refused: Counter[ID] = Counter()
        self._strangers: set[ID] = set()
        self._gossip_in, self._gossip_out = trio.open_memory_channel[bytes](GOSSIP_QUEUE_MAX)

    # --------------------------------------------------------------------- the thread's life
    async def main(self) -> None:
        """Run until cancelled. Raises what makes it impossible to run at all."""
        libp2p_mends.apply()
        self._token = trio.lowlevel.current_trio_token()
        self._stop = trio.CancelScope()
        listen = [multiaddr.Multiaddr(address) for address in self._settings.listen]
        self._host, pubsub, gossip = self._assemble(listen)
        with self._stop:
            async with (
                self._host.run(listen_addrs=listen),
                background_trio_service(pubsub),
                background_trio_service(gossip),
                trio.open_nursery() as self._nursery,
            ):
                await pubsub.wait_until_ready()
                self._nursery.start_soon(self._listen_to_gossip, await pubsub.subscribe(TOPIC))
                self._nursery.start_soon(self._publish_gossip, pubsub)
                self._events.ready(self._listening_at(listen))
                await trio.sleep_forever()

    def stop(self) -> None:
        """End `main`, closing everything."""
        self._stop.cancel()

    def _assemble(self, listen: list[multiaddr.Multiaddr]) -> tuple[Any, Pubsub, GossipSub]:
        pair = create_new_key_pair(self._settings.seed)
        host: Any = libp2p.new_host(
            key_pair=pair,
            # The defaults also offer plaintext, SECIO and mplex.
            sec_opt={TProtocol(NOISE): Noise(libp2p_keypair=pair, noise_privkey=create_noise_key_pair().private_key)},
            muxer_opt={TProtocol(YAMUX): Yamux},
            connection_config=ConnectionConfig(
                max_connections=self._settings.connections,
                min_connections=0,
                low_watermark=0,
                high_watermark=self._settings.connections,
                max_connections_per_peer=1,  # with more, every dial waits 250 ms
            ),
            listen_addrs=listen or None,
        )
        network = host.get_network()
        network.retry_config = RetryConfig(max_retries=0)  # our own loop retries
        # Whatever its watermarks, it would dial peers that it learned of by itself; unstarted, it does nothing.
        network.auto_connector.start = _nothing
        gossip = GossipSub(
            protocols=[MESH],
            degree=GOSSIP_DEGREE,
            degree_low=4,
            degree_high=12,
            heartbeat_interval=1,  # the default is 120 s
            spam_protection_enabled=False,  # it silently drops above 10 messages a second, our own included
        )
        pubsub = Pubsub(
            host,
            gossip,
            max_inbound_rpc_size=64 * GOSSIP_BYTES_MAX,
            allowed_topics={TOPIC},
            # The library's own ids can repeat after a quick restart.
            msg_id_constructor=lambda message: sha256(message.data).digest(),
        )
        pubsub.set_topic_validator(TOPIC, self._gossip_acceptable, False)
        self._gate(host)
        host.set_stream_handler(JOIN, self._answer_join)
        return host, pubsub, gossip

    def _gate(self, host: Any) -> None:
        """Put the allow-list before every protocol and every notice that the library has set up by now."""
        network = host.get_network()
        host.set_stream_handler(REPLICATE, self._accept_link)
        handlers = host.get_mux().handlers
        for protocol, handler in list(handlers.items()):
            handlers[protocol] = self._members_only(handler)
        for notifee in network.notifees:
            if not isinstance(notifee, TagStoreNotifee):
                notifee.connected = self._members_notice(notifee.connected)
        network.register_notifee(_Arrivals(self._arrived, self._left))
        serve = network.common_stream_handler
        network.set_stream_handler(lambda stream: self._bounded(stream, serve))

    def _listening_at(self, listen: Sequence[multiaddr.Multiaddr]) -> list[str]:
        if not listen:
            return []
        own = f"/p2p/{self._host.get_id()}"
        addresses = (str(address) for address in self._host.get_addrs())
        return [address if address.endswith(own) else address + own for address in addresses]

    # ------------------------------------------------------------------------- who is let in
    def allow(self, keys: frozenset[PeerKey]) -> None:
        """Serve these peers; close the links of others."""
        self._allowed = keys
        for key, link in self._links.items():
            if key not in keys:
                self._nursery.start_soon(self._close_connection, link.stream.muxed_conn)

    def _is_member(self, peer_id: ID) -> bool:
        return key_of(peer_id) in self._allowed

    def _members_only(self, handler: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        async def gated(stream: Any) -> None:
            if self._is_member(stream.muxed_conn.peer_id):
                await handler(stream)
            else:
                await stream.reset()

        return gated

    def _members_notice(
        self, connected: Callable[[Any, Any], Awaitable[None]]
    ) -> Callable[[Any, Any], Awaitable[None]]:
        async def gated(network: Any, connection: Any) -> None:
            if self._is_member(connection.muxed_conn.peer_id):
                await connected(network, connection)

        return gated

    async def _bounded(self, stream: Any, serve: Callable[[Any], Awaitable[None]]) -> None:
        """Serve one inbound stream within its peer's bound; nothing it does may end more than itself."""
        peer_id = stream.muxed_conn.peer_id
        most = self._settings.peer_streams if self._is_member(peer_id) else STRANGER_STREAMS_MAX
        self._streams[peer_id] += 1
        try:
            if self._streams[peer_id] > most:
                await self._refuse_stream(peer_id, stream)
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

    async def _refuse_stream(self, peer_id: ID, stream: Any) -> None:
        self._streams_refused[peer_id] += 1
        if self._streams_refused[peer_id] <= STREAMS_REFUSED_MAX:
            with trio.move_on_after(CLOSE_SECONDS_MAX):
                await stream.reset()
            return
        self._tell_misdeed(peer_id, f"opened more than {STREAMS_REFUSED_MAX} streams over its bound")
        await self._close_connection(stream.muxed_conn)

    def _tell_misdeed(self, peer_id: ID, reason: str) -> None:
        key = key_of(peer_id)
        if key is not None:
            self._events.misbehaved(key, reason)

    async def _arrived(self, connection: Any) -> None:
        """A connection was made. A stranger's is closed after half a minute, or at once if there are many."""
        peer_id = connection.muxed_conn.peer_id
        if self._is_member(peer_id):
            return
        if len(self._strangers) >= STRANGERS_MAX:
            self._nursery.start_soon(self._close_connection, connection.muxed_conn)
            return
        self._strangers.add(peer_id)
        self._nursery.start_soon(self._see_out, connection.muxed_conn)

    async def _left(self, connection: Any) -> None:
        peer_id = connection.muxed_conn.peer_id
        self._strangers.discard(peer_id)
        self._streams_refused.pop(peer_id, None)

    async def _see_out(self, muxed: Any) -> None:
        with trio.move_on_after(STRANGER_SECONDS_MAX):
            await muxed.event_closed.wait()
        if not self._is_member(muxed.peer_id):
            await self._close_connection(muxed)

    async def _close_connection(self, muxed: Any) -> None:
        with suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
            await muxed.close()
        if not muxed.is_closed:
            # A peer that does not read holds the polite goodbye; the socket needs nobody's consent.
            with suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
                await muxed._cleanup_on_error()

    # --------------------------------------------------------------------------------- links
    def send(self, link: Link, frame: bytes) -> None:
        """Send a frame on a link. If another has replaced it, the frame belongs to a conversation that is over."""
        open_link = self._links.get(link.key)
        if open_link is not None and open_link.link is link and not open_link.send(frame):
            self._events.misbehaved(link.key, f"left {OUTBOX_BYTES_MAX} bytes unread")
            self.drop(link.key)

    def drop(self, key: PeerKey) -> None:
        """Close the connection with a peer."""
        open_link = self._links.get(key)
        if open_link is not None:
            self._nursery.start_soon(self._close_connection, open_link.stream.muxed_conn)

    async def _accept_link(self, stream: Any) -> None:
        remote = stream.get_remote_address()
        address = f"/{'ip6' if ':' in remote[0] else 'ip4'}/{remote[0]}/tcp/{remote[1]}" if remote else ""
        await self._hold_link(stream, address, False)

    async def _hold_link(
        self,
        stream: Any,
        address: str,
        outbound: bool,
        *,
        task_status: Any = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Exchange frames until either end is gone."""
        key = key_of(stream.muxed_conn.peer_id)
        assert key is not None, "only members, which have log keys, come here"
        open_link = OpenLink(Link(key, "libp2p", address, outbound), stream, self._token)
        former = self._links.get(key)
        if former is not None and not self._replaces(open_link, former):
            task_status.started()
            await self._end_link(open_link)
            return
        self._links[key] = open_link
        if former is not None:
            self._nursery.start_soon(self._end_link, former)
        self._events.connected(open_link.link)
        task_status.started()

        def received(frame: bytes, consumed: Callable[[], None]) -> None:
            # What still comes on a link that was replaced would be heard as if it were said on the new one.
            if self._links.get(key) is open_link:
                self._events.received(key, frame, consumed)

        def drained(frames: int) -> None:
            if self._links.get(key) is open_link:
                self._events.drained(key, frames)

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(open_link.write_all, drained)
                nursery.start_soon(self._ping, open_link)
                nursery.start_soon(_until_closed, stream.muxed_conn)
                nursery.start_soon(_until_set, open_link.replaced)
                await open_link.read_all(received)
        except* FrameTooLong as errors:
            self._events.misbehaved(key, str(errors.exceptions[0]))
        except* Exception as errors:
            log.debug("the link with %s ended: %r", stream.muxed_conn.peer_id, errors.exceptions)
        finally:
            open_link.closed.set()
            if self._links.get(key) is open_link:
                del self._links[key]
                self._events.disconnected(key)
            with trio.CancelScope(shield=True):
                await self._end_link(open_link)

    def _replaces(self, new: OpenLink, former: OpenLink) -> bool:
        """Whether a new link takes the place of one that is there; both ends come to the same answer.

        The same end dialled again: it has lost the former. Both dialled at the same moment: the link that the smaller
        key opened is kept, or each end would close the one that the other has just chosen, again and again.
        """
        crossing = new.link.outbound != former.link.outbound and trio.current_time() - former.opened_at < CROSSING_S
        return not crossing or new.link.outbound == (self._key < new.link.key)

    async def _end_link(self, open_link: OpenLink) -> None:
        """Close a link's stream, and its connection unless another link has come to use it."""
        open_link.replaced.set()
        current = self._links.get(open_link.link.key)
        if current is not None and current.stream.muxed_conn is open_link.stream.muxed_conn:
            with suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
                await open_link.stream.reset()
        else:
            await self._close_connection(open_link.stream.muxed_conn)

    async def _ping(self, open_link: OpenLink) -> None:
        """Notice a peer that is gone without a word: the library does not."""
        missed = 0
        patience = min(PING_SECONDS_MAX, self._settings.ping_s)
        while True:
            await trio.sleep(self._settings.ping_s if not missed else patience)
            if trio.current_time() - open_link.heard_at < self._settings.ping_s:
                missed = 0
                continue
            alive = await libp2p_mends.yamux_ping(open_link.stream.muxed_conn, patience)
            missed = 0 if alive else missed + 1
            if missed >= PINGS_MISSED_MAX:
                raise TimeoutError("no answer to pings")

    # ------------------------------------------------------------------------------ dialling
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
                linked = self._links.get(key)
                if linked is None and await self._dial(key):
                    linked = self._links.get(key)
                if linked is not None:
                    await linked.closed.wait()
                    delay = BACKOFF_FIRST_S
                jitter = self._dice.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER)
                await trio.sleep(delay * jitter)
                delay = min(2 * delay, BACKOFF_MAX_S)

    async def _dial(self, key: PeerKey) -> bool:
        """Try each address of a target once; whether a link was opened."""
        for address in self._targets.get(key, ()):
            try:
                with trio.fail_after(DIAL_SECONDS_MAX):
                    stream = await self._open(address, key, REPLICATE)
            except Exception as error:
                log.debug("cannot reach %s: %r", address, error)
                continue
            await self._nursery.start(self._hold_link, stream, address, True)
            return True
        return False

    async def _open(self, address: str, key: PeerKey, protocol: TProtocol) -> Any:
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

    # ------------------------------------------------------------------------------- joining
    async def join(self, address: str, key: PeerKey, request: bytes) -> bytes:
        """Ask to join at `address`: one frame there, one frame back. Raises whatever goes wrong on the way."""
        with trio.fail_after(JOIN_SECONDS_MAX):
            stream = await self._open(address, key, JOIN)
            try:
                await stream.write(len(request).to_bytes(4, "big") + request)
                return await _read_frame(stream, JOIN_BYTES_MAX)
            finally:
                # As a member we come back on a new connection, on which gossip is offered too.
                with trio.CancelScope(shield=True):
                    await self._close_connection(stream.muxed_conn)

    async def _answer_join(self, stream: Any) -> None:
        key = key_of(stream.muxed_conn.peer_id)
        if key is None:
            await stream.reset()
            return
        answers: list[bytes] = []
        answered = trio.Event()

        def answer(data: bytes) -> None:
            answers.append(data)
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(answered.set)

        with trio.fail_after(JOIN_SECONDS_MAX):
            self._events.join_asked(key, await _read_frame(stream, JOIN_BYTES_MAX), answer)
            await answered.wait()
            await stream.write(len(answers[0]).to_bytes(4, "big") + answers[0])
            await stream.close()

    # -------------------------------------------------------------------------------- gossip
    def announce(self, data: bytes) -> None:
        """Gossip; an announcement too many is forgotten, the next says more."""
        with suppress(trio.WouldBlock):
            self._gossip_in.send_nowait(data)

    async def _publish_gossip(self, pubsub: Pubsub) -> None:
        async for data in self._gossip_out:
            with suppress(Exception), trio.move_on_after(FRAME_SECONDS_MAX):
                await pubsub.publish(TOPIC, data)
            await trio.sleep(GOSSIP_GAP_S)

    async def _listen_to_gossip(self, subscription: Any) -> None:
        own = self._host.get_id().to_bytes()
        while True:
            message = await subscription.get()
            if message.from_id != own:
                self._events.heard(message.data)

    def _gossip_acceptable(self, forwarder: ID, message: Any) -> bool:
        """Only members' announcements, of a sane size, are believed to be worth passing on."""
        author = key_of(ID(message.from_id))
        own = message.from_id == self._host.get_id().to_bytes()
        return len(message.data) <= GOSSIP_BYTES_MAX and (own or author in self._allowed)


class _Arrivals(libp2p.abc.INotifee):  # type: ignore[misc]
    """Connections that come and go."""

    def __init__(self, arrived: Callable[[Any], Awaitable[None]], left: Callable[[Any], Awaitable[None]]) -> None:
        self._arrived, self._left = arrived, left

    async def connected(self, network: Any, conn: Any) -> None:
        await self._arrived(conn)

    async def disconnected(self, network: Any, conn: Any) -> None:
        await self._left(conn)

    async def opened_stream(self, network: Any, stream: Any) -> None: ...
    async def closed_stream(self, network: Any, stream: Any) -> None: ...
    async def listen(self, network: Any, multiaddr: Any) -> None: ...
    async def listen_close(self, network: Any, multiaddr: Any) -> None: ...


def _is_ending(connection: Any) -> bool:
    return bool(connection.is_closed or connection.muxed_conn.event_shutting_down.is_set())


async def _until_set(event: trio.Event) -> None:
    """Raises once the event is set: what waits beside it ends."""
    await event.wait()
    raise ConnectionError("another link has replaced this one")


async def _until_closed(muxed: Any) -> None:
    """End the link with its connection, although nobody reads or writes just then."""
    await muxed.event_closed.wait()
    raise ConnectionError("the connection is closed")


async def _nothing() -> None:
    """Stands where the library would act by itself."""


def _cut_frame(buffer: bytearray, bytes_max: int) -> bytes | None:
    """Take one whole frame off the front of `buffer`, if it is all there."""
    if len(buffer) < 4:
        return None
    size = int.from_bytes(buffer[:4], "big")
    if size > bytes_max:
        raise FrameTooLong(f"announced a frame of {size} bytes")
    if len(buffer) < 4 + size:
        return None
    frame = bytes(memoryview(buffer)[4 : 4 + size])
    del buffer[: 4 + size]
    return frame


async def _read_frame(stream: Any, bytes_max: int) -> bytes:
    buffer = bytearray()
    while (frame := _cut_frame(buffer, bytes_max)) is None:
        buffer += await stream.read(bytes_max)
    return frame
