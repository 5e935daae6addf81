# SPDX-License-Identifier: AGPL-3.0-or-later
"""The libp2p side of a node: everything here runs in one trio thread and nothing in it is touched from another.

`Libp2pHost.main` is what the thread runs. It assembles the host (TCP, Noise and Yamux only, Ed25519 identity), listens,
lets in whom the gate lets in (`libp2p_gate.py`), keeps the links (`libp2p_links.py`), gossips, and asks and answers who
joins. It tells what happens through `Events`; it is told what to do by its own plain methods, called in this thread
by `libp2p_transport.py`. Every wait on a peer is bounded, and one peer can end no task but its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
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
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.tools.anyio_service import background_trio_service

from convergences_node.network import libp2p_mends
from convergences_node.network.libp2p_asking import Asking
from convergences_node.network.libp2p_gate import Gate
from convergences_node.network.libp2p_link import close_connection, key_of, read_frame, write_frame
from convergences_node.network.libp2p_links import REPLICATE, LinkEvents, Links
from convergences_node.network.libp2p_settings import FRAME_SECONDS_MAX, Libp2pSettings
from convergences_node.network.libp2p_waiting import answer_of
from convergences_node.network.transport import GOSSIP_BYTES_MAX, JOIN_BYTES_MAX, Link, PeerKey

JOIN = TProtocol("/convergences/join/1")
MESH = TProtocol("/meshsub/1.1.0")
TOPIC = "convergences/heads/1"
"""One topic: who may gossip at all is decided by the charter, at the connection."""

JOIN_SECONDS_MAX = 30.0
GOSSIP_QUEUE_MAX = 64
GOSSIP_GAP_S = 0.02
"""Two publishes in a row overflow the library's queues of 32; announcements are rare and coalesced anyway."""
GOSSIP_DEGREE = 6


class Events(LinkEvents, Protocol):
    """What the thread tells. Every method returns at once and may be called from the trio thread."""

    def ready(self, addresses: Sequence[str]) -> None: ...
    def heard(self, data: bytes) -> None: ...
    def join_asked(self, key: PeerKey, request: bytes, answer: Callable[[bytes], None]) -> None: ...
    def asked(self, key: PeerKey, question: bytes, answer: Callable[[bytes], None]) -> None: ...


class Libp2pHost:
    """A libp2p host with the manners of this network."""

    def __init__(self, settings: Libp2pSettings, events: Events, dice: random.Random | None = None) -> None:
        self._settings = settings
        self._events = events
        self.gate = Gate(settings.peer_streams, events.misbehaved)
        key = SigningKey.from_seed(settings.seed).public
        self.links = Links(key, events, dice or random.Random(), ping_s=settings.ping_s, frame_s=settings.frame_s)
        self.asking = Asking(self.links, events.asked)
        self._gossip_in, self._gossip_out = trio.open_memory_channel[bytes](GOSSIP_QUEUE_MAX)

    # ---------------------------------------------------------------------------- the thread's life
    async def main(self) -> None:
        """Run until cancelled. Raises what makes it impossible to run at all."""
        libp2p_mends.apply()
        self._stop = trio.CancelScope()
        listen = [multiaddr.Multiaddr(address) for address in self._settings.listen]
        self.host = self._make_host(listen)
        gossip, pubsub = self._make_gossip()
        self.host.set_stream_handler(REPLICATE, self.links.accept)
        self.asking.begin(self.host)
        self.gate.stand_before(self.host)
        self.host.set_stream_handler(JOIN, self._answer_join)
        with self._stop:
            async with (
                self.host.run(listen_addrs=listen),
                background_trio_service(pubsub),
                background_trio_service(gossip),
                trio.open_nursery() as self.nursery,
            ):
                self.gate.nursery = self.nursery
                self.links.begin(self.host, self.nursery)
                await pubsub.wait_until_ready()
                self.nursery.start_soon(self._listen_to_gossip, await pubsub.subscribe(TOPIC))
                self.nursery.start_soon(self._publish_gossip, pubsub)
                self._events.ready(self._listening_at(listen))
                await trio.sleep_forever()

    def stop(self) -> None:
        """End `main`, closing everything."""
        self._stop.cancel()

    def _make_host(self, listen: list[multiaddr.Multiaddr]) -> Any:
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
        return host

    def _make_gossip(self) -> tuple[GossipSub, Pubsub]:
        gossip = GossipSub(
            protocols=[MESH],
            degree=GOSSIP_DEGREE,
            degree_low=4,
            degree_high=12,
            heartbeat_interval=1,  # the default is 120 s
            spam_protection_enabled=False,  # it silently drops above 10 messages a second, our own included
        )
        pubsub = Pubsub(
            self.host,
            gossip,
            max_inbound_rpc_size=64 * GOSSIP_BYTES_MAX,
            allowed_topics={TOPIC},
            # The library's own ids can repeat after a quick restart.
            msg_id_constructor=lambda message: sha256(message.data).digest(),
        )
        pubsub.set_topic_validator(TOPIC, self._gossip_acceptable, False)
        return gossip, pubsub

    def _listening_at(self, listen: Sequence[multiaddr.Multiaddr]) -> list[str]:
        if not listen:
            return []
        own = f"/p2p/{self.host.get_id()}"
        addresses = (str(address) for address in self.host.get_addrs())
        return [address if address.endswith(own) else address + own for address in addresses]

    # ---------------------------------------------------------------------------- what it is told
    def allow(self, keys: frozenset[PeerKey]) -> None:
        """Serve these peers; close the links of others."""
        self.gate.allowed = keys
        for key in self.links.open.keys() - keys:
            self.links.drop(key)

    def reach(self, targets: Mapping[PeerKey, Sequence[str]]) -> None:
        """Keep a link with each target."""
        self.links.reach(targets)

    def send(self, link: Link, frame: bytes) -> None:
        """Send a frame on a link."""
        self.links.send(link, frame)

    def drop(self, key: PeerKey) -> None:
        """Close the connection with a peer."""
        self.links.drop(key)

    # ---------------------------------------------------------------------------- joining
    async def join(self, address: str, key: PeerKey, request: bytes) -> bytes:
        """Ask to join at `address`: one frame there, one frame back. Raises whatever goes wrong on the way."""
        with trio.fail_after(JOIN_SECONDS_MAX):
            stream = await self.links.open_stream(address, key, JOIN)
            try:
                await write_frame(stream, request)
                return await read_frame(stream, JOIN_BYTES_MAX)
            finally:
                # As a member we come back on a new connection, on which gossip is offered too.
                with trio.CancelScope(shield=True):
                    await close_connection(stream.muxed_conn)

    async def _answer_join(self, stream: Any) -> None:
        key = key_of(stream.muxed_conn.peer_id)
        if key is None:
            await stream.reset()
            return
        with trio.fail_after(JOIN_SECONDS_MAX):
            request = await read_frame(stream, JOIN_BYTES_MAX)
            await write_frame(stream, await answer_of(partial(self._events.join_asked, key, request)))
            await stream.close()

    # ---------------------------------------------------------------------------- gossip
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
        own = self.host.get_id().to_bytes()
        while True:
            message = await subscription.get()
            if message.from_id != own:
                self._events.heard(message.data)

    def _gossip_acceptable(self, forwarder: ID, message: Any) -> bool:
        """Only members' announcements, of a sane size, are believed to be worth passing on."""
        author = key_of(ID(message.from_id))
        own = message.from_id == self.host.get_id().to_bytes()
        return len(message.data) <= GOSSIP_BYTES_MAX and (own or author in self.gate.allowed)


async def _nothing() -> None:
    """Stands where the library would act by itself."""
