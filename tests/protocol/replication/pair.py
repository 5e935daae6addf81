# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two real machines with archives in memory, and a wire that the test holds in its hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from convergences_protocol import checkpoint, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.errors import ConvergencesError, RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import author_record, read_header
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.frames import decode
from convergences_protocol.replication.machine import Replicator
from convergences_protocol.replication.messages import Message
from convergences_protocol.replication.views import Held, Identity
from convergences_protocol.tiles import Slot

from tests.simulation.archive import SimArchive, held

T = TypeVar("T")

ORIGIN = "convergences/FR-93066/0011223344556677"
KEY = SigningKey.from_seed(b"the author of this log, 32 bytes")
IDENTITY = Identity(ORIGIN, KEY.public)


@dataclass
class End:
    """One end: a machine, its archive, and everything that it asked for besides frames and reads."""

    name: str
    key: bytes
    own: bool = False
    machine: Replicator = field(default_factory=Replicator)
    archive: SimArchive = field(default_factory=SimArchive)
    said: list[out.Output] = field(default_factory=list)
    pending: deque[out.Ingest] = field(default_factory=deque)
    """Batches given to be checked and written; `write` does it."""
    writes_at_once: bool = True

    def __post_init__(self) -> None:
        self.machine.follow([IDENTITY], 0.0)
        log = self.archive.log(ORIGIN)
        log.own = self.own

    def sent(self, kind: type[T]) -> list[T]:
        """What was asked of the driver, of one kind."""
        return [output for output in self.said if isinstance(output, kind)]


class Pair:
    """Ends joined by frames that arrive at once, unless the test looks at each (`filter`)."""

    def __init__(self, *ends: End) -> None:
        self.ends = {end.name: end for end in ends}
        self.now = 0.0
        self.bytes: dict[str, int] = {end.name: 0 for end in ends}
        self.frames: list[tuple[str, str, Message]] = []
        self.filter: Callable[[str, str, bytes], list[bytes]] = lambda sender, to, data: [data]
        self.gone: set[str] = set()
        """Who dropped whom as a liar."""
        self.left: set[str] = set()
        """Who only closed."""

    def connect(self, one: str, other: str) -> None:
        for name, peer in ((one, other), (other, one)):
            self.ends[name].machine.connected(peer, self.ends[peer].key, self.now)
        self.settle()

    def wait(self, seconds: float) -> None:
        """Let time pass, a second at a time, waking whoever is due."""
        until = self.now + seconds
        while self.now < until:
            self.now += 1.0
            for end in self.ends.values():
                due = end.machine.wake_at()
                if due is not None and due <= self.now:
                    end.machine.wake(self.now)
            self.settle()

    def settle(self) -> None:
        """Carry frames and answer questions until nobody has anything to say."""
        busy = True
        while busy:
            busy = False
            for end in self.ends.values():
                for output in end.machine.outputs():
                    busy = True
                    self._do(end, output)

    def _do(self, end: End, output: out.Output) -> None:
        archive, machine, now = end.archive, end.machine, self.now
        match output:
            case out.Send(peer, data):
                self._carry(end, peer, data)
                machine.drained(peer, now)
            case out.Ingest():
                end.pending.append(output)
                if end.writes_at_once:
                    self.write(end)
            case out.LoadBatch(request, _, origin, start, size, records_max, bytes_max):
                machine.batch_loaded(request, *archive.load_batch(origin, start, size, bytes_max, records_max), now)
            case out.LoadProof(request, origin, old, new):
                log = archive.log(origin)
                machine.proof_loaded(request, log.root_at(old), merkle.consistency_proof(log, old, new), now)
            case out.ListWanted(request, origin, start, limit):
                log = archive.log(origin)
                wanted = [at for at in range(start, log.size) if log.slots[at] is Slot.WANTED][:limit]
                machine.wanted_listed(request, [(at, _digest(log.headers[at])) for at in wanted], now)
            case out.FindBodies(request, _, digests, _):
                machine.bodies_found(request, len(digests), archive.bodies_by_digest(digests), now)
            case out.KeepBodies(_, _, bodies):
                archive.keep_bodies(bodies)
            case out.Rewind(origin, size):
                archive.log(origin).cut(size)
                machine.rewound(archive.view(origin), now)
            case out.Drop(peer, _, seconds):
                (self.gone if seconds else self.left).add(f"{end.name}-{peer}")
        end.said.append(output)

    def _carry(self, end: End, peer: str, data: bytes) -> None:
        for frame in self.filter(end.name, peer, data):
            self.bytes[end.name] += len(frame)
            try:
                self.frames.append((end.name, peer, decode(frame)))
            except RemoteError:
                pass  # the test sends what is no message
            self.ends[peer].machine.receive(end.name, frame, self.now)

    def write(self, end: End, count: int = 1_000_000) -> None:
        """Check and store what waits."""
        while end.pending and count:
            count -= 1
            asked = end.pending.popleft()
            log = end.archive.log(asked.origin)
            try:
                checked = check_batch(merkle.frontier(log, log.size), asked.batch, asked.head)
            except ConvergencesError as error:
                end.pending = deque(item for item in end.pending if item.fetch != asked.fetch)
                end.machine.refused(asked.fetch, error, self.now)
                continue
            wanted = end.archive.keep_batch(asked.origin, checked, examine(checked))
            end.machine.kept(asked.fetch, log.size, self.now, wanted)


def _digest(header: bytes) -> bytes:
    digest = read_header(header).body_digest
    assert digest is not None
    return digest


def records(count: int, body_bytes: int = 600, first: int = 0) -> list[tuple[bytes, bytes]]:
    """Signed statements with bodies of about that length."""
    return [_record(number, body_bytes) for number in range(first, first + count)]


@cache
def _record(number: int, body_bytes: int) -> tuple[bytes, bytes]:
    element = ElementId.new("FR-93066", 1_750_000_000_000 + number, bytes(10))
    fields = {"name": f"Atelier {number}", "description": "x" * (body_bytes - 60)}
    record = author_record(KEY, element, "theme", fields, salt=number.to_bytes(16, "big"), previous=None, time=1)
    assert record.body is not None
    return record.header, record.body


def leaves(count: int) -> list[tuple[bytes, bytes | None]]:
    """Leaves that are no records: to replication all leaves are alike, and these cost nothing to make."""
    return [(b"leaf %d" % number, None) for number in range(count)]


def grow(end: End, made: Sequence[tuple[bytes, bytes | None]], *, key: SigningKey = KEY, bodies: bool = True) -> Held:
    """Put records into an end's copy, with a signed head at the end."""
    log = end.archive.log(ORIGIN)
    for header, body in made:
        slot = Slot.NONE if body is None else Slot.HERE if bodies else Slot.WANTED
        reading = None if body is None else read_header(header)
        log.append(header, merkle.leaf_hash(header), reading, None, body if bodies else None, slot)
    note = checkpoint.sign(Checkpoint(ORIGIN, log.size, log.root_at(log.size)), key)
    log.heads[log.size] = note
    return held(note)


def tell(end: End, now: float = 0.0) -> None:
    """The machine learns what the archive holds."""
    end.machine.log_known(end.archive.view(ORIGIN), now)
