# SPDX-License-Identifier: AGPL-3.0-or-later
"""The simulated agglomeration: a town that gathers all the others' logs, and whose operator writes the charter."""

from __future__ import annotations

from convergences_protocol import checkpoint, doubt, fork
from convergences_protocol.admission import admit_epoch
from convergences_protocol.charter import Enrolled
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import END, ENROL, End, Enrolment
from convergences_protocol.errors import Refused, Unreadable
from convergences_protocol.header import Header
from convergences_protocol.merkle import EMPTY_ROOT
from convergences_protocol.opening import Opening, read_opening
from convergences_protocol.origin import LogIdentity, territory_of

from .archive import SimLog
from .town import TIME, Town

OPERATOR_SECONDS = 120.0
"""How long a decision waits for a person."""


class Agglomeration(Town):
    """Keeps all; enrols, ends, and decides between rivals."""

    keeps_all = True

    def awake(self) -> None:
        self.keeps_all = True
        super().awake()

    # --- the two verbs ---

    def enrol(self, identity: LogIdentity) -> None:
        """Let a log speak for its territory."""
        enrolment = Enrolment(identity.origin, identity.key, identity.recovery_key, TIME)
        self._append_control(ENROL, enrolment.content())

    def end(self, origin: str, successor: str | None, why: str, last: Checkpoint | None = None) -> None:
        """A log's last word: as far as our own copy is whole, unless we know better."""
        self._append_control(END, End(last or self.last_head(origin), successor, why).content())

    def last_head(self, origin: str) -> Checkpoint:
        """Up to where our copy can be proved."""
        log = self.archive.log(origin)
        size = log.head_size()
        return checkpoint.parse(log.heads[size]) if size else Checkpoint(origin, 0, EMPTY_ROOT)

    def end_former(self, origin: str) -> None:
        """An epoch of the charter's own log is over: it counts as far as it could be pulled back.

        If it parted, the history of the others is to stand: ours goes along to the new epoch.
        """

        def commit() -> None:
            enrolled = self.charter.enrolled(origin)
            if enrolled and not enrolled.end:
                self.end(origin, self.archive.own[-1], "began a new epoch", self._others_history(origin))
                self._show()

        self.write(commit)
        self.obey()

    def _others_history(self, origin: str) -> Checkpoint | None:
        log = self.archive.log(origin)
        if log.fork is None:
            return None
        proof = fork.decode(log.fork)
        heads = [checkpoint.parse(proof.first), checkpoint.parse(proof.second)]
        # What only we have can be appended again to the new epoch; what only our peers have cannot, for nobody there
        # may write for us. Ours standing would lose what was acknowledged in the other. In a node, a person ends it.
        others = [head for head in heads if self._is_theirs(head, log)]
        return max(others, key=lambda head: head.size, default=None)

    def _is_theirs(self, head: Checkpoint, log: SimLog) -> bool:
        return isinstance(doubt.judge_head(head, size=log.size, root_at=log.root_at), doubt.Doubt)

    # --- new epochs ---

    def log_grown(self, log: SimLog, start: int) -> None:
        super().log_grown(log, start)
        if start == 0 and log.origin in self.belonging.candidates:
            self._look_at(log)

    def _look_at(self, log: SimLog) -> None:
        """A log that nobody has named yet: does it go on from one that we have?"""
        reading = log.readings[0]
        if reading is None or log.flags[0] is not None:
            return
        try:
            opening = read_opening(reading)
        except Unreadable:
            return
        ongoing = self.charter.ongoing(opening.territory)
        if ongoing is None or opening.origin != log.origin or opening.previous is None:
            return
        if opening.previous.origin != ongoing.origin or opening.key != ongoing.identity.key:
            self.world.rivals.add(opening.origin)
            return
        if self._extends(opening.previous):
            self.write(lambda: self._continue(ongoing, opening, opening.previous))
        else:
            self.later(OPERATOR_SECONDS, lambda: self.write(lambda: self._continue(ongoing, opening, None)))

    def _extends(self, previous: Checkpoint) -> bool:
        """Whether the new epoch begins where our copy ends: then nobody has to be asked."""
        return previous == self.last_head(previous.origin)

    def _continue(self, old: Enrolled, opening: Opening, last: Checkpoint | None) -> None:
        ongoing = self.charter.ongoing(opening.territory)
        if ongoing is None or ongoing.origin != old.origin:
            self.world.rivals.add(opening.origin)
            return
        self.end(old.origin, opening.origin, "began a new epoch", last)
        self.enrol(opening.identity)
        self._show()

    def _show(self) -> None:
        self.write(self._guard_current)
        self.write(self._reveal_current)

    def take_succession(self, opening: Header, end: Header) -> None:
        """The recovery key of a town's log says which one goes on: enrolled for that alone, or left to a person."""

        def commit() -> None:
            try:
                controls = admit_epoch(self.charter, read_opening(opening), TIME, extends=False, recovery_end=end)
            except Refused:
                self.world.count("successions_refused")
                return
            for kind, content in controls:
                self._append_control(kind, content)
            if controls:
                self._show()

        self.write(commit)

    # --- what a person decides ---

    def contested(self, origin: str) -> None:
        """A log with two histories: our copy is to stand. A town that is honest has begun a new epoch by itself."""
        self.later(OPERATOR_SECONDS * 3, lambda: self.write(lambda: self._end_contested(origin)))

    def _end_contested(self, origin: str) -> None:
        enrolled = self.charter.enrolled(origin)
        if enrolled and not enrolled.end and origin not in self.archive.own:
            self.end(origin, None, "two histories")
            self._show()

    def settle(self, identity: LogIdentity) -> None:
        """After rivals: this log is the one that goes on for its territory."""

        def commit() -> None:
            ongoing = self.charter.ongoing(identity.territory)
            if ongoing and ongoing.origin == identity.origin:
                return
            if ongoing:
                self.end(ongoing.origin, identity.origin, "a person decided")
            if not self.charter.enrolled(identity.origin):
                self.enrol(identity)
            self._show()

        self.write(commit)

    def merge(self, origin: str, into: str) -> None:
        """One town joins another; its last head is ours already."""

        def commit() -> None:
            enrolled = self.charter.enrolled(origin)
            heir = self.charter.ongoing(territory_of(into))
            if enrolled and not enrolled.end and heir:
                self.end(origin, heir.origin, "merged")
                self._show()

        self.write(commit)
