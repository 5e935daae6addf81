# SPDX-License-Identifier: AGPL-3.0-or-later
"""What one simulated node has on its card: logs in memory, quick to append to, to prove from, and to copy for a backup.

Every method is one committed transaction. The node calls it when the write is done; a crash before that loses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from convergences_protocol import checkpoint, merkle
from convergences_protocol.cosignature import Cosignature
from convergences_protocol.erasure import Heard
from convergences_protocol.header import Header
from convergences_protocol.replication.check import CheckedBatch
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.replication.limits import BATCH_RECORDS_MAX
from convergences_protocol.replication.views import Held, LogView
from convergences_protocol.tiles import Slot

Place = tuple[str, int]
"""Where a record stands: its log's origin, and its number there."""


@dataclass(slots=True)
class SimLog:
    """One log: it reads its own tree."""

    origin: str
    own: bool = False
    closed: bool = False
    headers: list[bytes] = field(default_factory=list)
    readings: list[Header | None] = field(default_factory=list)
    flags: list[str | None] = field(default_factory=list)
    bodies: list[bytes | None] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])
    heads: dict[int, bytes] = field(default_factory=dict)
    cosignatures: dict[str, tuple[int, Cosignature]] = field(default_factory=dict)
    fork: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.headers)

    def hash(self, level: int, index: int) -> bytes:
        return self.levels[level][index]

    def root_at(self, size: int) -> bytes:
        return merkle.root(self, size)

    def head_size(self) -> int:
        """The size of the latest head that the tree reaches; 0 for none."""
        return max((size for size in self.heads if size <= self.size), default=0)

    def append(
        self, raw: bytes, leaf: bytes, reading: Header | None, flag: str | None, body: bytes | None, slot: Slot
    ) -> None:
        self.headers.append(raw)
        self.readings.append(reading)
        self.flags.append(flag)
        self.bodies.append(body)
        self.slots.append(slot)
        level = 0
        while True:
            row = self.levels[level]
            row.append(leaf)
            if len(row) & 1:
                return
            leaf = merkle.node_hash(row[-2], row[-1])
            level += 1
            if level == len(self.levels):
                self.levels.append([])

    def cut(self, size: int) -> None:
        """Forget everything from `size` on."""
        for column in (self.headers, self.readings, self.flags, self.bodies, self.slots):
            del column[size:]
        for level, row in enumerate(self.levels):
            del row[size >> level :]
        self.heads = {at: note for at, note in self.heads.items() if at <= size}

    def copy(self) -> SimLog:
        return SimLog(
            self.origin,
            self.own,
            self.closed,
            self.headers.copy(),
            self.readings.copy(),
            self.flags.copy(),
            self.bodies.copy(),
            self.slots.copy(),
            [row.copy() for row in self.levels],
            self.heads.copy(),
            self.cosignatures.copy(),
            self.fork,
        )


def held(note: bytes, cosignatures: Sequence[Cosignature] = ()) -> Held:
    head = checkpoint.parse(note)
    return Held(head.size, head.root, note, tuple(cosignatures))


@dataclass(slots=True)
class Aside:
    """A record of our own that stood in a branch that the charter did not choose."""

    header: bytes
    body: bytes | None


class SimArchive:
    """All logs of one node, and the records set aside."""

    def __init__(self) -> None:
        self.logs: dict[str, SimLog] = {}
        self.own: list[str] = []
        """Our epochs, the one that is written last."""
        self.aside: list[Aside] = []
        self.heard: dict[Place, Heard] = {}
        """The erasures in all logs, as they were heard here."""
        self.dropped: dict[Place, None] = {}
        """Those whose bodies are gone from this card."""

    def copy(self) -> SimArchive:
        """A backup, or the card's content at this moment."""
        twin = SimArchive()
        twin.logs = {origin: log.copy() for origin, log in self.logs.items()}
        twin.own = self.own.copy()
        twin.aside = self.aside.copy()
        twin.heard, twin.dropped = self.heard.copy(), self.dropped.copy()
        return twin

    def log(self, origin: str) -> SimLog:
        log = self.logs.get(origin)
        if log is None:
            log = self.logs[origin] = SimLog(origin)
        return log

    @property
    def current(self) -> SimLog:
        """The log that this node writes in."""
        return self.logs[self.own[-1]]

    def view(self, origin: str) -> LogView:
        log = self.logs[origin]
        size = log.head_size()
        lines = [line for at, line in log.cosignatures.values() if at == size]
        lines.sort(key=lambda line: (line.cosigner_name != origin, line.cosigner_name))
        later = min((at for at in log.heads if at > log.size), default=None)
        return LogView(
            origin,
            size if log.own and not log.closed else log.size,
            held(log.heads[size], lines) if size else None,
            held(log.heads[later]) if later else None,
            own=log.own and not log.closed,
            wanted=log.slots.count(Slot.WANTED),
            fork=log.fork,
        )

    def keep_batch(self, origin: str, checked: CheckedBatch, flags: Sequence[str | None]) -> int:
        """Store a checked batch, with the head that it leads to. Returns how many of its bodies are wanted."""
        log = self.log(origin)
        assert log.size == checked.start, f"{origin}: batch at {checked.start} where {log.size} was open"
        columns = zip(
            checked.headers, checked.leaf_hashes, checked.readings, flags, checked.bodies, checked.slots, strict=True
        )
        for columns_of_one in columns:
            log.append(*columns_of_one)
        if checked.head.note:
            log.heads.setdefault(checked.head.size, checked.head.note)
        return checked.slots.count(Slot.WANTED)

    def cut(self, log: SimLog, size: int) -> None:
        """Forget the records of a log from `size` on, and what they said of erasures."""
        for at in [at for at in self.heard if at[0] == log.origin and at[1] >= size]:
            del self.heard[at]
            self.dropped.pop(at, None)
        log.cut(size)

    def load_batch(
        self, origin: str, start: int, head_size: int, bytes_max: int, records_max: int = BATCH_RECORDS_MAX
    ) -> tuple[list[bytes], list[GivenBody], list[bytes]]:
        """See `LoadBatch`. LookupError when there is nothing to give."""
        log = self.logs[origin]
        if log.size < head_size:
            raise LookupError(origin)
        headers: list[bytes] = []
        slots: list[GivenBody] = []
        size = 0
        for at in range(start, min(head_size, start + records_max)):
            body = log.bodies[at] if log.slots[at] is Slot.HERE else None
            size += len(log.headers[at]) + len(body or b"")
            if size > bytes_max:
                break
            headers.append(log.headers[at])
            slots.append(body if body is not None else None if log.slots[at] is Slot.ERASED else False)
        return headers, slots, merkle.consistency_proof(log, start + len(headers), head_size)

    def bodies_by_digest(self, digests: Sequence[bytes]) -> list[bytes]:
        """Those that are here."""
        wanted = set(digests)
        found: dict[bytes, bytes] = {}
        for log in self.logs.values():
            for reading, body, slot in zip(log.readings, log.bodies, log.slots, strict=True):
                if slot is Slot.HERE and body and reading and reading.body_digest in wanted:
                    found[reading.body_digest] = body
        return [found[digest] for digest in digests if digest in found]

    def keep_bodies(self, bodies: Sequence[tuple[bytes, bytes]]) -> None:
        """Put each body where it is wanted, and nowhere else."""
        by_digest = dict(bodies)
        for log in self.logs.values():
            for at, slot in enumerate(log.slots):
                reading = log.readings[at]
                if slot is Slot.WANTED and reading and reading.body_digest in by_digest:
                    log.bodies[at] = by_digest[reading.body_digest]
                    log.slots[at] = Slot.HERE
