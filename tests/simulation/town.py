# SPDX-License-Identifier: AGPL-3.0-or-later
"""A simulated town: residents write, the node signs and guards; in doubt it opens a new epoch and brings its own along.

What a resident was told is kept (`acknowledged`) is remembered by the world, which asks for it at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convergences_protocol import checkpoint, doubt, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.cosignature import Cosignature, cosign
from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.erasure import Erasure
from convergences_protocol.header import read_header, signature_valid
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening, author_opening, read_opening
from convergences_protocol.origin import EPOCH_BYTES, LogIdentity, Origin
from convergences_protocol.record import author_control
from convergences_protocol.replication.views import Held
from convergences_protocol.tiles import Slot

from .archive import Aside, SimLog, held
from .node import Node

if TYPE_CHECKING:
    from .world import World

TIME = 1_750_000_000
"""Authors' clocks stand still: nothing may depend on them."""


class Town(Node):
    """A node that residents write at."""

    def __init__(self, world: World, id: str, territory: str, key: SigningKey, recovery: bytes) -> None:
        super().__init__(world, id, territory, key, recovery)
        self.handing_over = False
        """Its people have agreed to join another town: its residents write no more."""
        self.unacknowledged: list[tuple[str, bytes]] = []
        self.openings: list[Opening] = []
        self.serial = 0

    # --- the first day ---

    def found(self) -> LogIdentity:
        """Create the town's first log."""
        return self._open(None)

    def _open(self, previous: Checkpoint | None) -> LogIdentity:
        epoch = self.wire.random.randbytes(EPOCH_BYTES)
        opening = Opening(str(Origin(self.territory, epoch)), self.key.public, self.recovery, self.territory, previous)
        log = self.archive.log(opening.origin)
        log.own = True
        self.archive.own.append(opening.origin)
        self._append(log, author_opening(opening, self.key, TIME), None)
        self._guard(log)
        self._reveal(log, log.size)
        return opening.identity

    def _append(self, log: SimLog, raw: bytes, body: bytes | None) -> None:
        reading, flag = self.world.read(raw)
        slot = Slot.HERE if body is not None else Slot.NONE
        log.append(raw, merkle.leaf_hash(raw), reading, flag, body, slot)

    # --- writing ---

    def resident_writes(self, count: int) -> None:
        """Some statements, then the head that covers them."""
        for _ in range(count):
            self.write(self._commit_statement)
        self.write(self._guard_current)
        self.write(self._reveal_current)

    def _commit_statement(self) -> None:
        log = self.archive.current
        if self.handing_over:
            return
        raw, body = self.world.authors.statement(self, log)
        start = log.size
        self._append(log, raw, body)
        self.unacknowledged.append((log.origin, raw))
        self._written(log, start)

    def operator_erases(self) -> None:
        """Forget one element of this town."""

        def commit() -> None:
            elements = self.world.authors.elements(self)
            if elements and not self.handing_over:
                erasure = Erasure("asked by the person", elements[self.wire.random.randrange(len(elements))])
                self._append_control(ERASURE, erasure.content())

        self.write(commit)
        self.write(self._guard_current)
        self.write(self._reveal_current)

    def thief_erases(self, *, one_by_one: bool) -> None:
        """Somebody with the node's key asks everyone to forget all that the town ever wrote."""

        def commit() -> None:
            log = self.archive.current
            if self.handing_over:
                return
            self.world.stolen[self.territory] = None
            if one_by_one:
                for element in self.world.authors.elements(self):
                    self._append_control(ERASURE, Erasure("gone", element).content())
            else:
                self._append_control(ERASURE, Erasure("gone", None, log.origin, ((0, log.size),)).content())

        self.write(commit)
        self.write(self._guard_current)
        self.write(self._reveal_current)

    def operator_releases(self) -> None:
        """A person here has looked at the erasures that wait."""

        def commit() -> None:
            self.forgetting.release()
            self.judge_erasures()

        self.write(commit)

    def _append_control(self, kind: str, content: dict[str, object]) -> None:
        log = self.archive.current
        start = log.size
        raw = author_control(self.key, kind, content, TIME)
        self._append(log, raw, None)
        self.unacknowledged.append((log.origin, raw))
        self._written(log, start)

    def _written(self, log: SimLog, start: int) -> None:
        if self.belonging.apply(log, start):
            self.follow()
        self._take_erasures(log, start)

    def _guard_current(self) -> None:
        self._guard(self.archive.current)

    def _guard(self, log: SimLog) -> None:
        head = Checkpoint(log.origin, log.size, log.root_at(log.size))
        self.guard = checkpoint.sign(head, self.key), self.machine_id

    def _reveal_current(self) -> None:
        assert self.guard is not None
        head = checkpoint.parse(self.guard[0])
        log = self.archive.current
        if head.origin == log.origin and head.size > log.head_size():
            self._reveal(log, head.size)

    def _reveal(self, log: SimLog, size: int) -> None:
        """Show the head, and tell the residents."""
        assert self.guard is not None
        log.heads[size] = self.guard[0]
        self.wire.mark(f"head {self.id} {log.origin} {size}")
        if self.alive:
            self.machine.log_grew(log.origin, held(self.guard[0]), self.wire.now)
        covered = set(log.headers[:size])
        for origin, raw in self.unacknowledged:
            if origin == log.origin and raw in covered:
                self.world.acknowledge(self, raw)
        self.unacknowledged = [item for item in self.unacknowledged if item[0] == log.origin and item[1] not in covered]

    def cosign(self) -> None:
        """What the clockwork does every ten minutes: say that we hold these heads, now."""
        now = int(self.wire.now)
        for origin in sorted(self.archive.logs):
            log = self.archive.logs[origin]
            size = log.head_size()
            if not size:
                continue
            head = checkpoint.parse(log.heads[size])
            name = self.archive.own[-1]
            line = Cosignature(name, now, cosign(head, name, self.key, now))
            log.cosignatures[name] = size, line
            self.machine.cosigned(origin, size, [line], self.wire.now)
        self.obey()

    # --- doubt ---

    def awake(self) -> None:
        """Compare guard, archive and machine; reveal what the power cut kept from being revealed."""
        self.unacknowledged.clear()
        log = self.archive.current
        guarded = None
        if self.guard:
            head = checkpoint.parse(self.guard[0])
            guarded = doubt.Guarded(head if head.origin == log.origin else None, self.guard[1])
        verdict = doubt.judge_start(guarded, torn=False, machine=self.machine_id, size=log.size, root_at=log.root_at)
        if isinstance(verdict, doubt.Doubt):
            self._new_epoch(verdict.reason)
        elif log.size > log.head_size():
            self._guard(log)
            self._reveal(log, log.size)

    def doubted(self, origin: str, head: object) -> None:
        """A peer shows a head of ours: judge it by the card, not by what the machine remembers."""
        assert isinstance(head, Held)
        life = self.archive.current.origin

        def judge() -> None:
            log = self.archive.current
            if origin != life or log.origin != life:
                return
            shown = Checkpoint(origin, head.size, head.root)
            verdict = doubt.judge_head(shown, size=log.size, root_at=log.root_at)
            if isinstance(verdict, doubt.Doubt):
                self._new_epoch(verdict.reason)
                self._tell_epochs()

        self.write(judge)

    def _new_epoch(self, reason: doubt.Reason) -> None:
        """Close the log as far as it was shown to anyone; what was not goes along to the new one."""
        old = self.archive.current
        self.wire.mark(f"doubt {self.id} {reason}")
        self.world.count("doubts")
        size = old.head_size()
        self.set_aside(old, size)
        self.archive.cut(old, size)
        old.closed = True
        self._open(Checkpoint(old.origin, size, old.root_at(size)) if size else None)

    def _tell_epochs(self) -> None:
        """The machine learns of the new log, the charter presumes it, and the old one is like any other's now."""
        now = self.wire.now
        self.presume()
        self.belonging.apply(self.archive.current, 0)
        for origin in self.archive.own[-2:]:
            self.machine.log_known(self.archive.view(origin), now)
        self.machine.follow(self.belonging.identities(), now)
        self.charter_changed()

    def presume(self) -> None:
        for origin in self.archive.own:
            log = self.archive.logs[origin]
            if log.size and (reading := log.readings[0]):
                self.charter.presume(read_opening(reading))

    # --- bringing one's own along ---

    def set_aside(self, log: SimLog, size: int) -> None:
        if log.origin in self.belonging.logs_of_ours():
            pairs = zip(log.headers[size:], log.bodies[size:], strict=True)
            self.archive.aside += [Aside(header, body) for header, body in pairs]

    def charter_changed(self) -> None:
        self._notice_end()
        self._bring_along()

    def log_grown(self, log: SimLog, start: int) -> None:
        if log.origin in self.belonging.logs_of_ours():
            self._bring_along()

    def _notice_end(self) -> None:
        """The charter has ended the log that we write in, and no other town took over: somebody else has our key."""
        enrolled = self.charter.enrolled(self.archive.own[-1])
        if enrolled and enrolled.end and not enrolled.merged_into:
            life = self.archive.own[-1]

            def open_another() -> None:
                if self.archive.own[-1] == life:
                    self._new_epoch(doubt.Reason.PEER_SHOWS_OTHER)
                    self._tell_epochs()

            self.write(open_another)

    def _bring_along(self) -> None:
        """Append again what is ours and would not count otherwise; also while the territory is being handed over."""
        if len(self.belonging.logs_of_ours()) > 1:
            self.write(self._append_again)

    def to_bring_along(self) -> list[tuple[bytes, bytes | None]]:
        """Records of ours, beyond the ends of our former logs or set aside, that count nowhere else."""
        spans = dict(self.charter.counts(self.territory))
        spans.update({origin: 0 for origin in self.belonging.logs_of_ours() if self._passed_over(origin)})
        current = self.archive.current
        present: set[bytes] = set()
        rest: list[tuple[bytes, bytes | None]] = []
        for origin in self.belonging.logs_of_ours():
            log = self.archive.log(origin)
            upto = spans.get(origin, 0)
            stop = log.size if upto is None else min(upto, log.size)
            present.update(reading.digest for reading in log.readings[:stop] if reading)
            if origin != current.origin and (self._has_ended(origin) or self._passed_over(origin)):
                rest += zip(log.headers[stop:], log.bodies[stop:], strict=True)
        rest += [(aside.header, aside.body) for aside in self.archive.aside]
        return [rest[at] for at in doubt.to_append_again([header for header, _ in rest], present)]

    def _has_ended(self, origin: str) -> bool:
        enrolled = self.charter.enrolled(origin)
        return enrolled is not None and enrolled.end is not None

    def _passed_over(self, origin: str) -> bool:
        """Whether the charter names the log that we write in, and never named this one: it began anew before that."""
        former, current = self.charter.enrolled(origin), self.charter.enrolled(self.archive.own[-1])
        named = current is not None and not current.presumed
        return named and origin != self.archive.own[-1] and (former is None or former.presumed)

    def nothing_left_behind(self) -> bool:
        """Whether all former logs are here as they ended, and all that was beyond it is in the current one."""
        return all(map(self._here_as_it_ended, self.belonging.logs_of_ours()[:-1])) and not self.to_bring_along()

    def _here_as_it_ended(self, origin: str) -> bool:
        if self._passed_over(origin):
            return True
        enrolled, log = self.charter.enrolled(origin), self.archive.log(origin)
        last = enrolled.end.last if enrolled and enrolled.end else None
        return last is not None and last.size <= log.size and log.root_at(last.size) == last.root

    def _append_again(self) -> None:
        current = self.archive.current
        counted = any(origin == current.origin for origin, _ in self.charter.counts(self.territory))
        if current.closed or not counted or self._has_ended(current.origin):
            return
        chosen = self.to_bring_along()
        if not chosen:
            return
        start = current.size
        for header, body in chosen:
            self._append(current, header, body)
            if body is None and read_header(header).body_digest:
                self.world.count("bodies_gone")
                current.slots[-1] = Slot.WANTED
        self.wire.mark(f"again {self.id} {len(chosen)}")
        self._written(current, start)
        self.write(self._guard_current)
        self.write(self._reveal_current)

    # --- merging ---

    def hand_over(self) -> None:
        """Write no more: the territory is to be another's."""
        self.handing_over = True


__all__ = ["Town", "signature_valid"]
