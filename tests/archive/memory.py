# SPDX-License-Identifier: AGPL-3.0-or-later
"""An archive in memory, by lists and dictionaries alone: the second implementation of what an archive promises.

One test class runs on it and on SQLite's, so that each is the other's measure. Nothing survives it, and it bounds
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from convergences_node.archive.authoring import Authored
from convergences_node.archive.erasing import STATES, HeardErasure
from convergences_node.archive.keeping import Batch, is_erasure
from convergences_node.archive.model import (
    HIDDEN,
    BodiesCame,
    BodiesErased,
    CosignatureRow,
    EpochOpened,
    ErasedElement,
    ErasureRow,
    ErasuresCame,
    Event,
    ForkRow,
    HeadCame,
    LogGrew,
    PeerRow,
    Placed,
    conflict,
)
from convergences_node.archive.writer import Answer
from convergences_protocol import checkpoint
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.erasure import Erasure, Heard, read_erasure, redated, states
from convergences_protocol.errors import ConvergencesError, LocalError, Unreadable
from convergences_protocol.header import Header
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import KIND as OPENING
from convergences_protocol.origin import LogIdentity
from convergences_protocol.tiles import Slot

from .memory_reader import Leaf, MemoryLog, MemoryReader


class MemoryArchive(MemoryReader):
    """Reader and writer in one. `guarded` is the last head that was signed here, as the guard would have it."""

    def __init__(self, tell: Callable[[Event], None] = lambda event: None) -> None:
        super().__init__()
        self.key: SigningKey | None = None
        self.guarded: bytes | None = None
        self._in_force: dict[tuple[str, int], Erasure] = {}
        self.tell = tell

    @property
    def reader(self) -> MemoryReader:
        """Itself: it has nothing to hide from those who read."""
        return self

    def begin_log(self, identity: LogIdentity, opening: Authored, key: SigningKey, reason: str = "") -> Placed:
        if self._own is not None:
            self._logs[self._own].status = "closed"
            self.tell(EpochOpened(identity.origin, self._own, reason))
        self._logs[identity.origin] = MemoryLog(len(self._logs) + 1, identity, own=True)
        self._own, self.key = identity.origin, key
        answers = self.append([[opening]])
        assert isinstance(answers[0], list)
        return answers[0][0]

    def append(self, requests: Sequence[Sequence[Authored]]) -> list[Answer]:
        log = self._own_kept()
        old_size = len(log.leaves)
        answers = [self._append(log, request) for request in requests]
        if len(log.leaves) > old_size:
            self._sign(log, old_size)
        return answers

    def _append(self, log: MemoryLog, request: Sequence[Authored]) -> Answer:
        size = len(log.leaves)
        own = [kept.identity.origin for kept in self._logs.values() if kept.own and kept.status != "aside"]
        placed = []
        for authored in request:
            header = authored.header
            refused = self._refusal(authored, own)
            if refused is not None:
                del log.leaves[size:], log.hashes[size:]
                return refused
            placed.append(Placed(log.identity.origin, len(log.leaves), header.digest, header.element))
            self._add(log, Leaf(header.raw, header, _slot(authored), authored.body, None))
        for authored in request:
            if authored.source is not None and authored.header.element is not None:
                key = (authored.source.source, authored.source.source_id)
                self._sources[key] = (authored.header.element, authored.source.content)
        return placed

    def _refusal(self, authored: Authored, own: Sequence[str]) -> ConvergencesError | None:
        element = authored.header.element
        if not authored.edit or element is None:
            return None
        if element in self._erased:
            return ErasedElement(f"{element} was erased: nothing more is written about it")
        current = self.current(element, own)
        now = None if current is None else current.digest
        return None if now == authored.header.previous else conflict(element, now, authored.header.previous)

    def _add(self, log: MemoryLog, leaf: Leaf) -> None:
        """Add a leaf; what arrives after its erasure arrives without its body."""
        log.add(leaf)
        if leaf.slot != Slot.NONE and self._is_named(log, len(log.leaves) - 1):
            leaf.slot, leaf.body = Slot.ERASED, None

    def _sign(self, log: MemoryLog, old_size: int) -> None:
        assert self.key is not None
        size = len(log.leaves)
        note = checkpoint.sign(Checkpoint(log.identity.origin, size, log.frontier().root()), self.key)
        log.heads[size] = self.guarded = note
        self._prune(log)
        self.tell(LogGrew(log.identity.origin, old_size, size, own=True))
        self.tell(HeadCame(log.identity.origin, size, note, own=True))
        if any(is_erasure(leaf.header) for leaf in log.leaves[old_size:]):
            self.tell(ErasuresCame(log.identity.origin))

    def keep_log(self, identity: LogIdentity) -> None:
        known = self._logs.setdefault(identity.origin, MemoryLog(len(self._logs) + 1, identity, own=False))
        if known.identity.key != identity.key:
            raise LocalError(f"the log {identity.origin} is kept under another key", hint="one origin has one key")

    def keep_head(self, origin: str, size: int, note: bytes) -> None:
        log = self._kept(origin)
        log.heads[size] = note
        self._prune(log)
        if size <= len(log.leaves):
            self.tell(HeadCame(origin, size, note, own=False))

    def _prune(self, log: MemoryLog) -> None:
        newest = log.head()
        cosigned = {row.size for row in log.cosignatures.values()}
        for size in [size for size in log.heads if newest and size < newest[0] and size not in cosigned]:
            del log.heads[size]

    def keep_batches(
        self, batches: Iterable[Batch], enough: Callable[[], bool] = lambda: False
    ) -> list[int | Exception]:
        answers: list[int | Exception] = []
        for origin, batch, flags in batches:
            log = self._kept(origin)
            size = len(log.leaves)
            if origin == self._own or batch.start != size:
                answers.append(LocalError(f"batch from {batch.start} for {origin}, which has {size}"))
                continue
            rows = zip(batch.headers, batch.readings, batch.slots, batch.bodies, flags, strict=True)
            for raw, header, slot, body, flag in rows:
                self._add(log, Leaf(raw, header, slot, body, flag))
            answers.append(batch.stop)
            self.tell(LogGrew(origin, size, batch.stop, own=False))
            if batch.head.size == batch.stop:
                self.keep_head(origin, batch.head.size, batch.head.note)
            if any(map(is_erasure, batch.readings)):
                self.tell(ErasuresCame(origin))
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
                self.tell(BodiesCame(log.identity.origin, tuple(filled)))
        return count

    def keep_cosignatures(self, rows: Sequence[CosignatureRow]) -> None:
        for row in rows:
            log = self._logs.get(row.origin)
            known = log.cosignatures.get(row.cosigner) if log else None
            if log and (known is None or (row.time, row.size) > (known.time, known.size)):
                log.cosignatures[row.cosigner] = row
                self._prune(log)

    def keep_fork(self, origin: str, proof: bytes, now: int) -> bool:
        digest = sha256(proof).digest()
        if any(row.digest == digest for row in self._forks):
            return False
        self._forks.append(ForkRow(digest, origin, proof, now))
        return True

    def keep_peer(self, peer: PeerRow) -> None:
        self._peers[peer.key] = peer

    def choose(self, name: str, value: str | None) -> None:
        if value is None:
            self._choices.pop(name, None)
        else:
            self._choices[name] = value

    # --------------------------------------------------------------------------------------------------------- erasures
    def hear_erasures(self, now: int | None) -> list[HeardErasure]:
        for at, row in self._erasures.items():
            if row.state != "dropped":
                self._erasures[at] = replace(row, heard_at=redated(row.heard_at, now))
        for log in self._logs.values():
            for entry in self.control(log.identity.origin, log.erasures_read) if log.status != "aside" else ():
                header = log.leaves[entry.index].header
                erasure = _erasure(header)
                if erasure is not None:
                    weight = erasure.weight if any(leaf.body for leaf in self._named(erasure)) else 0
                    row = ErasureRow(entry.origin, entry.index, now, weight, False, False, "invalid")
                    self._erasures.setdefault((entry.origin, entry.index), row)
            log.erasures_read = len(log.leaves)
        return [HeardErasure(self._erasure(at), self._erasures[at]) for at in sorted(self._erasures)]

    def decide_erasure(self, at: tuple[str, int], *, released: bool = False, at_once: bool = False) -> None:
        row = self._erasures[at]
        self._erasures[at] = replace(row, released=row.released or released, at_once=row.at_once or at_once)

    def apply_erasures(self, valid: Collection[tuple[str, int]], now: int | None) -> list[BodiesErased]:
        kept = [row for at, row in self._erasures.items() if at in valid or row.state == "dropped"]
        judged = states(
            (Heard(row.origin, row.index, row.heard_at, row.weight, row.released, row.at_once) for row in kept), now
        )
        for at, row in self._erasures.items():
            self._erasures[at] = replace(row, state="dropped" if row.state == "dropped" else STATES[judged.get(at)])
        in_force = [at for at, row in self._erasures.items() if row.state in ("hidden", "dropped")]
        self._in_force = {at: self._erasure(at) for at in in_force}
        self._erased = {erasure.element for erasure in self._in_force.values() if erasure.element is not None}
        return self._fit_slots()

    def _fit_slots(self) -> list[BodiesErased]:
        """Bring every slot to what the erasures in force say, and tell what changed."""
        strongest: dict[bytes, str] = {}
        for at, erasure in self._in_force.items():
            for leaf in self._named(erasure):
                if strongest.get(leaf.raw) != "dropped":
                    strongest[leaf.raw] = self._erasures[at].state
        events = []
        for log in self._logs.values():
            changed: dict[bool, list[int]] = {}
            for index, leaf in enumerate(log.leaves):
                state = strongest.get(leaf.raw)
                if leaf.slot != Slot.NONE and _fit(leaf, state):
                    changed.setdefault(state == "dropped", []).append(index)
            events += [BodiesErased(log.identity.origin, tuple(found), dropped) for dropped, found in changed.items()]
        return events

    def _named(self, erasure: Erasure) -> list[Leaf]:
        return [
            leaf
            for log in self._logs.values()
            for index, leaf in enumerate(log.leaves)
            if _names(erasure, log, index, leaf)
        ]

    def _is_named(self, log: MemoryLog, index: int) -> bool:
        return any(_names(erasure, log, index, log.leaves[index]) for erasure in self._in_force.values())

    def _erasure(self, at: tuple[str, int]) -> Erasure:
        erasure = _erasure(self._logs[at[0]].leaves[at[1]].header)
        assert erasure is not None, "only erasures are noted as such"
        return erasure

    def rewind(self, origin: str, size: int) -> int:
        log = self._kept(origin)
        cut = log.leaves[size:]
        if log.own and origin != self._own:
            self.append([[again] for again in map(self._again, cut) if again is not None])
        aside = MemoryLog(len(self._logs) + 1, log.identity, log.own, "aside", cut)
        self._logs[f"{origin}#{aside.number}"] = aside
        del log.leaves[size:], log.hashes[size:]
        log.heads = {at: note for at, note in log.heads.items() if at <= size}
        log.cosignatures = {name: row for name, row in log.cosignatures.items() if row.size <= size}
        log.erasures_read = min(log.erasures_read, size)
        self._erasures = {at: row for at, row in self._erasures.items() if at[0] != origin or at[1] < size}
        return len(cut)

    def _again(self, leaf: Leaf) -> Authored | None:
        """The record as it is appended again, unless another log has it, or it opens the one that is cut."""
        header = leaf.header
        if header is None or leaf.unreadable or header.kind == OPENING or len(self.locate_all(header.digest)) > 1:
            return None
        return Authored(header, leaf.body, edit=False, erased=leaf.slot in (HIDDEN, Slot.ERASED))

    def close(self) -> None:
        """Nothing to let go."""

    def _own_kept(self) -> MemoryLog:
        assert self._own is not None, "a log of one's own is opened first"
        return self._logs[self._own]


def _slot(authored: Authored) -> Slot:
    if authored.header.body_digest is None:
        return Slot.NONE
    missing = Slot.ERASED if authored.erased else Slot.WANTED
    return missing if authored.body is None else Slot.HERE


def _fit(leaf: Leaf, state: str | None) -> bool:
    """Bring one slot to what is said of it; whether that changed it."""
    if state == "dropped":
        new = int(Slot.ERASED)
    elif state == "hidden":
        new = {int(Slot.HERE): HIDDEN, int(Slot.WANTED): int(Slot.ERASED)}.get(leaf.slot, leaf.slot)
    else:
        new = {HIDDEN: int(Slot.HERE), int(Slot.ERASED): int(Slot.WANTED)}.get(leaf.slot, leaf.slot)
    changed, leaf.slot = new != leaf.slot, new
    if state == "dropped":
        leaf.body = None
    return changed


def _erasure(header: Header | None) -> Erasure | None:
    try:
        return read_erasure(header) if header is not None and is_erasure(header) else None
    except Unreadable:
        return None


def _names(erasure: Erasure, log: MemoryLog, index: int, leaf: Leaf) -> bool:
    digest, element = sha256(leaf.raw).digest(), leaf.header.element if leaf.header else None
    return erasure.names(log.identity.origin, index, digest, element)
