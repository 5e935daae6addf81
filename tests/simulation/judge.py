# SPDX-License-Identifier: AGPL-3.0-or-later
"""What must be true once the faults have stopped: one charter, one history a log, one state, and nothing lost."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from convergences_protocol.charter import Enrolled
from convergences_protocol.element import ElementId
from convergences_protocol.erasure import DAILY_MAX, Erasure, is_valid, read_erasure
from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.header import Header
from convergences_protocol.origin import territory_of
from convergences_protocol.tiles import Slot

from .archive import Place, SimLog
from .town import Town
from .world import World

State = dict[str, tuple[bytes, int]]
Kept = dict[str, set[str]]


def disagreements(world: World) -> list[str]:
    """Everything that is not yet, or not, as it must be; empty when all is well."""
    found: list[str] = []
    reference = world.agglomeration
    charter = [_summary(log) for log in reference.charter.enrolments]
    for node in world.honest:
        if [_summary(log) for log in node.charter.enrolments if not _own_unnamed(node, log, reference)] != charter:
            found.append(f"{node.id} reads another charter")
    kept = {node.id: node.belonging.kept() for node in world.honest}
    for log in reference.charter.enrolments:
        found += _one_history(world, log, kept)
    found += _all_named(world)
    if not found:
        found += _nothing_lost(world)
        found += _nothing_false(world)
        found += _forgotten(world, kept)
        found += _no_needless_fork(world)
        found += _bodies(world, kept)
        found += _states(world, kept)
    return found


def _summary(log: Enrolled) -> tuple[str, int | None, str | None]:
    return log.origin, log.end.last.size if log.end else None, log.end.successor if log.end else None


def _own_unnamed(node: Town, log: Enrolled, reference: Town) -> bool:
    return log.presumed and log.origin in node.archive.own and node is not reference


def _one_history(world: World, log: Enrolled, kept: Kept) -> list[str]:
    """Each holder has the log, byte for byte, up to its end or to its author's last head."""
    found: list[str] = []
    author = next((node for node in world.honest if log.origin in node.archive.own), None)
    reference = world.agglomeration.archive.log(log.origin)
    if log.end:
        size = log.end.last.size
        whole = reference.headers[:size]
    elif author:
        size = author.archive.current.head_size() if author.archive.own[-1] == log.origin else -1
        if size < 0:
            return [f"{log.origin} is not written in any more, and has not ended"]
        whole = author.archive.logs[log.origin].headers[:size]
    else:
        return []  # a liar's: what is held is proved, how much of it is the liar's own affair
    for node in world.honest:
        if log.origin in kept[node.id]:
            mine = node.archive.log(log.origin)
            if mine.headers[:size] != whole or len(whole) != size:
                found.append(f"{node.id} holds {mine.size} of {log.origin}, {size} expected")
    return found


def _all_named(world: World) -> list[str]:
    """Every honest town writes in the log that counts for it, or has handed its territory over."""
    charter, found = world.agglomeration.charter, []
    for town in world.towns:
        if not town.honest or town.handing_over:
            continue
        ongoing = charter.ongoing(town.territory)
        if not town.alive or ongoing is None or ongoing.origin != town.archive.own[-1]:
            found.append(f"{town.id} is not the voice of {town.territory}")
    return found


def _nothing_lost(world: World) -> list[str]:
    agglomeration = world.agglomeration
    counted: dict[str, set[bytes]] = {}
    found: list[str] = []
    for item in world.acknowledged.values():
        if item.territory not in counted:
            counted[item.territory] = _counted(agglomeration, item.territory)
        if not item.lost and item.digest not in counted[item.territory]:
            found.append(f"{item.digest.hex()[:12]} of {item.territory} was acknowledged, and does not count")
    return found


def _nothing_false(world: World) -> list[str]:
    """Every body is the one that its author signed for, and every record is flagged as its author deserves."""
    found: list[str] = []
    for node in world.honest:
        for log in node.archive.logs.values():
            for at, (reading, body) in enumerate(zip(log.readings, log.bodies, strict=True)):
                if body is not None and (reading is None or _digest(body) != reading.body_digest):
                    found.append(f"{node.id} holds a false body in {log.origin} at {at}")
                if log.slots[at] is not Slot.ERASED and (log.slots[at] is Slot.HERE) != (body is not None):
                    found.append(f"{node.id} says {log.slots[at]} of a body in {log.origin} at {at}")
    return found


@lru_cache(maxsize=20_000)
def _digest(body: bytes) -> bytes:
    return sha256(body).digest()


def _forgotten(world: World, kept: Kept) -> list[str]:
    """Nobody shows what a valid erasure names, and nobody forgets what a stolen key names before a person has looked;
    asked here without what the nodes themselves remember of it."""
    asked = _asked(world)
    found: list[str] = []
    for node in world.honest:
        for log in node.archive.logs.values():
            for at, reading in enumerate(log.readings):
                if reading is None or reading.body_digest is None or log.origin not in kept[node.id]:
                    continue
                naming = asked.naming(log.origin, at, reading)
                waiting = [place for place in naming if place[0] in asked.masses and not world.released]
                if log.slots[at] is Slot.HERE and len(waiting) < len(naming):
                    found.append(f"{node.id} remembers what was to be forgotten, in {log.origin} at {at}")
                if log.slots[at] is Slot.ERASED and not naming:
                    found.append(f"{node.id} has forgotten what nobody asked to forget, in {log.origin} at {at}")
                if log.slots[at] is Slot.ERASED and waiting == naming and _too_soon(node, asked, waiting):
                    found.append(f"{node.id} obeyed a stolen key, in {log.origin} at {at}")
    return found


