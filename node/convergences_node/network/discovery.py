# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finding nodes on the local network: `_convergences._tcp`, announced and looked for by our own zeroconf (RFC 6763).

libp2p's own stays off: it blocks its loop for more than a second and binds every interface. What is heard here is a
hint from anyone on the network: an address and a key, and only keys of the charter are dialled, which then have to
prove themselves. The service's name is the key's beginning, so that two nodes never fight for one.

The same zeroconf hears what this machine is called there: the `PTR` of its own address, asked once at the start, and
announced by the machine's responder whenever it changes (`local_name.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence

from zeroconf import (  # type: ignore[attr-defined]  # it lists only what services need, and this asks for a PTR
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from convergences_node.network.addresses import is_http, key_in, peer_id
from convergences_node.network.local_name import heard_name, reverse_name
from convergences_node.network.transport import PeerKey

log = logging.getLogger(__name__)

SERVICE = "_convergences._tcp.local."
QUERY_FLAGS, TYPE_PTR, CLASS_IN = 0, 12, 1
"""A standard query (RFC 1035 §4.1.1), and what it asks for."""
INFO_MS_MAX = 3_000
SEEN_MAX = 256
"""Nodes followed on one network; more is somebody playing."""
STOP_SECONDS_MAX = 3.0

Seen = Callable[[PeerKey, Sequence[str]], None]


class Discovery:
    """Announces one node and tells of others, at these addresses of this machine."""

    def __init__(self, key: PeerKey, seen: Seen, interfaces: Sequence[str]) -> None:
        self._key = key
        self._seen = seen
        self._interfaces = interfaces
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._known: set[str] = set()
        self._names = [_Name(address) for address in interfaces]

    @property
    def name(self) -> str | None:
        """What this machine is called on the network, as far as that was heard: `stains-2.local`."""
        return next((each.heard for each in self._names if each.heard), None)

    async def start(self, addresses: Sequence[str]) -> None:
        """Announce this node's libp2p addresses, and look for others. Raises `OSError` where there is no network."""
        self._zeroconf = AsyncZeroconf(interfaces=list(self._interfaces), ip_version=IPVersion.V4Only)
        info = self._own_info(addresses)
        if info is not None:
            await self._zeroconf.async_register_service(info, allow_name_change=True)
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._changed])
        await self._zeroconf.zeroconf.async_wait_for_start()
        for each in self._names:
            each.ask(self._zeroconf.zeroconf)

    async def stop(self) -> None:
        """Take the announcement back."""
        for task in tuple(self._tasks):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS_MAX):
                if self._browser is not None:
                    await self._browser.async_cancel()
                if self._zeroconf is not None:
                    await self._zeroconf.async_unregister_all_services()
                    await self._zeroconf.async_close()

    def _own_info(self, addresses: Sequence[str]) -> AsyncServiceInfo | None:
        """The first libp2p address over IPv4, as a service; None for a node that only dials out."""
        for address in addresses:
            parts = address.split("/")
            if not is_http(address) and parts[1] == "ip4":
                return AsyncServiceInfo(
                    SERVICE,
                    f"{peer_id(self._key)[-20:]}.{SERVICE}",
                    port=int(parts[4]),
                    properties={"id": peer_id(self._key)},
                    addresses=[socket.inet_aton(parts[2])],
                )
        return None

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            self._known.discard(name)
        elif len(self._known) < SEEN_MAX:
            self._known.add(name)
            task = asyncio.ensure_future(self._look(zeroconf, name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, zeroconf: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(SERVICE, name)
        if not await info.async_request(zeroconf, INFO_MS_MAX):
            return
        text = (info.properties.get(b"id") or b"").decode("ascii", "replace")
        key = key_in(f"/p2p/{text}")
        if key is None or key == self._key or not info.port:
            return
        found = [f"/ip4/{address}/tcp/{info.port}/p2p/{text}" for address in info.parsed_addresses(IPVersion.V4Only)]
        log.info("node %s is on the local network", text[-8:])
        self._seen(key, found)


class _Name(RecordUpdateListener):
    """What the machine at one address is called, followed for as long as the zeroconf that was asked lives."""

    def __init__(self, address: str) -> None:
        self.heard: str | None = None
        self._reverse = reverse_name(address)

    def ask(self, zeroconf: Zeroconf) -> None:
        """Ask once; what changes is announced by whoever it concerns (RFC 6762 §8.3)."""
        question = DNSQuestion(self._reverse, TYPE_PTR, CLASS_IN)
        zeroconf.async_add_listener(self, question)
        query = DNSOutgoing(QUERY_FLAGS)
        query.add_question(question)
        zeroconf.async_send(query)

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Take what was said of our address; a name that is taken back (a time to live of 0) is none any more."""
        for each in records:
            record = each.new
            if isinstance(record, DNSPointer) and record.name.lower() == self._reverse:
                told = heard_name(record.alias)
                if record.ttl and told:
                    self.heard = told
                elif told == self.heard:
                    self.heard = None
