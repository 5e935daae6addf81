# SPDX-License-Identifier: AGPL-3.0-or-later
"""One remote node, as far as its files can answer for it: the replication machine's messages, answered from tiles.

What the machine asks (`Want`, `WantProof`) is answered as a peer would. Bodies that came late are asked for, and forks
and doubts told, where there is somebody to ask and to tell (`http_words.py`): files alone cannot. Heads are told to
nobody: whom they concern reads them. Each fetch is bounded; whatever goes wrong in one loses the peer, not the node.
The files may be a server's or a stick's (`bundles/reading.py`): a `RemoteLog` reads either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import aiohttp
from convergences_protocol.errors import RemoteError
from convergences_protocol.replication import frames, messages
from convergences_protocol.replication.limits import COSIGNATURES_MAX, MENTIONED_MAX

from convergences_node.faults import words_of
from convergences_node.network.http_tiles import Gone, RemoteLog
from convergences_node.network.tasks import Tasks
from convergences_node.network.transport import Listener, PeerKey

log = logging.getLogger(__name__)

READ_BYTES = 64 * 1024
FORKS_SHOWN_MAX = 1_000
"""Proofs taken from one peer while it is linked: one a log is enough, and few logs fork."""

FindBodies = Callable[[Sequence[bytes]], Awaitable[tuple[int, Sequence[bytes]]]]
"""How many of these digests were considered, and the bodies found among them, within one frame."""
Tell = Callable[[bytes], Coroutine[Any, Any, None]]
"""Say one message that needs no answer, if that can be done."""


async def _none_found(digests: Sequence[bytes]) -> tuple[int, Sequence[bytes]]:
    """Files alone have no index by digest."""
    return len(digests), ()


async def _nobody(frame: bytes) -> None:
    """Files cannot be told anything."""


def http_log(session: aiohttp.ClientSession, address: str, origin: str) -> RemoteLog:
    """The log of that origin at a node's HTTP address."""
    base = f"{address.rstrip('/')}/log/{origin.removeprefix('convergences/')}/"
    return RemoteLog(lambda path, most: fetch(session, base + path, most))


