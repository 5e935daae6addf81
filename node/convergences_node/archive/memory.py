# SPDX-License-Identifier: AGPL-3.0-or-later
"""An archive in memory, by lists and dictionaries alone: the second implementation of what an archive promises.

It answers what `ArchiveReader` answers and takes what `ArchiveWriter` takes; one test class runs on both, so each is
the other's measure. Nothing survives it, and it bounds nothing: it is for tests and simulations.
Reading is quick to write here rather than quick to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from convergences_protocol import checkpoint, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError, Unreadable
from convergences_protocol.header import Header
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import read_header
from convergences_protocol.replication.check import CheckedBatch
from convergences_protocol.tiles import TILE_WIDTH, Slot

from .authoring import Authored
from .model import (
    HIDDEN,
    HISTORY_MAX,
    READ_BYTES_MAX,
    BodiesCame,
    Conflict,
    CosignatureRow,
    Entry,
    Event,
    ForkRow,
    HeadCame,
    LogGrew,
    LogState,
    PeerRow,
    Placed,
    SourceRow,
    conflict,
)


@dataclass(slots=True)
class Leaf:
    """One leaf and its slot."""

    raw: bytes
    header: Header | None
    slot: int
    body: bytes | None
    unreadable: str | None


@dataclass(slots=True)
class MemoryLog:
    """One log. It is also the `HashReader` of its own tree."""

    number: int
    identity: LogIdentity
    own: bool
    status: str = "open"
    leaves: list[Leaf] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    heads: dict[int, bytes] = field(default_factory=dict)
    cosignatures: dict[str, CosignatureRow] = field(default_factory=dict)

    def hash(self, level: int, index: int) -> bytes:
        """The hash over the leaves `[index << level, (index + 1) << level)`."""
        row = self.hashes[index << level : (index + 1) << level]
        if len(row) != 1 << level:
            raise LookupError(f"no complete subtree {index} of level {level}")
        return merkle.fold(row)

    def frontier(self) -> merkle.Frontier:
        frontier = merkle.Frontier()
        frontier.extend(self.hashes)
        return frontier

    def add(self, leaf: Leaf) -> None:
        self.leaves.append(leaf)
        self.hashes.append(merkle.leaf_hash(leaf.raw))

    def entry(self, index: int) -> Entry:
        leaf = self.leaves[index]
        hidden = leaf.slot == HIDDEN
        slot = Slot.ERASED if hidden else Slot(leaf.slot)
        return Entry(self.identity.origin, index, leaf.raw, slot, None if hidden else leaf.body, leaf.unreadable)

    def head(self, size: int | None = None) -> tuple[int, bytes] | None:
        limit = len(self.leaves) if size is None else min(size, len(self.leaves))
        held = [at for at in self.heads if at <= limit]
        return (max(held), self.heads[max(held)]) if held else None


class MemoryArchive:
    """Reader and writer in one. `guarded` is the last head that was signed here, as the guard would have it."""

    def __init__(self, tell: Callable[[Event], None] = lambda event: None) -> None:
        self.key: SigningKey | None = None
        self.guarded: bytes | None = None
        self._logs: dict[str, MemoryLog] = {}
        self._own: str | None = None
        self._forks: list[ForkRow] = []
        self._sources: dict[tuple[str, str], tuple[ElementId, bytes]] = {}
        self._peers: dict[bytes, PeerRow] = {}
        self._choices: dict[str, str] = {}
        self._tell = tell

    @property
    def reader(self) -> MemoryArchive:
        """Itself: it has nothing to hide from those who read."""
        return self

    # ----------------------------------------------------------------------------------------------------- reading logs
    def logs(self) -> list[LogState]:
        return [self._state(log) for log in self._logs.values() if log.status != "aside"]

    def log(self, origin: str) -> LogState | None:
        log = self._logs.get(origin)
        return None if log is None else self._state(log)

    def own_log(self) -> LogState:
        if self._own is None:
            raise LocalError("this archive has no log of its own yet")
        return self._state(self._logs[self._own])

    def _state(self, log: MemoryLog) -> LogState:
        identity, (head_size, note) = log.identity, log.head() or (0, None)
        return LogState(
            log.number,
            identity.origin,
            identity.territory,
            identity.key,
            identity.recovery_key,
            log.own,
            log.status,
            len(log.leaves),
            log.frontier(),
            head_size,
            note,
            sum(leaf.slot == Slot.WANTED for leaf in log.leaves),
            0,
        )

    def head(self, origin: str, size: int | None = None) -> tuple[int, bytes] | None:
        return self._kept(origin).head(size)

    def pinned(self, origin: str) -> tuple[int, bytes] | None:
        log = self._kept(origin)
        ahead = [size for size in log.heads if size > len(log.leaves) and not log.own]
        return (max(ahead), log.heads[max(ahead)]) if ahead else None

    # -------------------------------------------------------------------------------------------------- reading entries
    def entry(self, origin: str, index: int) -> Entry | None:
        log = self._kept(origin)
        return log.entry(index) if 0 <= index < len(log.leaves) else None

    def entries(
        self,
        origin: str,
        start: int,
        stop: int | None = None,
        bytes_max: int = READ_BYTES_MAX,
        count_max: int = 10_000,
    ) -> list[Entry]:
        log, total = self._kept(origin), 0
        found: list[Entry] = []
        for index in range(max(start, 0), len(log.leaves) if stop is None else min(stop, len(log.leaves))):
            entry = log.entry(index)
            total += len(entry.header) + len(entry.body or b"")
            if found and (total > bytes_max or len(found) == count_max):
                break
            found.append(entry)
        return found

    def headers(self, origin: str, start: int, stop: int) -> list[bytes]:
        return [leaf.raw for leaf in self._kept(origin).leaves[start:stop]]

    def control(self, origin: str, start: int = 0, stop: int | None = None) -> list[Entry]:
        log = self._kept(origin)
        return [
            log.entry(index)
            for index, leaf in enumerate(log.leaves[:stop])
            if index >= start and leaf.header and leaf.header.element is None and leaf.unreadable is None
        ]

    def locate(self, header_digest: bytes) -> Entry | None:
        found = self.locate_all(header_digest)
        return found[-1] if found else None

    def locate_all(self, header_digest: bytes) -> list[Entry]:
        return [entry for _, _, entry in self._all() if entry.digest == header_digest]

    def history(
        self, element: ElementId, origins: Sequence[str] | None = None, limit: int = HISTORY_MAX
    ) -> list[Entry]:
        found: list[Entry] = []
        for log in self._about(element, origins):
            for index, leaf in enumerate(log.leaves):
                if leaf.header and leaf.header.element == element:
                    found.append(log.entry(index))
        return found[-limit:]

    def current(self, element: ElementId, origins: Sequence[str] | None = None) -> Entry | None:
        found = [entry for entry in self.history(element, origins) if entry.unreadable is None]
        return found[-1] if found else None

    def body(self, digest: bytes) -> bytes | None:
        for _, leaf, entry in self._all():
            if entry.body is not None and leaf.header and leaf.header.body_digest == digest:
                return entry.body
        return None

    def wanted(self, origin: str, limit: int = 1_000, start: int = 0) -> list[tuple[int, bytes]]:
        return [
            (index, leaf.header.body_digest)
            for index, leaf in enumerate(self._kept(origin).leaves)
            if index >= start and leaf.slot == Slot.WANTED and leaf.header and leaf.header.body_digest
        ][:limit]

    def hash_reader(self, origin: str, size: int | None = None) -> MemoryLog:
        return self._kept(origin)

    def root_at(self, origin: str, size: int) -> bytes:
        return merkle.root(self._kept(origin), size)

    def tile(self, origin: str, level: int, n: int) -> bytes | None:
        log = self._kept(origin)
        count = len(log.leaves) >> (8 * level)
        row = [log.hash(8 * level, at) for at in range(n * TILE_WIDTH, min(count, (n + 1) * TILE_WIDTH))]
        return b"".join(row) or None

    def cosignatures(self, origin: str) -> list[CosignatureRow]:
        return [row for _, row in sorted(self._kept(origin).cosignatures.items())]

    def forks(self, origin: str | None = None) -> list[ForkRow]:
        return [row for row in self._forks if origin is None or row.origin == origin]

    def source(self, source: str, source_id: str) -> tuple[ElementId, bytes] | None:
        return self._sources.get((source, source_id))

    def peers(self) -> list[PeerRow]:
        return [row for _, row in sorted(self._peers.items())]

    def choice(self, name: str) -> str | None:
        return self._choices.get(name)

    def _kept(self, origin: str) -> MemoryLog:
        log = self._logs.get(origin)
        if log is None:
            raise LocalError(f"the log {origin} is not kept here")
        return log

    def _all(self) -> Iterator[tuple[MemoryLog, Leaf, Entry]]:
        for log in self._logs.values():
            if log.status != "aside":
                for index, leaf in enumerate(log.leaves):
                    yield log, leaf, log.entry(index)

    def _about(self, element: ElementId, origins: Sequence[str] | None) -> list[MemoryLog]:
        if origins is not None:
            return [self._kept(origin) for origin in origins]
        return [
            log for log in self._logs.values() if log.identity.territory == element.territory and log.status != "aside"
        ]

    # ---------------------------------------------------------------------------------------------------------- writing
    def begin_log(self, identity: LogIdentity, opening: Authored, key: SigningKey) -> Placed:
        if self._own is not None:
            self._logs[self._own].status = "closed"
        self._logs[identity.origin] = MemoryLog(len(self._logs) + 1, identity, own=True)
        self._own, self.key = identity.origin, key
        answers = self.append([[opening]])
        assert isinstance(answers[0], list)
        return answers[0][0]

    def append(self, requests: Sequence[Sequence[Authored]]) -> list[list[Placed] | Conflict]:
        log = self._own_kept()
        old_size, answers = len(log.leaves), []
        for request in requests:
            answers.append(self._append(log, request))
        if len(log.leaves) > old_size:
            self._sign(log, old_size)
        return answers

    def _append(self, log: MemoryLog, request: Sequence[Authored]) -> list[Placed] | Conflict:
        size = len(log.leaves)
        own = [kept.identity.origin for kept in self._logs.values() if kept.own and kept.status != "aside"]
        placed = []
        for authored in request:
            header = authored.header
            if authored.edit and header.element is not None:
                current = self.current(header.element, own)
                now = None if current is None else current.digest
                if now != header.previous:
                    del log.leaves[size:], log.hashes[size:]
                    return conflict(header.element, now, header.previous)
            placed.append(Placed(log.identity.origin, len(log.leaves), header.digest, header.element))
            log.add(Leaf(header.raw, header, _slot(header, authored.body), authored.body, None))
        for authored in request:
            self._remember(authored.source, authored.header.element)
        return placed

    def _remember(self, source: SourceRow | None, element: ElementId | None) -> None:
        if source is not None and element is not None:
            self._sources[source.source, source.source_id] = (element, source.content)

    def _sign(self, log: MemoryLog, old_size: int) -> None:
        assert self.key is not None
        size = len(log.leaves)
        note = checkpoint.sign(Checkpoint(log.identity.origin, size, log.frontier().root()), self.key)
        log.heads[size] = self.guarded = note
        self._prune(log)
        self._tell(LogGrew(log.identity.origin, old_size, size, own=True))
        self._tell(HeadCame(log.identity.origin, size, note, own=True))

    def keep_log(self, identity: LogIdentity) -> None:
        known = self._logs.setdefault(identity.origin, MemoryLog(len(self._logs) + 1, identity, own=False))
        if known.identity.key != identity.key:
            raise LocalError(f"the log {identity.origin} is kept under another key", hint="one origin has one key")

    def keep_head(self, origin: str, size: int, note: bytes) -> None:
        log = self._kept(origin)
        log.heads[size] = note
        self._prune(log)
        if size <= len(log.leaves):
            self._tell(HeadCame(origin, size, note, own=False))

    def _prune(self, log: MemoryLog) -> None:
        newest = log.head()
        cosigned = {row.size for row in log.cosignatures.values()}
        for size in [size for size in log.heads if newest and size < newest[0] and size not in cosigned]:
            del log.heads[size]

    def keep_batches(
        self,
        batches: Iterable[tuple[str, CheckedBatch, Sequence[str | None]]],
        enough: Callable[[], bool] = lambda: False,
    ) -> list[int | LocalError]:
        answers: list[int | LocalError] = []
        for origin, batch, flags in batches:
            log = self._kept(origin)
            size = len(log.leaves)
            if origin == self._own or batch.start != size:
                answers.append(LocalError(f"batch from {batch.start} for {origin}, which has {size}"))
                continue
            rows = zip(batch.headers, batch.readings, batch.slots, batch.bodies, flags, strict=True)
            for raw, header, slot, body, flag in rows:
                log.add(Leaf(raw, header, slot, body, flag))
            answers.append(batch.stop)
            self._tell(LogGrew(origin, size, batch.stop, own=False))
            if batch.head.size == batch.stop:
                self.keep_head(origin, batch.head.size, batch.head.note)
            if enough():
                break
        return answers

    def keep_bodies(self, bodies: Sequence[tuple[bytes, bytes]]) -> int:
        given, count = dict(bodies), 0
        for log in self._logs.values():
            filled = []
            for index, leaf in enumerate(log.leaves):
                digest = leaf.header.body_digest if leaf.header else None
                if leaf.slot == Slot.WANTED and digest in given:
                    leaf.slot, leaf.body = Slot.HERE, given[digest]
                    filled.append(index)
            count += len(filled)
            if filled:
                self._tell(BodiesCame(log.identity.origin, tuple(filled)))
        return count

    def keep_cosignature(self, origin: str, size: int, cosigner: str, time: int, line: bytes) -> None:
        log = self._kept(origin)
        known = log.cosignatures.get(cosigner)
        if known is None or (time, size) > (known.time, known.size):
            log.cosignatures[cosigner] = CosignatureRow(origin, cosigner, size, time, line)
            self._prune(log)

    def keep_fork(self, origin: str, proof: bytes, now: int) -> bool:
        digest = sha256(proof).digest()
        if any(row.digest == digest for row in self._forks):
            return False
        self._forks.append(ForkRow(digest, origin, proof, now))
        return True

    def keep_peer(self, peer: PeerRow) -> None:
        self._peers[peer.key] = peer

    def forget_peer(self, key: bytes) -> None:
        self._peers.pop(key, None)

    def choose(self, name: str, value: str | None) -> None:
        if value is None:
            self._choices.pop(name, None)
        else:
            self._choices[name] = value

    def close(self) -> None:
        """Nothing to let go."""

    def _own_kept(self) -> MemoryLog:
        assert self._own is not None, "a log of one's own is opened first"
        return self._logs[self._own]


def _slot(header: Header, body: bytes | None) -> Slot:
    if header.body_digest is None:
        return Slot.NONE
    return Slot.WANTED if body is None else Slot.HERE


def read_or_none(raw: bytes) -> Header | None:
    """The header, or None where its shape is wrong."""
    try:
        return read_header(raw)
    except Unreadable:
        return None
