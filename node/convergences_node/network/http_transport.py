# SPDX-License-Identifier: AGPL-3.0-or-later
"""HTTP as a `Transport`: a remote node's files, presented to the replication machine as a peer that speaks its
messages.

The fallback where libp2p cannot be used: it only pulls. Every so often the node at an address is asked which logs it
has, and which fork proofs; if its own log's key belongs to the charter it is a peer, and each of its heads that is new
is shown to the machine. What the machine then asks (`Want`, `WantProof`) is answered from tiles; what files cannot
answer is posted (`http_words.py`). While a peer is linked by libp2p it is left alone here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

import aiohttp
from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.replication.limits import FORK_BYTES_MAX

from convergences_node.network.http_peer import HttpPeer, fetch, http_log
from convergences_node.network.http_tiles import Gone
from convergences_node.network.http_words import Words
from convergences_node.network.transport import Link, Listener, PeerKey

log = logging.getLogger(__name__)

REQUEST_SECONDS_MAX = 60.0
LOGS_BYTES_MAX = 1024 * 1024
LOGS_MAX = 2_000
FORKS_MAX = 100
"""A log that has forked is a rare thing, and one proof of it is enough."""
FORKS_BYTES_MAX = FORKS_MAX * 2 * FORK_BYTES_MAX
"""A proof in base64, and what stands beside it."""
FIRST_LOOK_S = 2.0
"""libp2p gets this long to link a peer first."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How often to look, and addresses whose key is not known before one has looked."""

    poll_s: float
    addresses: tuple[str, ...] = ()


class HttpTransport:
    """Peers reached by their HTTP addresses."""

    name = "http"

    def __init__(self, settings: HttpSettings, linked_elsewhere: Callable[[PeerKey], bool] = lambda key: False) -> None:
        self._settings = settings
        self._linked_elsewhere = linked_elsewhere
        self._allowed: frozenset[PeerKey] = frozenset()
        self._targets: dict[str, PeerKey | None] = dict.fromkeys(settings.addresses)
        """Addresses to look at, with the key that is expected or was found there."""
        self._lookers: dict[str, asyncio.Task[None]] = {}
        self._peers: dict[PeerKey, HttpPeer] = {}
        self._session: aiohttp.ClientSession | None = None
        self._listener: Listener

    async def start(self, listener: Listener) -> None:
        """Begin to look at the addresses that are known."""
        self._listener = listener
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX)
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True)
        self._look_at_all()

    async def stop(self) -> None:
        """Stop looking."""
        tasks = list(self._lookers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for peer in list(self._peers.values()):
            await peer.stop()
        if self._session is not None:
            await self._session.close()

    def addresses(self) -> Sequence[str]:
        """None of its own: this node's pages are served by another part."""
        return ()

    def allow(self, keys: Set[PeerKey]) -> None:
        """See `Transport.allow`."""
        self._allowed = frozenset(keys)
        for key in self._peers.keys() - self._allowed:
            self.drop(key)

    def reach(self, targets: Mapping[PeerKey, Sequence[str]]) -> None:
        """See `Transport.reach`."""
        known = {address: self._targets.get(address) for address in self._settings.addresses}
        self._targets = known | {address: key for key, addresses in targets.items() for address in addresses}
        self._look_at_all()

    def found(self) -> dict[PeerKey, list[str]]:
        """Where each peer is that has been found, or is expected, at an address."""
        found: dict[PeerKey, list[str]] = {}
        for address, key in self._targets.items():
            if key is not None:
                found.setdefault(key, []).append(address)
        return found

    def send(self, key: PeerKey, frame: bytes) -> None:
        """Answer, from the peer's files, what the machine asks of it."""
        peer = self._peers.get(key)
        if peer is not None:
            peer.take(frame)

    def announce(self, data: bytes) -> None:
        """There is no gossip over HTTP."""

    def drop(self, key: PeerKey) -> None:
        """See `Transport.drop`."""
        peer = self._peers.pop(key, None)
        if peer is not None:
            peer.cancel()
            self._listener.disconnected(key)

    async def answers(self) -> None:
        """See `Transport.answers`: it runs in the node's own loop."""

    async def join(self, address: str, key: PeerKey, request: bytes) -> bytes:
        """Joining over HTTP is `joining.send_answer`'s."""
        raise LocalError("an answer to an invitation does not go this way")

    # ------------------------------------------------------------------------------------- looking
    def _look_at_all(self) -> None:
        if self._session is None:
            return
        for address in self._lookers.keys() - self._targets.keys():
            self._lookers.pop(address).cancel()
        for address in sorted(self._targets.keys() - self._lookers.keys()):
            self._lookers[address] = asyncio.create_task(self._look_for_ever(address), name=f"http {address}")

    async def _look_for_ever(self, address: str) -> None:
        await asyncio.sleep(min(FIRST_LOOK_S, self._settings.poll_s))
        while True:
            try:
                await self._look(address)
            except (RemoteError, Gone, aiohttp.ClientError, TimeoutError, OSError, ValueError, LookupError) as error:
                log.debug("nothing to be had at %s: %s", address, error)
                self._lose(address)
            await asyncio.sleep(self._settings.poll_s)

    async def _look(self, address: str) -> None:
        """Who is there, and what is new."""
        assert self._session is not None
        expected = self._targets.get(address)
        if expected is not None and self._linked_elsewhere(expected):
            return
        base = address.rstrip("/")
        key, origins = _read_logs(await fetch(self._session, f"{base}/api/v1/logs", LOGS_BYTES_MAX))
        if address in self._targets:
            self._targets[address] = key
        if key not in self._allowed or self._linked_elsewhere(key):
            return
        peer = self._peers.get(key)
        if peer is None:
            log_at, words = partial(http_log, self._session, address), Words(self._session, address)
            peer = self._peers[key] = HttpPeer(
                key, address, log_at, self._listener, self.drop, words.find_bodies, words.tell
            )
            self._listener.connected(Link(key, self.name, address, True))
            if self._peers.get(key) is not peer:
                return
        if peer.address == address:
            peer.name_logs(origins)
            await peer.show_heads(origins)
            peer.show_forks(await self._forks(base))

    async def _forks(self, base: str) -> list[bytes]:
        """The fork proofs that are kept there; none where only the files are."""
        assert self._session is not None
        try:
            return _read_forks(await fetch(self._session, f"{base}/api/v1/forks", FORKS_BYTES_MAX))
        except Gone:
            return []

    def _lose(self, address: str) -> None:
        for key, peer in list(self._peers.items()):
            if peer.address == address:
                self.drop(key)


def _read_logs(data: bytes) -> tuple[PeerKey, list[str]]:
    """The key of the node's own log, and the origins of the logs that it has, its own first. Raises `ValueError`."""
    logs = sorted(json.loads(data)["logs"][:LOGS_MAX], key=lambda entry: not entry["own"])
    own = next((entry for entry in logs if entry["own"] and entry["status"] == "open"), None)
    if own is None:
        raise ValueError("no log of its own")
    return bytes.fromhex(own["key"]), [str(entry["origin"]) for entry in logs]


def _read_forks(data: bytes) -> list[bytes]:
    """The encoded proofs, unchecked. Raises `ValueError`."""
    return [b64decode(entry["proof"], validate=True) for entry in json.loads(data)["forks"][:FORKS_MAX]]
