# SPDX-License-Identifier: AGPL-3.0-or-later
"""A bundle as a `Transport` with one peer: its files answer the replication machine as a node's would.

So what a stick brings is checked by the same code as what the wire brings, and by no other: heads, proofs, bodies,
forks, doubts, rewinding. Nobody vouches for the stick, and nobody is blamed for it: its key is made of its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from hashlib import sha256
from pathlib import Path
from typing import Any

from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.replication.limits import BATCH_BYTES_MAX, FORK_BYTES_MAX
from convergences_protocol.tiles import ENTRIES, TILE_WIDTH, BodySlot, decode_bodies, tile_path

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.network.http_peer import HttpPeer
from convergences_node.network.http_tiles import BODIES_BYTES_MAX, Gone, RemoteLog
from convergences_node.network.transport import Link, Listener, PeerKey

from .places import Place, log_base

FORKS_MAX = 64
"""Proofs looked for of one log; one is enough to know that it has forked."""


class BundleTransport:
    """See the module. `start` it, `show` its heads for as long as something comes of it, `stop` it."""

    name = "bundle"

    def __init__(self, path: Path, place: Place, index: Sequence[Mapping[str, Any]], archive: Archive) -> None:
        self.key: PeerKey = sha256(b"convergences/bundle\n" + bytes(path.absolute())).digest()
        self.origins = [str(entry["origin"]) for entry in sorted(index, key=lambda entry: not entry.get("own"))]
        """The logs in it; the writer's own first."""
        self._path, self._place, self._archive = path, place, archive
        self._peer: HttpPeer | None = None
        self._listener: Listener
        self.failure: RemoteError | None = None
        """Why a file could not be read: the first one that could not."""
        self._bodies: dict[str, list[BodySlot]] = {}
        """The bundle of bodies that was read last."""

    async def start(self, listener: Listener) -> None:
        """Be a peer, and say which logs are here, so that one that nobody has heard of is looked at."""
        self._listener = listener
        log_at: Callable[[str], RemoteLog] = lambda origin: RemoteLog(self._fetcher(log_base(origin)))  # noqa: E731
        self._peer = HttpPeer(self.key, str(self._path), log_at, listener, self.drop, self._find_bodies)
        listener.connected(Link(self.key, self.name, str(self._path), True))
        self._peer.name_logs(self.origins)
        for origin in self.origins:
            self._peer.show_forks(await asyncio.to_thread(self._forks, origin))

    async def show(self) -> None:
        """Show the machine the heads of those logs that it follows by now."""
        if self._peer is not None:
            await self._peer.show_heads(self.origins)

    async def stop(self) -> None:
        """No more of it."""
        if self._peer is not None:
            peer, self._peer = self._peer, None
            await peer.stop()
            self._listener.disconnected(self.key)

    def send(self, key: PeerKey, frame: bytes) -> None:
        """Answer from the files what the machine asks."""
        if self._peer is not None and key == self.key:
            self._peer.take(frame)

    def drop(self, key: PeerKey) -> None:
        """The machine has found something false in it, or a file could not be read."""
        if self._peer is not None:
            peer, self._peer = self._peer, None
            peer.cancel()
            self._listener.disconnected(self.key)

    @property
    def gone(self) -> bool:
        """Whether nothing more is to be had of it."""
        return self._peer is None

    async def answers(self) -> None:
        """See `Transport.answers`: it runs in the node's own loop."""

    def addresses(self) -> Sequence[str]:
        """None."""
        return ()

    def allow(self, keys: Set[PeerKey]) -> None:
        """Whose stick it is does not matter."""

    def reach(self, targets: Mapping[PeerKey, Sequence[str]]) -> None:
        """It reaches nobody."""

    def announce(self, data: bytes) -> None:
        """It hears nothing."""

    async def join(self, address: str, key: PeerKey, request: bytes) -> bytes:
        """Nobody answers."""
        raise LocalError("a bundle answers no invitation")

    # ------------------------------------------------------------------------------------- files
    def _fetcher(self, base: str) -> Any:
        async def fetch(path: str, bytes_max: int) -> bytes:
            return await asyncio.to_thread(self._read, base + path, bytes_max)

        return fetch

    def _read(self, name: str, bytes_max: int) -> bytes:
        try:
            return self._place.read(name, bytes_max)
        except RemoteError as error:
            self.failure = self.failure or error
            raise

    def _forks(self, origin: str) -> list[bytes]:
        found: list[bytes] = []
        try:
            while len(found) < FORKS_MAX:
                found.append(self._read(f"{log_base(origin)}forks/{len(found)}", FORK_BYTES_MAX))
        except (Gone, RemoteError):
            pass  # as many as there are, or can be read
        return found

    async def _find_bodies(self, digests: Sequence[bytes]) -> tuple[int, Sequence[bytes]]:
        """Bodies that a log here wants and whose bundle has them, found by where their records stand."""
        origins = set(self.origins)
        places = await self._archive.read(lambda reader: _wanted(reader, origins, digests))
        found: list[bytes] = []
        for considered, digest in enumerate(digests):
            body = await asyncio.to_thread(self._body, *places[digest]) if digest in places else None
            if body is None or sha256(body).digest() != digest:
                continue
            if found and sum(map(len, found)) + len(body) > BATCH_BYTES_MAX:
                return considered, found
            found.append(body)
        return len(digests), found

    def _body(self, state: LogState, index: int) -> bytes | None:
        """The body of one record, from the widest bundle that is there."""
        n, at = divmod(index, TILE_WIDTH)
        name = log_base(state.origin) + tile_path(ENTRIES, n).replace("tile/entries", "bodies", 1)
        width = min(TILE_WIDTH, state.head_size - n * TILE_WIDTH)
        for path in dict.fromkeys([name, name if width == TILE_WIDTH else f"{name}.p/{width}"]):
            if path not in self._bodies:
                try:
                    slots = decode_bodies(self._read(path, BODIES_BYTES_MAX))
                except (Gone, ValueError):
                    continue
                self._bodies = {path: slots}
            slots = self._bodies[path]
            return slots[at].body if at < len(slots) else None
        return None


def _wanted(reader: ArchiveReader, origins: Set[str], digests: Sequence[bytes]) -> dict[bytes, tuple[LogState, int]]:
    """Where each of these digests is wanted, in logs that the bundle has."""
    asked = set(digests)
    found: dict[bytes, tuple[LogState, int]] = {}
    for state in reader.logs():
        if state.wanted and state.origin in origins:
            for index, digest in reader.wanted(state.origin, limit=state.wanted):
                if digest in asked:
                    found.setdefault(digest, (state, index))
    return found
