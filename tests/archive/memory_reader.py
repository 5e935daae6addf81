# SPDX-License-Identifier: AGPL-3.0-or-later
"""The reading half of an archive in memory (memory.py): quick to write and to believe, rather than quick to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from convergences_node.archive.model import (
    HIDDEN,
    HISTORY_MAX,
    READ_BYTES_MAX,
    CosignatureRow,
    Entry,
    ErasureRow,
    ForkRow,
    LogState,
    PeerRow,
)
from convergences_protocol import merkle
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError
from convergences_protocol.header import Header
from convergences_protocol.origin import LogIdentity
from convergences_protocol.tiles import TILE_WIDTH, Slot


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
    erasures_read: int = 0

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


class MemoryReader:
    """What `ArchiveReader` answers, from lists and dictionaries."""

    def __init__(self) -> None:
        self._logs: dict[str, MemoryLog] = {}
        self._own: str | None = None
        self._forks: list[ForkRow] = []
        self._erasures: dict[tuple[str, int], ErasureRow] = {}
        self._erased: set[ElementId] = set()
        self._sources: dict[tuple[str, str], tuple[ElementId, bytes]] = {}
        self._peers: dict[bytes, PeerRow] = {}
        self._choices: dict[str, str] = {}

    def logs(self) -> list[LogState]:
        return [self._state(log) for log in self._logs.values() if log.status != "aside"]

    def origins(self) -> list[str]:
        return [state.origin for state in self.logs()]

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
            log.erasures_read,
        )

    def head(self, origin: str, size: int | None = None) -> tuple[int, bytes] | None:
        return self._kept(origin).head(size)

    def pinned(self, origin: str) -> tuple[int, bytes] | None:
        log = self._kept(origin)
        ahead = [size for size in log.heads if size > len(log.leaves) and not log.own]
        return (max(ahead), log.heads[max(ahead)]) if ahead else None

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

    def control(self, origin: str, start: int = 0, stop: int | None = None, count_max: int = 10_000) -> list[Entry]:
        log = self._kept(origin)
        return [
            log.entry(index)
            for index, leaf in enumerate(log.leaves[:stop])
            if index >= start and leaf.header and leaf.header.element is None and leaf.unreadable is None
        ][:count_max]

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

    def elsewhere(self, element: ElementId, origins: Sequence[str], limit: int = HISTORY_MAX) -> list[Entry]:
        return self.history(element, [each for each in self.origins() if each not in origins], limit)

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

    def erasures(self, state: str | None = None, limit: int = 10_000) -> list[ErasureRow]:
        rows = sorted(self._erasures.values(), key=lambda row: (row.heard_at or 0, row.origin, row.index))
        return [row for row in rows if state is None or row.state == state][:limit]

    def is_erased(self, element: ElementId) -> bool:
        return element in self._erased

    def hidden_bodies(self, limit: int = 10_000) -> list[bytes]:
        hidden = (leaf for log in self._logs.values() for leaf in log.leaves if leaf.slot == HIDDEN)
        return [leaf.body for leaf in hidden if leaf.body is not None][:limit]

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
