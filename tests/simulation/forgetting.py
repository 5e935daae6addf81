# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a simulated node does of erasures: hide at once, wait for a person where a log asks for too much, drop after
seven days by its own clock; and show again what an erasure named that counts no more.

A slot that is `erased` with its body still beside it is hidden: neither shown nor given, and not gone yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from convergences_protocol.charter import Charter
from convergences_protocol.element import ElementId
from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.erasure import Erasure, Heard, State, is_valid, read_erasure, redated, states
from convergences_protocol.errors import Unreadable
from convergences_protocol.header import Header, read_header
from convergences_protocol.tiles import Slot

from .archive import Place, SimArchive, SimLog


class Forgetting:
    """The erasures of one node. `wants` is told of a log whose bodies are wanted again, and how many it wants."""

    def __init__(self, archive: SimArchive, wants: Callable[[str, int], None]) -> None:
        self._archive = archive
        self._wants = wants
        self._applied: dict[Place, State] = {}
        self._elements: dict[ElementId, State] = {}
        self._digests: dict[bytes, State] = {}

    def take(self, log: SimLog, start: int, now: int | None) -> bool:
        """Note the erasures among a log's new records. True if there were any: they are to be judged then."""
        found = [(log.origin, at) for at in range(start, log.size) if _is_erasure(log.readings[at], log.flags[at])]
        for at in found:
            erasure = self._read(at)
            if erasure and at not in self._archive.heard:
                weight = erasure.weight if any(True for _ in self._bodies(erasure)) else 0
                self._archive.heard[at] = Heard(*at, now, weight)
        if self._applied and not found:
            self._fit(log, start)
        return bool(found)

    def sweep(self, charter: Charter, now: int | None) -> None:
        """Do what erasures ask for by now; those that are valid by this charter."""
        heard, dropped = self._archive.heard, self._archive.dropped
        for at, known in heard.items():
            if (date := redated(known.heard, now)) != known.heard:
                heard[at] = replace(known, heard=date)
        counting = [known for at, known in heard.items() if at in dropped or self._may(at, charter)]
        judged = states(counting, now)
        applied = {at: State.DUE if at in dropped else state for at, state in judged.items()}
        dropped.update(dict.fromkeys(at for at, state in applied.items() if state is State.DUE))
        if applied != self._applied:
            self._applied = applied
            self._name(applied)
            for log in self._archive.logs.values():
                self._fit(log, 0)

    def pending(self) -> list[Place]:
        """Those that wait for a person."""
        return [at for at, state in self._applied.items() if state is State.PENDING]

    def release(self) -> None:
        """A person has looked: they are meant."""
        for at in self.pending():
            self._archive.heard[at] = replace(self._archive.heard[at], released=True)

    def _may(self, at: Place, charter: Charter) -> bool:
        erasure = self._read(at)
        return erasure is not None and is_valid(erasure, charter, *at)

    def _read(self, at: Place) -> Erasure | None:
        """The erasure written there; None if it was set aside with its branch."""
        origin, index = at
        log = self._archive.logs[origin]
        reading = log.readings[index] if index < log.size else None
        if reading is None or not _is_erasure(reading, log.flags[index]):
            return None
        return _read_erasure(reading.raw)

    def _name(self, applied: dict[Place, State]) -> None:
        """What the erasures in force name, with the strongest word on it. What a log's records are named by is their
        digest: the same records may stand in another epoch too."""
        self._elements.clear()
        self._digests.clear()
        for at, state in sorted(applied.items(), key=lambda item: item[1] is State.DUE):
            erasure = self._read(at)
            if state is State.PENDING or erasure is None:
                continue
            if erasure.element:
                self._elements[erasure.element] = state
            else:
                self._digests.update(dict.fromkeys(self._named(erasure), state))

    def _named(self, erasure: Erasure) -> Iterable[bytes]:
        yield from erasure.digests
        log = self._archive.logs.get(erasure.origin or "")
        for start, stop in erasure.ranges if log else ():
            yield from (reading.digest for reading in log.readings[start:stop] if reading)  # type: ignore[union-attr]

    def _bodies(self, erasure: Erasure) -> Iterable[bytes]:
        """The bodies here that it names."""
        digests = set(self._named(erasure))
        for log in self._archive.logs.values():
            for reading, body in zip(log.readings, log.bodies, strict=True):
                if body is None or reading is None:
                    continue
                if reading.element == erasure.element if erasure.element else reading.digest in digests:
                    yield body

    def _fit(self, log: SimLog, start: int) -> None:
        """Bring the slots of a log to what the erasures in force say."""
        again = 0
        for at in range(start, log.size):
            reading, slot = log.readings[at], log.slots[at]
            if reading is None or reading.body_digest is None:
                continue
            state = self._digests.get(reading.digest) if self._digests else None
            by_element = self._elements.get(reading.element) if reading.element else None
            if State.DUE in (state, by_element):
                log.slots[at], log.bodies[at] = Slot.ERASED, None
            elif state or by_element:
                log.slots[at] = Slot.ERASED
            elif slot is Slot.ERASED:
                log.slots[at] = Slot.WANTED if log.bodies[at] is None else Slot.HERE
                again += log.bodies[at] is None
        if again:
            self._wants(log.origin, log.slots.count(Slot.WANTED))


@lru_cache(maxsize=10_000)
def _read_erasure(raw: bytes) -> Erasure | None:
    try:
        return read_erasure(read_header(raw))
    except Unreadable:
        return None


def _is_erasure(reading: Header | None, flag: str | None) -> bool:
    return reading is not None and reading.kind == ERASURE and flag is None
