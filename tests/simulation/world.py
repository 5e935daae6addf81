# SPDX-License-Identifier: AGPL-3.0-or-later
"""A cluster that one seed decides: who is in it, what they do, what goes wrong, and what must be true in the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from random import Random

from convergences_protocol.errors import Unreadable
from convergences_protocol.header import Header, read_header, signature_valid
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity
from convergences_protocol.replication.check import BAD_SIGNATURE

from .agglomeration import Agglomeration
from .archive import SimArchive
from .authors import Authors
from .cheap import signature_valid as remembered_signature_valid
from .heir import Heir
from .liar import LIES, Liar
from .town import Town
from .wire import Endpoint, Wire

TOWNS = 20
STARTED = 1_795_000_000.0


@dataclass(slots=True)
class Acknowledged:
    """A record that a resident was told is kept."""

    territory: str
    digest: bytes
    lost: bool = False
    """The only cards that had it are gone, or went back in time: the restore rule."""


class World:
    """All nodes of a cluster, those who are gone too."""

    def __init__(self, seed: int, authors: Authors, *, real: bool = False, towns: int = TOWNS) -> None:
        self.seed, self.real, self.authors = seed, real, authors
        self.random = Random(seed)
        self.wire = Wire(self.random)
        self.faults_on = False
        self.started = STARTED
        """What a right clock says at the beginning of the wire's time."""
        self.batch = self.random.choice((2, 5, 1000))
        self.forked = ""
        self.may_fork: set[str] = set()
        """Territories of which a second machine, or an old guard, may have signed a second history."""
        self.poor = self.random.choice((0.0, 0.0, 0.3))
        """Chance that a body is not given along with its header."""
        self.swallow = self.random.choice((0.0, 0.0, 0.2))
        """Chance that a head is not heard though the connection holds."""
        self.rivals: set[str] = set()
        self.stolen: dict[str, None] = {}
        """Territories whose key somebody has used to have everything forgotten."""
        self.released = False
        """At every holder a person has looked at the erasures that waited."""
        self.acknowledged: dict[bytes, Acknowledged] = {}
        self.counts: dict[str, int] = {}
        self.sheets: dict[bytes, SigningKey] = {}
        """The recovery keys, each on its sheet in a drawer, by their public halves."""
        self.wrongs: list[str] = []
        authors.written.clear()
        authors.serials.clear()
        self.agglomeration = Agglomeration(self, "agglo", "FR-200057867", *self._keys("agglo"))
        self.towns: list[Town] = []
        self.clones: list[Town] = []
        self.burnt: list[Town] = []
        """Towns whose card died with its keys; their heirs stand in `towns` in their place."""
        for number in range(towns):
            kind = Liar if number == 0 and self.random.random() < 0.8 else Town
            town = kind(self, f"t{number:02}", f"FR-{93000 + number}", *self._keys(f"town {number}"))
            town.honest = kind is Town
            if isinstance(town, Liar):
                town.lie = self.random.choice(LIES)
            self.towns.append(town)
        self.found()

    def _keys(self, name: str) -> tuple[SigningKey, bytes]:
        """A node's key, and its recovery key's public half."""
        key = self.authors.key_class(sha256(name.encode()).digest())
        sheet = self.authors.key_class(sha256(b"recovery " + name.encode()).digest())
        self.sheets[sheet.public] = sheet
        return key, sheet.public

    def found(self) -> None:
        """The first day: everyone has a log, and the agglomeration has enrolled them all."""
        pinned = self.agglomeration.found()
        self.agglomeration.pinned = pinned
        self.agglomeration.read_charter()
        self.agglomeration.judge_erasures()
        identities: list[LogIdentity] = []
        for town in self.towns:
            identities.append(town.found())
            town.pinned = pinned
        for identity in identities:
            self.agglomeration.enrol(identity)
        self.agglomeration.unacknowledged.clear()
        self.agglomeration._guard_current()
        self.agglomeration._reveal_current()
        others = [town.territory for town in self.towns]
        for number, town in enumerate(self.towns):
            town.keeps = tuple(self.random.sample(others, self.random.choice((0, 0, 1, 2, 3))))
            town.dials = [self.agglomeration]
            if isinstance(town, Liar):
                self.may_fork.add(town.territory)
                town.dials += self.random.sample(self.towns[1:], min(6, len(self.towns) - 1))
                town.keeps = tuple(others[:10])
            if number % 3 == 0:
                neighbour = self.towns[self.random.randrange(len(self.towns))]
                town.dials += [neighbour] if neighbour is not town else []

    # --- who is there ---

    @property
    def nodes(self) -> list[Town]:
        return [self.agglomeration, *self.towns, *self.clones]

    @property
    def honest(self) -> list[Town]:
        """Those that are alive at the end and have not lied."""
        return [node for node in self.nodes if node.honest and node.alive]

    def endpoints(self) -> list[Endpoint]:
        return list(self.nodes)

    def all_heads(self) -> list[list[bytes]]:
        return [list(log.heads.values()) for node in self.nodes for log in node.archive.logs.values()]

    # --- what is noted on the way ---

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def read(self, raw: bytes) -> tuple[Header | None, str | None]:
        """A header as its author's node reads it."""
        return _read(raw, self.real)

    def acknowledge(self, node: Town, raw: bytes) -> None:
        digest = sha256(raw).digest()
        reading, flag = self.read(raw)
        if reading and not flag and node.honest and digest not in self.acknowledged:
            self.acknowledged[digest] = Acknowledged(node.territory, digest)

    def dropped(self, node: object, peer: str, reason: str, seconds: float) -> None:
        """Honest nodes must not take each other for liars."""
        self.count("drops" if seconds else "closes")
        assert isinstance(node, Town)
        accused = [other for other in [*self.nodes, *self.burnt] if other.peer == peer]
        if seconds and node.honest and all(other.honest for other in accused):
            self.wrongs.append(f"{node.id} took {accused[0].id} for a liar: {reason}")

    # --- what is lost ---

    def burn(self, town: Town) -> Heir:
        """A card dies with its keys: the town's heir, who has nothing but the sheet."""
        town.stop()
        town.burnt = True
        self.forget_card(town, set())
        self.burnt.append(town)
        heir = Heir(self, town, *self._keys(f"{town.id} heir {len(self.burnt)}"))
        self.towns[self.towns.index(town)] = heir
        for other in self.towns:
            other.dials = [heir if dialled is town else dialled for dialled in other.dials]
        return heir

    def leave_behind(self, territory: str, last: str, size: int) -> None:
        """A recovery key ends the log `last` at `size`: what was not in what counts then is lost, whoever has it. The
        old key may be a thief's, so nobody takes anything from beyond an end that the recovery key has signed."""
        counting = [span for span in self.agglomeration.charter.counts(territory) if span[0] != last] + [(last, size)]
        kept: set[bytes] = set()
        for node in [*self.honest, *self.towns]:
            for origin, upto in counting:
                log = node.archive.logs.get(origin)
                kept.update(reading.digest for reading in (log.readings[:upto] if log else ()) if reading)
        for item in self.acknowledged.values():
            if item.territory == territory and not item.lost and item.digest not in kept:
                self.count("left_behind")
                item.lost = True

    def forget_card(self, node: Town, kept: set[bytes], *, unnoticed: bool = False) -> None:
        """A card goes back in time, or is destroyed: what only it held, beyond `kept`, is lost by the restore rule.

        A town whose card came back `unnoticed`, with its guard, may sign a second history before it hears of the
        first. The agglomeration's copy is then the one that counts: what only a third node has of the other cannot be
        saved, for nobody there may write for the town.
        """
        main = self.agglomeration
        others = [other for other in self.nodes if other is not node and (other not in self.clones or other.alive)]
        everywhere = _digests_of(others)
        at_main = _digests_of([main]) if node is not main else set()
        for item in self.acknowledged.values():
            forked = item.territory in self.may_fork and item.territory != main.territory
            concerned = forked and (node is main or (unnoticed and item.territory == node.territory))
            if item.digest not in kept and item.digest not in (at_main if concerned else everywhere):
                item.lost = True


def _digests_of(nodes: Iterable[Town]) -> set[bytes]:
    """All records that these nodes, if they are honest, can show a head for, or have set aside."""
    found: set[bytes] = set()
    for node in nodes:
        for log in node.archive.logs.values() if node.honest else ():
            found.update(reading.digest for reading in log.readings[: log.head_size()] if reading)
        found.update(sha256(aside.header).digest() for aside in node.archive.aside if node.honest)
    return found


def digests(archive: SimArchive) -> set[bytes]:
    """All records on a card."""
    found = {reading.digest for log in archive.logs.values() for reading in log.readings if reading}
    return found | {sha256(aside.header).digest() for aside in archive.aside}


@lru_cache(maxsize=50_000)
def _read(raw: bytes, real: bool) -> tuple[Header | None, str | None]:
    try:
        reading = read_header(raw)
    except Unreadable as error:
        return None, error.reason
    valid = signature_valid(raw) if real else remembered_signature_valid(raw)
    return reading, None if valid else BAD_SIGNATURE
