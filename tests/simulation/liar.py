# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town whose program lies to its peers: each seed's liar has one way of lying, used now and then.

Its own residents write honestly; it is the frames it sends that are false. Nothing it does may stop an honest node,
or make one drop another.
"""

from __future__ import annotations

from convergences_protocol import checkpoint, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import RemoteError
from convergences_protocol.replication import frames
from convergences_protocol.replication import messages as said
from convergences_protocol.replication.limits import FRAME_BYTES_MAX

from .town import Town

LIES = (
    "records",
    "order",
    "proof",
    "bodies",
    "no_bodies",
    "other_bodies",
    "stall",
    "endless",
    "garbage",
    "huge",
    "heads",
    "forged_heads",
    "old_heads",
    "false_forks",
    "false_roots",
    "strange_questions",
    "fork",
)


class Liar(Town):
    """Says what `lie` names, with a chance of `often`, as long as the faults go on."""

    lie = "records"
    often = 0.3

    def send(self, peer: str, data: bytes) -> None:
        if not self.world.faults_on or self.wire.random.random() > self.often:
            super().send(peer, data)
            return
        for frame in self._tampered(frames.decode(data), data):
            super().send(peer, frame)

    def _tampered(self, message: said.Message, data: bytes) -> list[bytes]:
        random, lie = self.wire.random, self.lie
        match lie:
            case "garbage":
                return [random.randbytes(random.randrange(1, 200))]
            case "huge":
                return [bytes(FRAME_BYTES_MAX + 1)]
            case "stall":
                return [] if isinstance(message, said.Batch | said.Proof | said.Bodies) else [data]
            case "strange_questions":
                return [data, *self._strange_questions()]
            case "false_forks":
                return [data, frames.encode(said.Forks((self._false_fork(),)))]
            case "fork":
                self._fork_own_log()
                return [data]
        if isinstance(message, said.Batch):
            return [frames.encode(batch) for batch in self._batches(message)]
        if isinstance(message, said.Bodies) and lie in ("bodies", "other_bodies"):
            return [frames.encode(said.Bodies(message.considered, (b"nobody asked for this",)))]
        if isinstance(message, said.Heads):
            return [frames.encode(self._heads(message))]
        if isinstance(message, said.Proof) and lie in ("false_roots", "records", "proof"):
            return [frames.encode(said.Proof(message.origin, message.old, message.new, bytes(32), message.proof))]
        return [data]

    def _batches(self, batch: said.Batch) -> list[said.Batch]:
        number, start, headers, bodies, proof = batch.number, batch.start, batch.headers, batch.bodies, batch.proof
        match self.lie:
            case "records":
                return [said.Batch(number, start, (*headers[:-1], b"never written"), bodies, proof)]
            case "order":
                return [said.Batch(number, start, headers[::-1], bodies[::-1], proof)] if len(headers) > 1 else [batch]
            case "proof":
                return [said.Batch(number, start, headers, bodies, (*proof, bytes(32)))]
            case "bodies":
                return [said.Batch(number, start, headers, tuple(b"false" if b else b for b in bodies), proof)]
            case "no_bodies":
                return [said.Batch(number, start, headers, (None,) * len(bodies), proof)]
            case "endless":
                return [batch] * 20
        return [batch]

    def _heads(self, heads: said.Heads) -> said.Heads:
        random = self.wire.random
        match self.lie:
            case "heads":  # validly signed ones that it heard of and does not hold
                notes = [note for log in self.world.all_heads() for note in log]
                return said.Heads((said.HeadNote(notes[random.randrange(len(notes))]),)) if notes else heads
            case "forged_heads":
                return said.Heads(tuple(said.HeadNote(_larger(head.note)) for head in heads.heads))
            case "old_heads":
                logs = [log for log in self.archive.logs.values() if log.heads]
                return said.Heads(tuple(said.HeadNote(log.heads[min(log.heads)]) for log in logs[:20]))
        return heads

    def _false_fork(self) -> bytes:
        log = self.archive.logs[sorted(self.archive.logs)[0]]
        note = log.heads[min(log.heads)] if log.heads else b""
        return merkle.EMPTY_ROOT + note

    def _strange_questions(self) -> list[bytes]:
        origin = sorted(self.archive.logs)[0]
        return [
            frames.encode(said.Want(self.wire.random.randrange(1 << 40), origin, 5, 1 << 50, bytes(32), 16)),
            frames.encode(said.WantProof(origin, 1, 1 << 60, bytes(32))),
            frames.encode(said.WantBodies((bytes(32),) * 100)),
            frames.encode(said.More(7, 16)),
            frames.encode(said.Stop(1 << 60)),
        ]

    def _fork_own_log(self) -> None:
        """Sign a second history of its own log, and show it to whoever asks from now on."""
        log = self.archive.current
        if log.fork is not None or log.size < 3 or self.world.forked:
            return
        self.world.forked = log.origin
        self.archive.cut(log, log.size - 1)
        self._append(log, b"another history", None)
        self._append(log, b"and more of it", None)
        head = Checkpoint(log.origin, log.size, log.root_at(log.size))
        log.heads[log.size] = checkpoint.sign(head, self.key)
        self.guard = log.heads[log.size], self.machine_id
        self.machine.log_known(self.archive.view(log.origin), self.wire.now)


def _larger(note: bytes) -> bytes:
    """The head with a size that its author has not signed."""
    try:
        head = checkpoint.parse(note)
    except RemoteError:
        return note
    return note.replace(f"\n{head.size}\n".encode(), f"\n{head.size + 7}\n".encode(), 1)