class HttpPeer:
    """One remote node, as far as its files can answer for it."""

    def __init__(
        self,
        key: PeerKey,
        address: str,
        log_at: Callable[[str], RemoteLog],
        listener: Listener,
        lost: Callable[[PeerKey], None],
        find_bodies: FindBodies = _none_found,
        tell: Tell = _nobody,
    ) -> None:
        """`log_at` gives the log of an origin. `find_bodies` gives those of some digests, where they can be searched
        for; `tell` says a doubt or a fork, where somebody hears it."""
        self.key = key
        self.address = address
        self._log_at = log_at
        self._find_bodies = find_bodies
        self._tell = tell
        self._listener = listener
        self._lost = lost
        self._logs: dict[str, RemoteLog] = {}
        self._followed: set[str] = set()
        self._named: set[str] = set()
        self._shown: dict[str, bytes] = {}
        self._forks: set[bytes] = set()
        self._servings: dict[int, _Serving] = {}
        self._tasks = Tasks(self._failed)
        self._frames = 0

    def say(self, message: messages.Message) -> None:
        """Hand the machine a message as if the peer had sent it."""
        self._listener.received(self.key, frames.encode(message), lambda: None)

    def take(self, frame: bytes) -> None:
        """One message of the machine to this peer."""
        self._frames += 1
        match frames.decode(frame):
            case messages.Hello(follows=follows):
                self._followed |= {follow.origin for follow in follows}
                # It judges heads of all the charter's logs, as we do, and is to hear of their forks.
                asyncio.get_running_loop().call_soon(self.name_logs, [follow.origin for follow in follows])
            case messages.Want() as want:
                serving = self._servings[want.number] = _Serving(want, want.start, want.credit, asyncio.Event())
                self._tasks.begin(self._serve(serving))
            case messages.More(number, credit) if number in self._servings:
                serving = self._servings[number]
                serving.credit += credit
                serving.more.set()
            case messages.Stop(number):
                self._servings.pop(number, None)
            case messages.WantProof() as want_proof:
                self._tasks.begin(self._prove(want_proof))
            case messages.WantBodies(digests):
                self._tasks.begin(self._give_bodies(digests))
            case messages.Forks() | messages.Doubt():
                self._tasks.begin(self._tell(frame))
            case _:
                pass  # heads are read by those whom they concern
        asyncio.get_running_loop().call_soon(self._listener.drained, self.key, self._frames)

    def name_logs(self, origins: Sequence[str]) -> None:
        """Say which logs the peer follows, those that were not named yet: a new epoch is found out by its name."""
        new = [origin for origin in origins if origin not in self._named]
        self._named.update(new)
        for at in range(0, len(new), MENTIONED_MAX):
            part = new[at : at + MENTIONED_MAX]
            self.say(messages.Hello(messages.VERSION, tuple(messages.Follow(origin, 0, b"", 0) for origin in part)))

    def show_forks(self, proofs: Sequence[bytes]) -> None:
        """Show the machine each fork proof that it was not shown yet."""
        for proof in proofs:
            digest = sha256(proof).digest()
            if digest not in self._forks and len(self._forks) < FORKS_SHOWN_MAX:
                self._forks.add(digest)
                self.say(messages.Forks((proof,)))

    async def show_heads(self, origins: Sequence[str]) -> None:
        """Show the machine each head that has changed since it was last shown, of the logs that it follows."""
        for origin in origins:
            if origin not in self._followed:
                continue
            try:
                note, lines = await self._log(origin).head()
            except Gone:
                continue  # no signed head of it yet
            whole = note + b"".join(lines)
            if self._shown.get(origin) != whole:
                self._shown[origin] = whole
                self.say(messages.Heads((messages.HeadNote(note, lines[:COSIGNATURES_MAX]),)))

    def cancel(self) -> None:
        """Let go of what is being fetched."""
        self._tasks.cancel()

    async def stop(self) -> None:
        """As `cancel`, and wait for it."""
        await self._tasks.stop()

    def _log(self, origin: str) -> RemoteLog:
        found = self._logs.get(origin)
        if found is None:
            found = self._logs[origin] = self._log_at(origin)
        return found

    async def _serve(self, serving: _Serving) -> None:
        want = serving.want
        while serving.next < want.head_size and self._servings.get(want.number) is serving:
            if not serving.credit:
                serving.more.clear()
                await serving.more.wait()
                continue
            try:
                headers, bodies, proof = await self._log(want.origin).batch(serving.next, want.head_size)
            except Gone:
                self.say(messages.Cannot(want.number))
                break
            serving.credit -= 1
            self.say(messages.Batch(want.number, serving.next, tuple(headers), tuple(bodies), tuple(proof)))
            serving.next += len(headers)
        self._servings.pop(want.number, None)

    async def _give_bodies(self, digests: Sequence[bytes]) -> None:
        considered, bodies = await self._find_bodies(digests)
        self.say(messages.Bodies(considered, tuple(bodies)))

    async def _prove(self, want: messages.WantProof) -> None:
        remote = self._log(want.origin)
        try:
            root, proof = await remote.root(want.old, want.new), await remote.proof(want.old, want.new)
        except Gone:
            root, proof = b"", []
        self.say(messages.Proof(want.origin, want.old, want.new, root, tuple(proof)))

    def _failed(self, error: BaseException) -> None:
        log.info("peer %s at %s is lost: %s", self.key.hex()[:12], self.address, words_of(error))
        self._lost(self.key)


@dataclass(slots=True)
class _Serving:
    """One `Want`, and how far it is answered."""

    want: messages.Want
    next: int
    credit: int
    more: asyncio.Event


async def fetch(session: aiohttp.ClientSession, url: str, bytes_max: int) -> bytes:
    """The body of a GET, at most so long. Raises `Gone` for 404, `RemoteError` for another answer or a longer one."""
    async with session.get(url, allow_redirects=False) as response:
        if response.status in (404, 410):
            raise Gone(url)
        if response.status != 200:
            raise RemoteError(f"{url} answers {response.status}")
        data = bytearray()
        async for chunk in response.content.iter_chunked(READ_BYTES):
            data += chunk
            if len(data) > bytes_max:
                raise RemoteError(f"{url} is longer than {bytes_max} bytes")
        return bytes(data)
