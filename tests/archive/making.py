# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the archive's tests are made of: a town of one's own, and another town whose log comes in batches."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from convergences_node.archive.authoring import Author, Authored
from convergences_node.archive.keeping import Batch
from convergences_node.archive.model import NewControl, NewEntry, NewRecord, Signed
from convergences_protocol import checkpoint, cosignature, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.erasure import Erasure
from convergences_protocol.keys import SigningKey
from convergences_protocol.merkle import Frontier
from convergences_protocol.opening import Opening, author_opening
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import read_header
from convergences_protocol.replication import messages
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.views import Held

NOW = 1_795_000_000
"""The tests' clock, in 2026."""


def key_of(name: str) -> SigningKey:
    """The same key for the same name."""
    return SigningKey.from_seed(sha256(name.encode()).digest())


def identity_of(territory: str, epoch: int = 1) -> LogIdentity:
    """A log of a territory, whose keys are named after it."""
    origin = f"convergences/{territory}/{epoch:016x}"
    return LogIdentity(origin, key_of(territory).public, key_of(f"{territory} recovery").public)


@dataclass
class Town:
    """One who makes records, with dice that always fall the same."""

    territory: str = "FR-93066"
    epoch: int = 1
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def __post_init__(self) -> None:
        self.identity = identity_of(self.territory, self.epoch)
        self.key = key_of(self.territory)
        self.author = Author(self.territory, self.key, key_of("author"), lambda: NOW, self.dice.randbytes)

    @property
    def origin(self) -> str:
        return self.identity.origin

    def opening(self, previous: Checkpoint | None = None) -> Authored:
        """The first record of its log."""
        log = self.identity
        opening = Opening(log.origin, log.key, log.recovery_key, "a town", previous)
        return Authored(read_header(author_opening(opening, self.key, NOW)), None, edit=False)

    def make(self, *entries: NewEntry) -> list[Authored]:
        """Records ready to be placed."""
        return self.author.author_all(entries)

    def actors(self, *names: str) -> list[Authored]:
        """New actors of those names."""
        return self.make(*(NewRecord("actor", {"name": name, "type": "association"}) for name in names))

    def edit(self, of: Authored, name: str, previous: bytes | None = None) -> Authored:
        """A new state of an actor, following `of` unless told otherwise."""
        fields = {"name": name, "type": "association"}
        return self.make(NewRecord("actor", fields, of.header.element, previous or of.header.digest))[0]

    def erasure(self, element: ElementId | None = None, **what: object) -> Authored:
        """An erasure record."""
        erasure = Erasure("asked for", element, **what)  # type: ignore[arg-type]
        return self.make(NewControl(ERASURE, erasure.content()))[0]


class RemoteLog:
    """Another town's log as it reaches us: checked batches, with proofs, towards a signed head."""

    def __init__(self, town: Town, records: Sequence[Authored | bytes] = ()) -> None:
        self.town = town
        self.headers: list[bytes] = []
        self.bodies: list[bytes | None] = []
        self.add(town.opening(), *records)

    def add(self, *records: Authored | bytes) -> None:
        """Append records, or raw leaves whatever they are."""
        for record in records:
            self.headers.append(record if isinstance(record, bytes) else record.header.raw)
            self.bodies.append(None if isinstance(record, bytes) else record.body)

    def hash(self, level: int, index: int) -> bytes:
        return merkle.fold(merkle.leaf_hashes(self.headers[index << level : (index + 1) << level]))

    def note(self, size: int | None = None) -> bytes:
        """Its signed head at a size, or now."""
        size = len(self.headers) if size is None else size
        return checkpoint.sign(Checkpoint(self.town.origin, size, merkle.root(self, size)), self.town.key)

    def held(self, size: int | None = None) -> Held:
        note = self.note(size)
        head = checkpoint.parse(note)
        return Held(head.size, head.root, note)

    def batch(
        self, start: int, stop: int | None = None, *, head: int | None = None, missing: Collection[int] = ()
    ) -> Batch:
        """Records `[start, stop)`, checked as a receiver checks them; bodies of `missing` do not come with them."""
        stop = len(self.headers) if stop is None else stop
        held = self.held(head)
        frontier = Frontier()
        frontier.extend(merkle.leaf_hashes(self.headers[:start]))
        bodies = [False if start + at in missing else body for at, body in enumerate(self.bodies[start:stop])]
        proof = merkle.consistency_proof(self, stop, held.size) if stop < held.size else []
        message = messages.Batch(
            1, start, tuple(self.headers[start:stop]), tuple(False if b is None else b for b in bodies), tuple(proof)
        )
        checked = check_batch(frontier, message, held)
        return self.town.origin, checked, examine(checked)

    def cosigned(self, by: str, time: int, size: int | None = None) -> bytes:
        """A line by which another cosigns its head."""
        head = checkpoint.parse(self.note(size))
        return cosignature.cosign(head, identity_of(by).origin, key_of(by), time)


def again(authored: Authored) -> Signed:
    """The same record, as it is appended again elsewhere."""
    return Signed(authored.header.raw, authored.body)
