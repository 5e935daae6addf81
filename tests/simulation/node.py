# SPDX-License-Identifier: AGPL-3.0-or-later
"""A simulated node: the real machine, charter, checks and rules of doubt, driven over an archive in memory.

What is written is written later, in order, and only then answered; a crash loses what was not written yet, and all that
the machine remembered. The guard becomes durable after the archive, and a head is shown after both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from convergences_protocol import merkle
from convergences_protocol.charter import Charter
from convergences_protocol.errors import RemoteError
from convergences_protocol.header import signature_valid
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.replication.machine import Replicator
from convergences_protocol.replication.views import End, Identity
from convergences_protocol.tiles import Slot

from .archive import SimArchive, SimLog
from .cheap import signature_valid as remembered_signature_valid
from .forgetting import Forgetting
from .wire import Endpoint, Link, Wire

if TYPE_CHECKING:
    from .world import World

WRITE_SECONDS = 0.02
HEADS = b"\x02"
"""The number of the message `Heads`, second byte of its frame."""


class Node:
    """One machine with one card. `Town` and `Agglomeration` add what people do there."""

    def __init__(self, world: World, id: str, territory: str, key: SigningKey, recovery: bytes) -> None:
        self.world, self.wire = world, world.wire
        self.id, self.territory, self.key, self.recovery = id, territory, key, recovery
        self.peer = key.public.hex()
        self.alive = False
        self.links: dict[str, Link] = {}
        self.archive = SimArchive()
        self.guard: tuple[bytes, str] | None = None
        self.machine_id = id
        self.pinned: LogIdentity | None = None
        self.keeps_all = False
        self.keeps: tuple[str, ...] = ()
        self.dials: list[Endpoint] = []
        self.banned: dict[str, float] = {}
        self.misdeeds: dict[str, int] = {}
        self.incarnation = 0
        self.honest = True
        self.burnt = False
        """Its card is gone, with its keys: it never comes back."""
        self.clock_ahead: float | None = 0.0
        """How wrong the wall clock is, in seconds; None where it cannot be right, as in 1970 or 2100."""
        self.clock_was_wrong = False
        self._forget()

    def _forget(self) -> None:
        """What a crash loses."""
        self.machine = Replicator()
        self.forgetting = Forgetting(self.archive, self._wants_again)
        self.charter: Charter
        self.candidates: dict[str, LogIdentity] = {}
        self.broken: set[int] = set()
        self._dialling: dict[str, None] = {}
        self._charter_turn = 0
        self._identities: list[Identity] = []
        self._identities_of: object = None
        self._written_at = 0.0
        self._wake_at: float | None = None
        self._obeying = False

    # --- life ---

    def start(self) -> None:
        """Power on."""
        if self.burnt:
            return
        self.alive = True
        self.incarnation += 1
        self._forget()
        self.links.clear()
        self.wire.mark(f"start {self.id}")
        assert self.pinned is not None
        self.charter = Charter(self.pinned)  # read in a moment; until then only our own logs are known to be ours
        self.awake()
        self.read_charter()
        now = self.wire.now
        self.machine.follow(self.identities(), now)
        for origin in self.archive.logs:
            self.machine.log_known(self.archive.view(origin), now)
        for log in self.archive.logs.values():
            self.forgetting.take(log, 0, self.time())
        self.judge_erasures()
        self.obey()
        for other in self.dials:
            self.dial_in(self.wire.random.random() * 5, other)

    def awake(self) -> None:
        """Before anything is said to anyone."""

    def stop(self) -> None:
        """Power off, in the middle of whatever it was."""
        if not self.alive:
            return
        self.wire.mark(f"stop {self.id}")
        self.alive = False
        self.incarnation += 1
        for link in list(self.links.values()):
            self.wire.close(link)
        self.links.clear()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """In a while, if this is still the same life."""
        life = self.incarnation

        def in_this_life() -> None:
            if self.incarnation == life:
                call()

        self.wire.after(seconds, in_this_life)

    def write(self, commit: Callable[[], None]) -> None:
        """Write to the card: after what waits already, and not if the power goes before."""
        self._written_at = max(self._written_at, self.wire.now) + self.wire.random.random() * WRITE_SECONDS

        def written() -> None:
            commit()
            self.obey()

        self.later(self._written_at - self.wire.now, written)

    # --- network ---

    def dial(self, other: Endpoint) -> None:
        """Connect; try again as long as there is no connection, and once it has broken."""
        self._dialling.pop(other.id, None)
        linked = other.peer in self.links or (self._may_speak(other.peer) and self.wire.connect(self, other))
        if not linked:
            self.dial_in(10 + self.wire.random.random() * 40, other)

    def dial_in(self, seconds: float, other: Endpoint) -> None:
        """Connect in a while, unless that is to happen anyway."""
        if other.id not in self._dialling:
            self._dialling[other.id] = None
            self.later(seconds, lambda: self.dial(other))

    def _may_speak(self, peer: str) -> bool:
        return self.banned.get(peer, 0.0) <= self.wire.now

    def linked(self, link: Link, other: Endpoint) -> None:
        if not self._may_speak(other.peer):
            self.later(0.0, lambda: self.wire.close(link))
            return
        key = bytes.fromhex(other.peer)
        self.machine.connected(other.peer, key, self.wire.now, self.misdeeds.get(other.peer, 0))
        self.obey()

    def unlinked(self, peer: str) -> None:
        for other in self.dials:
            if other.peer == peer:
                self.dial_in(self.wire.random.random() * 30, other)
        self.machine.disconnected(peer, self.wire.now)
        self.obey()

    def deliver(self, peer: str, data: bytes) -> None:
        self.machine.receive(peer, data, self.wire.now)
        self.obey()

    def gossip(self, data: bytes) -> None:
        self.machine.heard(data, self.wire.now)
        self.obey()

    # --- the driver ---

    def obey(self) -> None:
        """Do what the machine asks, until it asks for nothing."""
        if self._obeying:
            return
        self._obeying = True
        while taken := self.machine.outputs():
            drained: dict[str, None] = {}
            for output in taken:
                if type(output) is out.Send:
                    self.send(output.peer, output.data)
                    drained[output.peer] = None
                else:
                    self._do(output)
            for peer in drained:
                self.machine.drained(peer, self.wire.now)
        self._obeying = False
        self._set_alarm()

    def send(self, peer: str, data: bytes) -> None:
        may_vanish = self.world.swallow and self.world.faults_on and data[1:2] == HEADS
        if may_vanish and self.wire.random.random() < self.world.swallow:
            return
        self.wire.send(self, peer, data)

    def _set_alarm(self) -> None:
        due = self.machine.wake_at()
        if due is None or (self._wake_at is not None and self._wake_at <= due):
            return
        self._wake_at = due
        self.later(max(due - self.wire.now, 0.0), lambda: self._alarm(due))

    def _alarm(self, due: float) -> None:
        if self._wake_at == due:
            self._wake_at = None
        self.machine.wake(self.wire.now)
        self.obey()

    def _do(self, output: out.Output) -> None:
        now, machine, archive = self.wire.now, self.machine, self.archive
        match output:
            case out.Announce(data):
                self.wire.publish(self, self.world.endpoints(), data)
            case out.Ingest():
                self.write(lambda: self._ingest(output))
            case out.LoadBatch(request, _, origin, start, head_size, records_max, bytes_max):
                try:
                    batch = archive.load_batch(origin, start, head_size, bytes_max, min(records_max, self.world.batch))
                except LookupError:
                    machine.not_loaded(request, now)
                else:
                    machine.batch_loaded(request, batch[0], self._poorly(batch[1]), batch[2], now)
            case out.LoadProof(request, origin, old, new):
                log = archive.logs.get(origin)
                if log is None or log.size < new:
                    machine.not_loaded(request, now)
                else:
                    machine.proof_loaded(request, log.root_at(old), merkle.consistency_proof(log, old, new), now)
            case out.ListWanted(request, origin, start, limit):
                log = archive.log(origin)
                wanted = [at for at in range(start, log.size) if log.slots[at] is Slot.WANTED][:limit]
                digests = [(at, reading.body_digest) for at in wanted if (reading := log.readings[at])]
                machine.wanted_listed(request, [(at, digest) for at, digest in digests if digest], now)
            case out.FindBodies(request, _, digests, _):
                machine.bodies_found(request, len(digests), archive.bodies_by_digest(digests), now)
            case out.KeepBodies(_, _, bodies):
                self.write(lambda: self.archive.keep_bodies(bodies))
            case out.KeepHead(origin, head):
                self.write(lambda: self._keep_head(origin, head.size, head.note))
            case out.KeepCosignature(origin, size, line):
                self.write(lambda: archive.log(origin).cosignatures.update({line.cosigner_name: (size, line)}))
            case out.KeepFork(origin, proof):
                self.write(lambda: self._keep_fork(origin, proof))
            case out.Rewind(origin, size):
                self.write(lambda: self._rewind(origin, size))
            case out.RaiseDoubt(origin, head):
                self.doubted(origin, head)
            case out.Contested(origin, _):
                self.contested(origin)
            case out.Mentioned(_, origins):
                self.mentioned(origins)
            case out.Drop(peer, reason, seconds):
                self._drop(peer, reason, seconds)

    def _poorly(self, bodies: list[GivenBody]) -> list[GivenBody]:
        """In some seeds, as if some bodies were not here: the receiver has to ask for them."""
        if not self.world.poor or not self.world.faults_on:
            return bodies
        return [False if self.wire.random.random() < self.world.poor else body for body in bodies]

    def _ingest(self, asked: out.Ingest) -> None:
        if asked.fetch in self.broken:
            return
        log = self.archive.log(asked.origin)
        try:
            checked = check_batch(merkle.frontier(log, log.size), asked.batch, asked.head)
        except RemoteError as error:
            self.broken.add(asked.fetch)
            self.machine.refused(asked.fetch, error, self.wire.now)
            return
        flags = examine(checked, signature_valid=signature_valid if self.world.real else remembered_signature_valid)
        start = log.size
        wanted = self.archive.keep_batch(asked.origin, checked, flags)
        self.machine.kept(asked.fetch, log.size, self.wire.now, wanted)
        self.grown(log, start)

    def _keep_head(self, origin: str, size: int, note: bytes) -> None:
        self.archive.log(origin).heads.setdefault(size, note)

    def _keep_fork(self, origin: str, proof: bytes) -> None:
        log = self.archive.log(origin)
        log.fork = log.fork or proof
        self.contested(origin)

    def _rewind(self, origin: str, size: int) -> None:
        self.wire.mark(f"rewind {self.id} {origin} {size}")
        log = self.archive.logs[origin]
        self.set_aside(log, size)
        self.archive.cut(log, size)
        self.machine.rewound(self.archive.view(origin), self.wire.now)
        self.read_charter()  # it may have read what no longer stands
        self.follow()

    def _drop(self, peer: str, reason: str, seconds: float) -> None:
        self.wire.mark(f"drop {self.id} {reason}")
        self.world.dropped(self, peer, reason, seconds)
        if seconds:
            self.banned[peer] = self.wire.now + seconds
            self.misdeeds[peer] = self.misdeeds.get(peer, 0) + 1
        link = self.links.get(peer)
        if link:
            self.later(0.0, lambda: self.wire.close(link))

    # --- what people and epochs.py make of it ---

    def doubted(self, origin: str, head: object) -> None: ...
    def contested(self, origin: str) -> None: ...
    def set_aside(self, log: SimLog, size: int) -> None: ...
    def charter_changed(self) -> None: ...
    def log_grown(self, log: SimLog, start: int) -> None: ...

    # --- who belongs ---

    def read_charter(self) -> None:
        """Begin again from what is on the card."""
        assert self.pinned is not None
        self.charter = Charter(self.pinned)
        self.presume()
        for log in list(self.archive.logs.values()):
            self._apply(log, 0)

    def presume(self) -> None:
        """One's own logs count before the charter names them."""

    def identities(self) -> list[Identity]:
        """As the driver of a real node derives them; made anew when the charter, or what we write in, has changed."""
        state = (self.charter, self._charter_turn, len(self.candidates), len(self.archive.own))
        if self._identities_of != state:
            self._identities_of, self._identities = state, self._derive_identities()
        return self._identities

    def _derive_identities(self) -> list[Identity]:
        ours = self.logs_of_ours()
        agglomeration = self.charter.territory
        found = [
            Identity(
                log.origin,
                log.identity.key,
                keep=self.keeps_all
                or log.territory in self.keeps
                or log.territory == agglomeration
                or log.territory == self.territory,
                end=End(log.end.last.size, log.end.last.root) if log.end else None,
                past_end=log.origin in ours[:-1] or self.charter.continued(log),
            )
            for log in self.charter.enrolments
        ]
        named = {identity.origin for identity in found}
        found += [
            Identity(log.origin, log.key, guessed=True) for log in self.candidates.values() if log.origin not in named
        ]
        return found

    def logs_of_ours(self) -> list[str]:
        """The logs that were written under our key for our territory, the one that is written in last.

        Not only those that this card remembers: it may be older than an epoch, and the charter names that one.
        """
        own = self.archive.own
        forgotten = [
            log.origin
            for log in self.charter.enrolments
            if log.territory == self.territory and log.identity.key == self.key.public and log.origin not in own
        ]
        return [*forgotten, *own]

    def mentioned(self, origins: tuple[str, ...]) -> None:
        """Look at what may be a new epoch of a log that we keep."""
        new = False
        for origin in origins:
            candidate = self.charter.candidate(origin)
            keeps = candidate and (self.keeps_all or candidate.territory == self.charter.territory)
            if candidate and keeps and origin not in self.candidates:
                self.candidates[origin] = candidate
                new = True
        if new:
            self.machine.follow(self.identities(), self.wire.now)

    def grown(self, log: SimLog, start: int) -> None:
        """A log has new records on the card."""
        if self._apply(log, start):
            self.follow()
        self._take_erasures(log, start)
        self.log_grown(log, start)

    def follow(self) -> None:
        """The charter says something new."""
        self.machine.follow(self.identities(), self.wire.now)
        self.judge_erasures()
        self.charter_changed()

    def _apply(self, log: SimLog, start: int) -> bool:
        changed = False
        if log.origin.split("/")[1] != self.charter.territory:
            return False
        for at in range(start, log.size):
            reading = log.readings[at]
            if reading and reading.is_control and log.flags[at] is None:
                changed = self.charter.apply(log.origin, at, reading) or changed
        self._charter_turn += changed
        return changed

    # --- forgetting ---

    def time(self) -> int | None:
        """The wall clock of this machine; None while it cannot be right."""
        if self.clock_ahead is None:
            return None
        return int(self.world.started + self.wire.now + self.clock_ahead)

    def judge_erasures(self) -> None:
        """By the charter and the clock as they are now: to be done when either has changed, and every hour."""
        self.forgetting.sweep(self.charter, self.time())

    def _take_erasures(self, log: SimLog, start: int) -> None:
        if self.forgetting.take(log, start, self.time()):
            self.judge_erasures()

    def _wants_again(self, origin: str, wanted: int) -> None:
        self.machine.wants(origin, wanted, self.wire.now)


__all__ = ["Node", "Wire"]
