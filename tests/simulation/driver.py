# SPDX-License-Identifier: AGPL-3.0-or-later
"""The driver of a simulated node: what its machine asks is done, on the card and on the wire, and then answered.

One a life: a crash loses it, with the machine. A real one is `network/driver.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convergences_protocol import merkle
from convergences_protocol.errors import RemoteError
from convergences_protocol.header import signature_valid
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.replication.machine import Replicator
from convergences_protocol.tiles import Slot

from .cheap import signature_valid as remembered_signature_valid

if TYPE_CHECKING:
    from .node import Node


class Driver:
    """Between the machine of one node and what it has to do with."""

    def __init__(self, node: Node) -> None:
        self.machine = Replicator()
        self._node, self._world, self._wire = node, node.world, node.wire
        self._broken: set[int] = set()
        """The fetches that a batch has spoiled: what was asked of them before is not written any more."""
        self._wake_at: float | None = None
        self._obeying = False

    def obey(self) -> None:
        """Do what the machine asks, until it asks for nothing."""
        if self._obeying:
            return
        self._obeying = True
        while taken := self.machine.outputs():
            drained: dict[str, None] = {}
            for output in taken:
                if type(output) is out.Send:
                    self._node.send(output.peer, output.data)
                    drained[output.peer] = None
                else:
                    self._do(output)
            for peer in drained:
                self.machine.drained(peer, self._wire.now)
        self._obeying = False
        self._set_alarm()

    def _set_alarm(self) -> None:
        due = self.machine.wake_at()
        if due is None or (self._wake_at is not None and self._wake_at <= due):
            return
        self._wake_at = due
        self._node.later(max(due - self._wire.now, 0.0), lambda: self._alarm(due))

    def _alarm(self, due: float) -> None:
        if self._wake_at == due:
            self._wake_at = None
        self.machine.wake(self._wire.now)
        self.obey()

    def _do(self, output: out.Output) -> None:
        now, machine, node, archive = self._wire.now, self.machine, self._node, self._node.archive
        match output:
            case out.Announce(data):
                self._wire.publish(node, self._world.endpoints(), data)
            case out.Ingest():
                node.write(lambda: self._ingest(output))
            case out.LoadBatch(request, _, origin, start, head_size, records_max, bytes_max):
                try:
                    batch = archive.load_batch(origin, start, head_size, bytes_max, min(records_max, self._world.batch))
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
                node.write(lambda: node.archive.keep_bodies(bodies))
            case out.KeepHead(origin, head):
                node.write(lambda: self._keep_head(origin, head.size, head.note))
            case out.KeepCosignature(origin, size, line):
                node.write(lambda: archive.log(origin).cosignatures.update({line.cosigner_name: (size, line)}))
            case out.KeepFork(origin, proof):
                node.write(lambda: self._keep_fork(origin, proof))
            case out.Rewind(origin, size):
                node.write(lambda: self._rewind(origin, size))
            case out.RaiseDoubt(origin, head):
                node.doubted(origin, head)
            case out.Contested(origin, _):
                node.contested(origin)
            case out.Mentioned(_, origins):
                node.mentioned(origins)
            case out.Drop(peer, reason, seconds):
                node.dropped(peer, reason, seconds)

    def _poorly(self, bodies: list[GivenBody]) -> list[GivenBody]:
        """In some seeds, as if some bodies were not here: the receiver has to ask for them."""
        if not self._world.poor or not self._world.faults_on:
            return bodies
        return [False if self._wire.random.random() < self._world.poor else body for body in bodies]

    def _ingest(self, asked: out.Ingest) -> None:
        if asked.fetch in self._broken:
            return
        log = self._node.archive.log(asked.origin)
        try:
            checked = check_batch(merkle.frontier(log, log.size), asked.batch, asked.head)
        except RemoteError as error:
            self._broken.add(asked.fetch)
            self.machine.refused(asked.fetch, error, self._wire.now)
            return
        flags = examine(checked, signature_valid=signature_valid if self._world.real else remembered_signature_valid)
        start = log.size
        wanted = self._node.archive.keep_batch(asked.origin, checked, flags)
        self.machine.kept(asked.fetch, log.size, self._wire.now, wanted)
        self._node.grown(log, start)

    def _keep_head(self, origin: str, size: int, note: bytes) -> None:
        self._node.archive.log(origin).heads.setdefault(size, note)

    def _keep_fork(self, origin: str, proof: bytes) -> None:
        log = self._node.archive.log(origin)
        log.fork = log.fork or proof
        self._node.contested(origin)

    def _rewind(self, origin: str, size: int) -> None:
        self._wire.mark(f"rewind {self._node.id} {origin} {size}")
        log = self._node.archive.logs[origin]
        self._node.set_aside(log, size)
        self._node.archive.cut(log, size)
        self.machine.rewound(self._node.archive.view(origin), self._wire.now)
        self._node.read_charter()  # it may have read what no longer stands
        self._node.follow()