def _too_soon(node: Town, asked: Asked, waiting: list[Place]) -> bool:
    """Whether this holder had so much of what was to be forgotten that a person should have been asked."""
    heard = node.archive.heard
    weights: dict[str, int] = {}
    for place in asked.erasures:
        if place in heard:
            weights[place[0]] = weights.get(place[0], 0) + heard[place].weight
    return not node.clock_was_wrong and all(
        place in heard and heard[place].weight and weights[place[0]] > DAILY_MAX for place in waiting
    )


def gone(world: World) -> list[str]:
    """After the seven days: no card has a byte of what was to be forgotten."""
    asked = _asked(world)
    kept = {node.id: node.belonging.kept() for node in world.honest}
    return [
        f"{node.id} still has what was to be gone, in {log.origin} at {at}"
        for node in world.honest
        for log in node.archive.logs.values()
        for at, reading in enumerate(log.readings)
        if log.bodies[at] is not None and log.origin in kept[node.id] and reading
        if log.slots[at] is Slot.ERASED
        or any(place[0] not in asked.masses or world.released for place in asked.naming(log.origin, at, reading))
    ]


class Asked:
    """All valid erasures, by where they are written."""

    def __init__(self, erasures: dict[Place, Erasure], logs: dict[str, SimLog]) -> None:
        self.erasures = erasures
        weights: dict[str, int] = {}
        self._elements: dict[ElementId, list[Place]] = {}
        self._digests: dict[bytes, list[Place]] = {}
        for place, erasure in erasures.items():
            weights[place[0]] = weights.get(place[0], 0) + erasure.weight
            if erasure.element:
                self._elements.setdefault(erasure.element, []).append(place)
            log = logs.get(erasure.origin or "")
            for start, stop in erasure.ranges if log else ():
                for reading in log.readings[start:stop] if log else ():
                    if reading:
                        self._digests.setdefault(reading.digest, []).append(place)
        self.masses = {origin for origin, weight in weights.items() if weight > DAILY_MAX}
        """Logs that asked for so much that a person is to look."""

    def naming(self, origin: str, at: int, reading: Header) -> list[Place]:
        """Which erasures name this record, or the same one in another log."""
        by_element = self._elements.get(reading.element, []) if reading.element else []
        return by_element + (self._digests.get(reading.digest, []) if self._digests else [])


def _asked(world: World) -> Asked:
    charter, logs = world.agglomeration.charter, world.agglomeration.archive.logs
    erasures: dict[Place, Erasure] = {}
    for log in logs.values():
        for at, reading in enumerate(log.readings):
            if reading and reading.kind == ERASURE and log.flags[at] is None:
                erasure = read_erasure(reading)
                if is_valid(erasure, charter, log.origin, at):
                    erasures[log.origin, at] = erasure
    return Asked(erasures, logs)


def _no_needless_fork(world: World) -> list[str]:
    """Only a liar, a clone, or a card put back with its guard signs two histories: the guard prevents the rest."""
    heads: dict[tuple[str, int], set[bytes]] = {}
    for node in world.nodes:
        for log in node.archive.logs.values():
            if territory_of(log.origin) not in world.may_fork:
                for size, note in log.heads.items():
                    heads.setdefault((log.origin, size), set()).add(note)
    return [f"{origin} has two heads of size {size}" for (origin, size), notes in heads.items() if len(notes) > 1]


def _counted(node: Town, territory: str) -> set[bytes]:
    found: set[bytes] = set()
    for origin, upto in node.charter.counts(territory):
        readings = node.archive.log(origin).readings
        found.update(reading.digest for reading in readings[:upto] if reading)
    return found


def _bodies(world: World, kept: Kept) -> list[str]:
    """No body is wanted that somebody honest has, and may give."""
    here: set[bytes] = set()
    wanted: list[tuple[str, bytes]] = []
    for node in world.honest:
        keeps = kept[node.id]
        for log in node.archive.logs.values():
            for slot, reading in zip(log.slots, log.readings, strict=True):
                if reading is None or reading.body_digest is None:
                    continue
                if slot is Slot.HERE and log.head_size() == log.size:
                    here.add(reading.body_digest)
                elif slot is Slot.WANTED and log.origin in keeps:
                    wanted.append((f"{node.id} {log.origin}", reading.body_digest))
    return [f"{who} wants a body that is there" for who, digest in wanted if digest in here]


def _states(world: World, kept: Kept) -> list[str]:
    """Whoever keeps all of a territory's logs shows the same."""
    found: list[str] = []
    for territory in world.agglomeration.charter.territories():
        if territory in world.stolen and not world.released:
            continue  # until a person has looked, each holder shows as much as it had when it heard
        reference = _state(world.agglomeration, territory)
        for node in world.honest:
            whole = all(origin in kept[node.id] for origin, _ in node.charter.counts(territory))
            if whole and _state(node, territory) != reference:
                found.append(f"{node.id} shows another {territory}")
    return found


def _state(node: Town, territory: str) -> State:
    """Each element's last readable record in the logs that count, and whether its body is to be seen."""
    state: State = {}
    for origin, upto in node.charter.counts(territory):
        log = node.archive.log(origin)
        stop = log.head_size() if upto is None else upto
        for at in range(min(stop, log.size)):
            reading = log.readings[at]
            if reading and reading.element and reading.element.territory == territory and log.flags[at] is None:
                state[str(reading.element)] = reading.digest, int(log.slots[at])
    return state
