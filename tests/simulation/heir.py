# SPDX-License-Identifier: AGPL-3.0-or-later
"""The new node of a town whose card died with its keys: the recovery sheet is all that is left.

As `succeeding.py` does at a real node: the old log is copied from whoever gives it, a log is opened whose first record
continues it and whose second is the `end` that the recovery key signs, what residents wrote here meanwhile goes along,
and the agglomeration is told. Its words are real ones: `author_end`, `admit_epoch`. A person tells them again for as
long as the charter does not name the new log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convergences_protocol import checkpoint, merkle
from convergences_protocol.charter import Enrolled
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import RemoteError
from convergences_protocol.header import Header, read_header, signature_valid
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import read_opening
from convergences_protocol.recovery import author_end
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.limits import BATCH_BYTES_MAX
from convergences_protocol.replication.messages import Batch

from .archive import SimLog, held
from .cheap import signature_valid as remembered_signature_valid
from .town import TIME, Town

if TYPE_CHECKING:
    from .world import World

ASKED_MAX = 3
"""How often everybody is asked for the old log. Then the new one begins without it, and is enrolled by a person."""
AGAIN_SECONDS = 45.0
"""How long a person waits who was given no old log, or whose word the charter does not show."""


class Heir(Town):
    """A town founded anew. It starts once it has taken over."""

    def __init__(self, world: World, old: Town, key: SigningKey, recovery: bytes) -> None:
        super().__init__(world, old.id + "+", old.territory, key, recovery)
        self.pinned, self.keeps, self.dials = old.pinned, old.keeps, list(old.dials)
        self.early = world.random.choice((0, 0, 2))
        """How many statements residents write here before somebody finds the sheet."""
        self.asked = 0
        self.word: tuple[Header, Header] | None = None
        """The new log's opening and the end of the old one: the succession, as it stands on paper."""

    def start(self) -> None:
        """Power on; for the first time when the old log has been copied."""
        if self.alive:
            return
        if not self.archive.own and not self._take_over():
            self.wire.after(AGAIN_SECONDS, self.start)
            return
        super().start()
        self._tell()

    # --- taking over ---

    def _take_over(self) -> bool:
        """Go on from the log that counts. False while somebody may still give it; what nobody has is not waited for."""
        agglomeration = self.world.agglomeration
        if not self._reaches(agglomeration):
            return False
        self.read_charter()
        self.asked += 1
        old = agglomeration.charter.ongoing(self.territory)
        last = self._copy(old.origin) if old else None
        if old and last is None and self.asked < ASKED_MAX:
            return False
        self.world.leave_behind(self.territory, old.origin if old else "", last.size if last else 0)
        self.found()
        for _ in range(self.early):
            self._commit_statement()
        self._guard_current()
        self._reveal_current()
        if old and last:
            self._succeed(old, last)
        return True

    def _succeed(self, old: Enrolled, last: Checkpoint) -> None:
        """Open the log that follows, say so with the old recovery key, and bring along what was written meanwhile."""
        first = self.archive.current
        self._open(last)
        log = self.archive.current
        opening = log.readings[0]
        assert opening is not None
        recovery = self.world.sheets[old.identity.recovery_key]
        end = author_end(recovery, last, read_opening(opening), "the card burned", TIME)
        self._append(log, end, None)
        for header, body in list(zip(first.headers, first.bodies, strict=True))[1:]:
            self._append(log, header, body)
        self._guard(log)
        self._reveal(log, log.size)
        self.archive.own.remove(first.origin)  # nobody ever heard of it
        del self.archive.logs[first.origin]
        self.word = opening, read_header(end)

    def _copy(self, origin: str) -> Checkpoint | None:
        """Copy a log from each node that has it, as far as it does; the last head of what is here then."""
        log = self.archive.log(origin)
        for node in self.world.honest:
            theirs = node.archive.logs.get(origin)
            if theirs and self._reaches(node) and theirs.head_size() > log.size:
                self._copy_from(node, log, theirs.head_size())
        size = log.head_size()
        if not size:
            del self.archive.logs[origin]
            return None
        return checkpoint.parse(log.heads[size])

    def _copy_from(self, node: Town, log: SimLog, size: int) -> None:
        head = held(node.archive.logs[log.origin].heads[size])
        valid = signature_valid if self.world.real else remembered_signature_valid
        while log.size < size:
            headers, bodies, proof = node.archive.load_batch(log.origin, log.size, size, BATCH_BYTES_MAX)
            batch = Batch(0, log.size, tuple(headers), tuple(bodies), tuple(proof))
            try:
                checked = check_batch(merkle.frontier(log, log.size), batch, head)
            except RemoteError:
                return  # it has another history than the one before
            self.archive.keep_batch(log.origin, checked, examine(checked, signature_valid=valid))

    # --- telling ---

    def _tell(self) -> None:
        agglomeration = self.world.agglomeration
        if self.word is None:
            return
        if self._reaches(agglomeration) and not agglomeration.charter.enrolled(read_opening(self.word[0]).origin):
            agglomeration.take_succession(*self.word)
        self.later(AGAIN_SECONDS, self._tell)

    def _reaches(self, node: Town) -> bool:
        """Whether a person can reach that node's pages: this machine need not be running yet."""
        return node.alive and not self.wire.is_cut(self, node)
