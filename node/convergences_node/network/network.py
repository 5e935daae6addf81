# SPDX-License-Identifier: AGPL-3.0-or-later
"""A running town's network: its transports, the driver of replication, whom to reach, and who is refused for a while.

The node starts without waiting for any of it. Where libp2p cannot run, the node says so once and exchanges with its
peers over HTTP only. Addresses come from the configuration, from invitations and from the local network; a peer that
lied is refused until its time is over, and that it lied stays in the address book.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convergences_protocol.errors import ConvergencesError
from convergences_protocol.replication.views import Held

from convergences_node.archive.model import PeerRow
from convergences_node.network.addresses import by_key, is_http, merged, told_addresses
from convergences_node.network.driver import Driver
from convergences_node.network.holders import PeerHolders
from convergences_node.network.http_transport import HttpSettings, HttpTransport
from convergences_node.network.libp2p_transport import Libp2pSettings, Libp2pTransport
from convergences_node.network.settings import loopback_only
from convergences_node.network.tasks import Tasks
from convergences_node.network.transport import Asks, PeerKey, Transport
from convergences_node.web.town_door import PeerSeen

if TYPE_CHECKING:
    from convergences_node.network.nearby import Nearby
    from convergences_node.town import Town

log = logging.getLogger(__name__)

ADDRESSES_KEPT_MAX = 16
"""Addresses remembered for one peer; an invitation gives at most as many."""


class Network:
    """Everything of a running town that speaks with other nodes."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._config = town.config
        self.driver = Driver(town.archive, self, clock=town.now)
        self.p2p: Transport | None = None
        self._p2p_settled = asyncio.Event()
        self.p2p_state = "starting" if town.config.p2p.enabled else "switched off"
        """`running`, or why it is not."""
        self._http = HttpTransport(
            HttpSettings(
                town.config.limits.http_poll_s,
                tuple(address for address in town.config.peers.addresses if is_http(address)),
            ),
            lambda key: key in self.driver.links and self.driver.links[key].transport != HttpTransport.name,
        )
        self._holders = PeerHolders(
            town.archive.keys.node, self._asking, lambda: sorted(self.driver.links), self.http_addresses
        )
        self._nearby: Nearby | None = None
        self._book: dict[PeerKey, PeerRow] = {}
        self._found: dict[PeerKey, list[str]] = {}
        """Peers seen on the local network."""
        self._banned: dict[PeerKey, asyncio.TimerHandle] = {}
        self.left: dict[PeerKey, str | None] = {}
        """Bundles that are read, and why one was left: files are no peer to remember, or to refuse for a while."""
        self._tasks = Tasks(lambda error: log.error("a task of the network failed", exc_info=error))

    # ------------------------------------------------------------------------------------- life
    async def start(self, p2p: Transport | None = None) -> None:
        """Start replicating; libp2p follows in its own time. `p2p` stands in for it in tests."""
        await self.begin()
        self._town.blobs.holders = self._holders
        await self._start_transport(self._http)
        if p2p is not None or self._config.p2p.enabled:
            self._tasks.begin(self._start_p2p(p2p or self._libp2p()))
        if self._config.discovery.zeroconf and not loopback_only(self._config):
            self._tasks.begin(self._be_found())

    async def begin(self) -> None:
        """Be ready to replicate, and reach nobody: enough to read what a stick brings."""
        rows = await self._town.archive.read(lambda reader: reader.peers())
        self._book = {row.key: row for row in rows}
        await self._keep_logs()
        misdeeds = {row.key: row.faults for row in rows if row.faults}
        await self.driver.start(self._town.membership.identities(), misdeeds)

    async def attach(self, transport: Transport, key: PeerKey) -> None:
        """Replicate over one more transport, whose only peer is a bundle of files known by `key`."""
        self.left[key] = None
        await self._start_transport(transport)

    async def stop(self) -> None:
        """Close every link."""
        for handle in self._banned.values():
            handle.cancel()
        await self._tasks.stop()
        if self._nearby is not None:
            await self._nearby.stop()
        await self._holders.stop()
        await asyncio.gather(self._http.stop(), *([self.p2p.stop()] if self.p2p else []))
        await self.driver.stop()

    async def settled_p2p(self) -> Transport | None:
        """The peer to peer transport once it has started; None where it does not run."""
        if self.p2p_state == "starting":
            await self._p2p_settled.wait()
        return self.p2p

    async def answers(self) -> None:
        """Return once the peer to peer network has taken notice, where it runs."""
        if self.p2p is not None and self.p2p_state == "running":
            await self.p2p.answers()

    def _libp2p(self) -> Libp2pTransport:
        limits = self._config.limits
        return Libp2pTransport(
            Libp2pSettings(
                self._town.archive.keys.node.seed,
                self._config.p2p.listen,
                limits.connections,
                limits.peer_streams,
                limits.ping_s,
            )
        )

    async def _start_p2p(self, transport: Transport) -> None:
        self.p2p = transport
        if isinstance(transport, Asks):
            transport.answer = self._town.blobs.answer
        try:
            await self._start_transport(transport)
        except (ConvergencesError, TimeoutError) as error:
            self.p2p, self.p2p_state = None, str(error) or "it did not start in time"
            log.error("no peer to peer network: %s; replicating over HTTP only", self.p2p_state)
            await transport.stop()
            return
        finally:
            self._p2p_settled.set()
        self.p2p_state = "running"
        if self.unheard_at():
            log.warning("nobody can call this node: it does not listen at %s", ", ".join(self.unheard_at()))
        else:
            log.info("peer to peer network at %s", ", ".join(transport.addresses()) or "no address: dialling out only")
        self._aim()

    async def _start_transport(self, transport: Transport) -> None:
        self.driver.attach(transport)
        transport.allow(self._allowed())
        await transport.start(self.driver.ear(transport))
        self._aim()

    async def _be_found(self) -> None:
        from convergences_node.network.nearby import Nearby

        if self._config.p2p.enabled:
            await self._p2p_settled.wait()  # until then there is no address to announce
        self._nearby = Nearby(self._town.membership.own.key, self._seen_nearby, self.addresses)
        await self._nearby.run()

    # ------------------------------------------------------------------------------------- who and where
    async def renew(self) -> None:
        """The charter, or what is kept, has changed."""
        await self._keep_logs()
        await self.driver.follow(self._town.membership.identities())
        self._aim()

    async def _keep_logs(self) -> None:
        """Make room in the archive for every log that is to be kept."""
        known = await self._town.archive.read(lambda reader: {state.origin for state in reader.logs()})
        for identity in self._town.membership.kept():
            if identity.origin not in known:
                await self._town.archive.keep_log(identity)

    def _asking(self) -> Asks | None:
        """The transport that questions about files go over, if it runs."""
        return self.p2p if self.p2p_state == "running" and isinstance(self.p2p, Asks) else None

    def http_addresses(self) -> dict[PeerKey, list[str]]:
        """Where the peers that we speak with answer over HTTP, as far as is known."""
        allowed = self._allowed()
        found = merged(self._http.found(), {key: row.addresses for key, row in self._book.items()}, self._found)
        return {key: addresses for key, addresses in _only(found, http=True).items() if key in allowed}

    def _allowed(self) -> frozenset[PeerKey]:
        return frozenset(self._town.membership.allowed() - self._banned.keys())

    def _aim(self) -> None:
        """Tell the transports whom to serve and whom to reach."""
        allowed = self._allowed()
        own = self._town.membership.own.key
        book = {key: row.addresses for key, row in self._book.items()}
        known = merged(by_key(self._config.peers.addresses), book, self._found)
        targets = {key: known[key] for key in sorted(allowed) if key in known and key != own}
        self._http.allow(allowed)
        self._http.reach(_only(targets, http=True))
        if self.p2p is not None:
            self.p2p.allow(allowed)
            self.p2p.reach(_only(targets, http=False))

    def addresses(self) -> list[str]:
        """Where others can reach this node: libp2p first, then HTTP."""
        p2p = told_addresses(
            self._config.p2p.announce, self.p2p.addresses() if self.p2p else (), self._town.membership.own.key
        )
        return p2p + ([self._config.http.public_url] if self._config.http.public_url else [])

    def unheard_at(self) -> tuple[str, ...]:
        """Where libp2p was to listen, if it does not anywhere: others are called from here, and none can call."""
        is_deaf = self.p2p is not None and self.p2p_state == "running" and not self.p2p.addresses()
        return tuple(self._config.p2p.listen) if is_deaf else ()

    @property
    def local_name(self) -> str | None:
        """What this machine is called on the local network; None where nobody says so."""
        return self._nearby.name if self._nearby is not None else None

    async def remember(self, key: PeerKey, territory: str | None, addresses: Sequence[str]) -> None:
        """Put a peer's addresses in the address book, and go there."""
        row = self._book.get(key) or PeerRow(key)
        kept = tuple(dict.fromkeys([*addresses, *row.addresses]))[:ADDRESSES_KEPT_MAX]
        await self._keep_row(replace(row, territory=territory or row.territory, addresses=kept))
        self._aim()

    async def _keep_row(self, row: PeerRow) -> None:
        self._book[row.key] = row
        await self._town.archive.keep_peer(row)

    def _seen_nearby(self, key: PeerKey, addresses: Sequence[str]) -> None:
        """Zeroconf has seen a node. Both see each other: the one with the smaller key dials."""
        if self._town.membership.own.key < key:
            self._found[key] = list(addresses)
            self._aim()

    def book(self) -> Mapping[PeerKey, PeerRow]:
        """The address book."""
        return self._book

    def peers(self) -> list[PeerSeen]:
        """Every node of the charter, and every one in the address book, by key."""
        territories = {log.identity.key: log.territory for log in self._town.membership.charter.enrolments}
        keys = (territories.keys() | self._book.keys() | self.driver.links.keys()) - {self._town.membership.own.key}
        return [self._peer(key, territories.get(key)) for key in sorted(keys)]

    def _peer(self, key: PeerKey, territory: str | None) -> PeerSeen:
        row = self._book.get(key) or PeerRow(key)
        link = self.driver.links.get(key)
        addresses = row.addresses or ((link.address,) if link else ())
        heard = self.driver.heard_at.get(key) or row.heard_at
        return PeerSeen(key, territory or row.territory, addresses, link is not None, heard, row.faults)

    def target(self, origin: str) -> int:
        """The largest size of a log that any connected peer has shown a signed head for."""
        return self.driver.machine.target(origin)

    def backlog(self) -> int:
        """How many records are known to be still on their way."""
        return self.driver.backlog()

    def counters(self) -> list[tuple[str, float]]:
        """Figures for the meters."""
        return [
            ("peers_connected", len(self.driver.links)),
            ("received_bytes", self.driver.bytes_received),
            ("sent_bytes", self.driver.bytes_sent),
            ("batches_refused", self.driver.batches_refused),
        ]

    # ------------------------------------------------------------------------------------- what the driver leaves to us
    async def join_answer(self, data: bytes) -> bytes:
        """See `Consequences`."""
        return await self._town.join_answer(data)

    def peer_dropped(self, key: PeerKey, reason: str, seconds: float) -> None:
        """See `Consequences`. Refused until its time is over; not for ever, bad memory in a Pi gets replaced."""
        if key in self.left:
            self.left[key] = reason
            return
        row = self._book.get(key) or PeerRow(key)
        self._tasks.begin(self._keep_row(replace(row, faults=row.faults + 1, fault=reason)))
        former = self._banned.get(key)
        if former is not None:
            former.cancel()
        self._banned[key] = asyncio.get_running_loop().call_later(seconds, self._pardon, key)
        self._aim()

    def _pardon(self, key: PeerKey) -> None:
        self._banned.pop(key, None)
        self._aim()

    def origins_mentioned(self, origins: Sequence[str]) -> None:
        """See `Consequences`."""
        if self._town.membership.consider_candidates(origins):
            self._tasks.begin(self.renew())

    def head_contested(self, origin: str, head: Held) -> None:
        """See `Consequences`."""
        log.warning("a signed head of %s of size %d is not one of the history that is kept here", origin, head.size)

    async def own_head_doubted(self, origin: str, head: Held) -> None:
        """See `Consequences`."""
        await self._town.doubt(origin, head)

    async def rewind(self, origin: str, size: int) -> None:
        """See `Consequences`."""
        await self._town.rewind(origin, size)


def _only(targets: Mapping[PeerKey, Sequence[str]], *, http: bool) -> dict[PeerKey, list[str]]:
    """The targets that have addresses for HTTP, or for libp2p, with those alone."""
    chosen = {key: [a for a in addresses if is_http(a) == http] for key, addresses in targets.items()}
    return {key: addresses for key, addresses in chosen.items() if addresses}
