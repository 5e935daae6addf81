# SPDX-License-Identifier: AGPL-3.0-or-later
"""Another node as a source: its signed logs, read as files from where the last reading ended.

What is read is what the log's key has signed: each head is checked against that key, everything read against the head,
each record against its author's signature and its body's digest. A key is believed the first time that a log is met,
and held to from then on. Nothing is kept of a log but its frontier (some hashes): a log of a hundred thousand records
that grew by three costs three. What the node says of the elements it read waits in a spool, the last word about each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol import checkpoint
from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.erasure import read_erasure
from convergences_protocol.errors import RemoteError, Unreadable
from convergences_protocol.header import Header, read_header, signature_valid
from convergences_protocol.kinds import KINDS
from convergences_protocol.merkle import Frontier, leaf_hashes
from convergences_protocol.origin import territory_of
from convergences_protocol.record import read_body
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.tiles import TILE_WIDTH

from convergences_node.network.http_tiles import Gone, RemoteLog

from .spool import Spool, Word

if TYPE_CHECKING:
    from convergences_node.network.http_tiles import Fetch

FORMAT = "convergences"
LOGS_PATH = "api/v1/logs"
LOGS_BYTES_MAX = 4 * 1024**2
LOGS_LOOKED_AT_MAX = 8
LOGS_MAX = 500
"""Logs of one source; an agglomeration has some dozens of towns, with a few epochs each."""
RECORDS_MAX = 5_000_000


class Known(msgspec.Struct):
    """How far one log was read, and by whose key; both in hex."""

    key: str
    frontier: str

    def from_the_start(self) -> Known:
        """The same key, and nothing read yet."""
        return Known(self.key, Frontier().to_bytes().hex())


class _Log(msgspec.Struct):
    """A log as the node lists it."""

    origin: str
    territory: str
    key: str
    own: bool
    status: str


class _Logs(msgspec.Struct):
    logs: list[_Log]


@dataclass(slots=True)
class Reading:
    """One reading of a node. `known` is how far earlier ones came; it is brought up to date."""

    fetch: Fetch
    """Reads a file below the node's address."""
    spool: Spool
    kinds: frozenset[str]
    territories: Sequence[str]
    """Whose logs; empty: the node's own."""
    known: dict[str, Known]
    entries: int = 0
    bodies_missing: int = 0
    """Bodies that the node itself has not: all is read again before long."""
    unclear: bool = False
    """Something was erased that was not named by its element: all is read again."""
    heads: int = 0
    """Logs that have a signed head."""

    async def read(self) -> None:
        """Read what is new of every log that is meant. Raises `RemoteError`, `Gone`, and what `fetch` raises."""
        for log in await self.meant():
            await self._read_log(log)
        self._has_heads()

    async def look(self) -> None:
        """Read the newest records of every log that is meant, one bundle of each, only to show them: that its head was
        signed over them is checked when all is read."""
        for log in (await self.meant())[:LOGS_LOOKED_AT_MAX]:
            if (found := await self._head(log)) is not None:
                remote, size = found[0], found[1].size
                headers, slots, _ = await remote.batch((size - 1) // TILE_WIDTH * TILE_WIDTH, size)
                await asyncio.to_thread(self._take, log.territory, headers, slots)
        self._has_heads()

    async def meant(self) -> list[_Log]:
        """The logs that the node lists, those that are meant. Raises `RemoteError` if it is no node, or has none."""
        try:
            listed = msgspec.json.decode(await self.fetch(LOGS_PATH, LOGS_BYTES_MAX), type=_Logs).logs
        except (msgspec.DecodeError, Gone):
            raise RemoteError("there is no node at this address") from None
        found = [log for log in listed if (log.territory in self.territories if self.territories else log.own)]
        if not found:
            raise RemoteError("the node has none of these logs")
        # A former epoch first: what was written again in a later one is the last word.
        return sorted(found, key=lambda log: log.status != "closed")[:LOGS_MAX]

    def _has_heads(self) -> None:
        if not self.heads:
            raise RemoteError("the node has signed none of these logs")

    async def _head(self, log: _Log) -> tuple[RemoteLog, checkpoint.Checkpoint] | None:
        """A log's files, and its head, checked against its key; None where nothing is signed yet."""
        if territory_of(log.origin) != log.territory:
            raise RemoteError(f"{log.origin} is not a log of {log.territory}")
        before = self.known.get(log.origin)
        if before is not None and before.key != log.key:
            raise RemoteError(f"{log.origin} has another key than before")
        remote = RemoteLog(self._below(f"log/{log.origin.removeprefix('convergences/')}/"))
        try:
            note, _ = await remote.head()
        except Gone:
            return None
        self.heads += 1
        return remote, checkpoint.verify(note, log.origin, bytes.fromhex(log.key))

    async def _read_log(self, log: _Log) -> None:
        if (found := await self._head(log)) is None:
            return
        (remote, head), before = found, self.known.get(log.origin)
        frontier = Frontier.from_bytes(bytes.fromhex(before.frontier)) if before else Frontier()
        if head.size < frontier.size:
            raise RemoteError(f"{log.origin} had {frontier.size} records and now has {head.size}")
        while frontier.size < head.size:
            headers, slots, _ = await remote.batch(frontier.size, head.size)
            await asyncio.to_thread(self._take, log.territory, headers, slots)
            frontier.extend(leaf_hashes(headers))
            self.entries += len(headers)
            if self.entries > RECORDS_MAX:
                raise RemoteError(f"the node has more than {RECORDS_MAX} records")
        if frontier.root() != head.root:
            raise RemoteError(f"what was read of {log.origin} is not what its head was signed over")
        self.known[log.origin] = Known(log.key, frontier.to_bytes().hex())

    def _below(self, folder: str) -> Fetch:
        async def fetch(path: str, bytes_max: int) -> bytes:
            return await self.fetch(folder + path, bytes_max)

        return fetch

    def _take(self, territory: str, headers: Sequence[bytes], slots: Sequence[GivenBody]) -> None:
        words = [self._word(territory, raw, slot) for raw, slot in zip(headers, slots, strict=True)]
        self.spool.put([word for word in words if word is not None])

    def _word(self, territory: str, raw: bytes, slot: GivenBody) -> Word | None:
        """What a record says of an element of this territory; None if it says nothing that is read here."""
        try:
            header = read_header(raw)
            if header.element is None:
                return self._erased(header, territory)
            if header.element.territory != territory or header.kind not in self.kinds or not signature_valid(raw):
                return None
            if header.body_digest is None or slot is None:
                is_erased = slot is None and header.body_digest is not None
                return Word(str(header.element), header.kind, None, is_erased)
            if slot is False:
                self.bodies_missing += 1
                return None
            assert isinstance(slot, bytes), "a body, or one of the two words for none"
            if sha256(slot).digest() != header.body_digest:
                raise RemoteError("a body is not the one that was signed")
            fields: Mapping[str, Any] = read_body(header, slot)
            return Word(str(header.element), header.kind, dict(fields))
        except Unreadable:
            return None  # of a newer program, or of none

    def _erased(self, header: Header, territory: str) -> Word | None:
        """An erasure in the log names what is gone; every kind of element is named alike."""
        if header.kind != ERASURE:
            return None
        erasure = read_erasure(header)
        if erasure.element is None:
            self.unclear = True
            return None
        return Word(str(erasure.element), "", None, True) if erasure.element.territory == territory else None


READABLE = frozenset(KINDS) - {"territory"}
"""Each node describes its own territories."""
