# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one who writes an archive: synchronous, in one thread, one transaction at a time.

Each call is one transaction unless it says otherwise: it is all written and durable when the call returns, or nothing
of it is. Appending to one's own log keeps this order, whatever happens in between:

    guard prepared -> archive committed -> guard durable -> head revealed

so that no one ever sees a head that a power cut could take back (guard.py). A failure after the commit leaves records
that are durable and not shown; the writer then refuses to go on, and the next start reveals them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from convergences_protocol import cbor, checkpoint
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.errors import ConvergencesError
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity

from . import erasing, rewinding
from .authoring import Authored
from .beside import source_key
from .erasing import HeardErasure
from .guard import Guard, Step, no_step
from .keeping import Batch, Keeping, is_erasure
from .lineage import lineage
from .model import (
    BodiesErased,
    EpochOpened,
    ErasedElement,
    ErasuresCame,
    Event,
    Halted,
    HeadCame,
    LogGrew,
    Placed,
    SourceRow,
    conflict,
)
from .revealed import Revealed
from .tables import Edge, leaf_of

Answer = list[Placed] | ConvergencesError
Current = dict[ElementId, bytes | None]


@dataclass(frozen=True, slots=True)
class _Appended:
    """What is appended to one's own log, and not shown yet."""

    edge: Edge
    old_size: int
    note: bytes
    erases: bool


class ArchiveWriter(Keeping):
    """Writes one's own log, and (as `Keeping`) those of others."""

    def __init__(
        self,
        folder: Path,
        guard: Guard,
        revealed: Revealed,
        *,
        tell: Callable[[Event], None],
        step: Step = no_step,
        pages_max: int | None = None,
        read_only: str | None = None,
    ) -> None:
        super().__init__(folder, revealed, tell, pages_max=pages_max, read_only=read_only)
        self.guard = guard
        self.key: SigningKey | None = None
        self._step = step
        self._lineage: list[str] | None = None
        """Which logs say what is current; asked for once an append."""

    def begin_log(self, identity: LogIdentity, opening: Authored, key: SigningKey, reason: str = "") -> Placed:
        """Open a log of one's own with its first record, and write in it from now on. The one before is closed.

        `reason` is why, for those who hear of the new epoch.
        """
        closed = [state for state in self.reader.logs() if state.own]
        edge: Edge | None = None
        try:
            with self.transaction() as db:
                db.execute("UPDATE logs SET status = 'closed' WHERE own = 1 AND status = 'open'")
                self.add_log(identity, own=True)
                edge = self.edge(identity.origin)
                self.revealed.hold(edge.number, 0)
                self.insert(edge, [leaf_of(opening)])
                note = self._prepare_head(edge, key)
        except BaseException:
            if edge is not None:  # The number is free again, and another log may get it.
                self.revealed.release(edge.number)
            raise
        former, self.writing_in, self.key = self.writing_in, identity.origin, key
        self._settle_head(edge, 0, note, [EpochOpened(identity.origin, former, reason)] if former else [])
        for state in closed:
            self.revealed.release(state.number)
        return Placed(identity.origin, 0, opening.header.digest)

    def show_log(self, origin: str, revealed_size: int) -> None:
        """Where nothing can be written: show of a log of one's own what was shown before, and sign nothing."""
        self.revealed.hold(self.edge(origin).number, revealed_size)
        self.writing_in = origin

    def continue_log(self, origin: str, key: SigningKey, revealed_size: int) -> None:
        """Go on writing in a log that this archive holds: what a power cut kept from being shown is shown now."""
        edge = self.edge(origin)
        self.revealed.hold(edge.number, revealed_size)
        self.writing_in, self.key = origin, key
        with self.transaction():
            edge = self.edge(origin)
            note = self._prepare_head(edge, key)
        self._settle_head(edge, revealed_size, note)

    def append(self, requests: Sequence[Sequence[Authored]]) -> list[Answer]:
        """Place records in one's own log: each request all or nothing, all requests in one transaction under one head.

        Answers a request with where its records stand, or with what kept them out (`Conflict`, `ErasedElement`).
        Durable and revealed when this returns.
        """
        answers: list[Answer] = []
        if not any(requests):  # nothing is written, but whoever asks is told whether something would be
            self.require_sound()
            return [[] for _ in requests]
        with self.transaction():
            appended = self._append(requests, answers)
        self._show(appended)
        return answers

    def keep_and_append(
        self, batches: Iterable[Batch], enough: Callable[[], bool], requests: Callable[[], Sequence[Sequence[Authored]]]
    ) -> tuple[list[int | Exception], list[Answer]]:
        """Store others' batches, then append what `requests` gives, in one transaction: who waited for the batches does
        not wait for a transaction of their own as well. Answers both."""
        answers: list[Answer] = []
        appended: _Appended | None = None

        def append() -> None:
            nonlocal appended
            if asked := requests():
                appended = self._append(asked, answers)

        kept = self.keep_batches(batches, enough, append)
        self._show(appended)
        return kept, answers

    def _append(self, requests: Sequence[Sequence[Authored]], answers: list[Answer]) -> _Appended | None:
        """Within a transaction: place what can be, and prepare the head that covers it. None: there is nothing."""
        assert self.writing_in is not None and self.key is not None, "a log of one's own is opened first"
        edge = self.edge(self.writing_in)
        old_size = edge.frontier.size
        accepted = self._accept(requests, old_size, answers)
        if not accepted:
            return None
        self.insert(edge, [leaf_of(authored) for authored in accepted])
        self._remember_sources(accepted)
        note = self._prepare_head(edge, self.key)
        return _Appended(edge, old_size, note, any(is_erasure(authored.header) for authored in accepted))

    def _show(self, appended: _Appended | None) -> None:
        """The transaction is committed."""
        if appended is None:
            return
        self._settle_head(appended.edge, appended.old_size, appended.note)
        if appended.erases:
            self.tell(ErasuresCame(appended.edge.origin))

    def _accept(self, requests: Sequence[Sequence[Authored]], size: int, answers: list[Answer]) -> list[Authored]:
        """Those that go in, each edit checked against the archive and what this very group changes before it."""
        accepted: list[Authored] = []
        self._lineage = None
        current: Current = {}
        for request in requests:
            changed: Current = {}
            try:
                first = size + len(accepted)
                placed = [self._place(authored, at, current, changed) for at, authored in enumerate(request, first)]
            except ConvergencesError as refused:
                answers.append(refused)
                continue
            current |= changed
            accepted += request
            answers.append(placed)
        return accepted

    def _place(self, authored: Authored, index: int, current: Current, changed: Current) -> Placed:
        assert self.writing_in is not None
        header = authored.header
        digest, element = header.digest, header.element
        if element is not None:
            if authored.edit:
                self._check_edit(element, header.previous, current, changed)
            changed[element] = digest
        return Placed(self.writing_in, index, digest, element)

    def _check_edit(self, element: ElementId, previous: bytes | None, current: Current, changed: Current) -> None:
        """Raises `ErasedElement`, or `Conflict` unless `previous` is still the element's current record."""
        if element in self.forgetting.elements:
            raise ErasedElement(f"{element} was erased: nothing more is written about it")
        if element not in changed and element not in current:
            if self._lineage is None:
                self._lineage = lineage(self.reader)
            entry = self.reader.current(element, self._lineage)
            current[element] = None if entry is None else entry.digest
        now = changed[element] if element in changed else current[element]
        if now != previous:
            raise conflict(element, now, previous)

    def _remember_sources(self, accepted: Sequence[Authored]) -> None:
        rows = [
            (source_key(new.source.source, new.source.source_id), cbor.encode(element.to_cbor()), new.source.content)
            for new in accepted
            if new.source is not None and (element := new.header.element) is not None
        ]
        self._put_sources(rows)

    def _put_sources(self, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        self.db.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", rows)

    def keep_sources(self, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        """Remember again as what rows of sources were imported: key, element, digest of content."""
        with self.transaction():
            self._put_sources(rows)

    def remember_source(self, element: ElementId, row: SourceRow) -> None:
        """Somebody has seen what a row says of an element now, and no record changes."""
        values = (source_key(row.source, row.source_id), cbor.encode(element.to_cbor()), row.content)
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", values)

    # ------------------------------------------------------------------------------- what other rooms carry out
    def hear_erasures(self, now: int | None) -> list[HeardErasure]:
        """Note the erasures that have come since the last time; all that are known here (erasing.py)."""
        return erasing.hear(self, now)

    def decide_erasure(self, at: tuple[str, int], *, released: bool = False, at_once: bool = False) -> None:
        """A person here lets an erasure through the daily limit, or does not wait for the seven days."""
        erasing.decide(self, at, released=released, at_once=at_once)

    def apply_erasures(self, valid: Collection[tuple[str, int]], now: int | None) -> list[BodiesErased]:
        """Do what the valid erasures ask by now, and undo what is valid no more."""
        return erasing.apply(self, valid, now)

    def rewind(self, origin: str, size: int) -> int:
        """Set the records of a log from `size` on aside; what our own residents wrote there is appended again before.

        Several transactions: interrupted, it may be done again from the beginning. Returns how many were set aside.
        """
        self.bring_along(origin, size)
        for event in erasing.withdraw(self, origin, size):
            self.tell(event)
        return rewinding.rewind(self, origin, size)

    def bring_along(self, origin: str, size: int) -> int:
        """Append again, to our open log, what a former one of ours holds from `size` on and no other log here does.

        Several transactions; done again, it adds nothing. Returns how many records were appended.
        """
        state, count = self.reader.log(origin), 0
        if state is not None and state.own and origin != self.writing_in:
            for again in rewinding.divergent(self, origin, size):
                self.append([again])
                count += len(again)
        return count

    def _prepare_head(self, edge: Edge, key: SigningKey) -> bytes:
        """Sign the head, keep it with what it covers, and write the next guard beside the guard."""
        size = edge.frontier.size
        note = checkpoint.sign(Checkpoint(edge.origin, size, edge.frontier.root()), key)
        self.keep_note(edge.number, size, note)
        try:
            self.guard.prepare(note)
        except OSError as error:
            raise self.guard.no_room(error) from error
        self._step("archive.written")
        return note

    def _settle_head(self, edge: Edge, old_size: int, note: bytes, first: Sequence[Event] = ()) -> None:
        """The archive has committed: make the guard durable, then show the head."""
        self._step("archive.committed")
        try:
            self.guard.settle()
        except OSError as error:
            self.broken = f"head.guard could not be put in its place: {error.strerror or error}"
            raise Halted(self.broken, hint="restart the node: what was appended is kept, and shown then") from error
        size = edge.frontier.size
        self.revealed.hold(edge.number, size)
        self._step("head.revealed")
        for event in first:
            self.tell(event)
        if size > old_size:
            self.tell(LogGrew(edge.origin, old_size, size, own=True))
        self.tell(HeadCame(edge.origin, size, note, own=True))
