# SPDX-License-Identifier: AGPL-3.0-or-later
"""The right to be forgotten: which records an erasure names, who may say so, and when their bodies go.

An erasure is a control record. It names an element (all its revisions, in every log), or records of one log, by their
numbers or by their headers' digests. It is valid in the chain of logs of the territory that it concerns, or in the
agglomeration's, so that a dead town's people can be forgotten too.

What is named is hidden at once and dropped after seven days, or at once by an operator's word. More than a hundred
a day in one log wait for a person at each holder: a stolen node must not wipe what everybody keeps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from .charter import Charter
from .control import Members
from .element import ElementId
from .errors import LocalError, Unreadable
from .header import DIGEST_BYTES, Header
from .merkle import SIZE_MAX
from .origin import territory_of

KIND = "erasure"
RANGES_MAX = 128  # all of them, and a hundred digests, fit a header's 4096 bytes
DIGESTS_MAX = 100
REASON_CHARS_MAX = 200
DAY_SECONDS = 86_400
GRACE_SECONDS = 7 * DAY_SECONDS
DAILY_MAX = 100

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be forgotten: `element` alone, or in the log `origin` the records of `ranges` or of `digests`.

    A reason is a word for the operator's list, never the name of who asked: what a log says, it says for ever.
    """

    reason: str
    element: ElementId | None = None
    origin: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    digests: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        entries = bool(self.ranges) or bool(self.digests)
        if (self.element is None) == (self.origin is None) or entries != (self.origin is not None):
            raise ValueError("an erasure names an element, or records of one log")

    @property
    def territory(self) -> str:
        """Whose it is to be forgotten: only this territory's logs, or the agglomeration's, may say so."""
        return self.element.territory if self.element else territory_of(self.origin or "")

    @property
    def weight(self) -> int:
        """How much one record asks to forget: each element, and each record named by itself, counts as one."""
        return 1 if self.element else len(self.digests) + sum(stop - start for start, stop in self.ranges)

    def names(self, origin: str, index: int, digest: bytes, element: ElementId | None) -> bool:
        """Is this record named? `digest` is its header's."""
        if self.element:
            return element == self.element
        return origin == self.origin and (
            digest in self.digests or any(start <= index < stop for start, stop in self.ranges)
        )

    def content(self) -> dict[str, object]:
        """The content of the control record."""
        content: dict[str, object] = {"reason": self.reason}
        if self.element:
            content["element"] = self.element.to_cbor()
        if self.origin:
            content["origin"] = self.origin
        if self.ranges:
            content["ranges"] = [list(span) for span in self.ranges]
        if self.digests:
            content["digests"] = list(self.digests)
        return content


def read_erasure(header: Header) -> Erasure:
    """The erasure in a control record. Raises `Unreadable`."""
    members = Members.of(header, KIND)
    ranges = members.array("ranges", RANGES_MAX) if "ranges" in members else []
    digests = members.array("digests", DIGESTS_MAX) if "digests" in members else []
    try:
        return Erasure(
            members.text("reason", REASON_CHARS_MAX),
            ElementId.from_cbor(members.array("element", 2)) if "element" in members else None,
            members.origin("origin") if "origin" in members else None,
            tuple(_range(span) for span in ranges),
            tuple(_digest(digest) for digest in digests),
        )
    except ValueError as error:
        raise Unreadable(str(error)) from error


def is_valid(erasure: Erasure, charter: Charter, origin: str, index: int) -> bool:
    """May record `index` of the log `origin` say this? Judge again whenever the charter has changed.

    By number it may name what counts: what stands beyond the end of a log is not the same at every holder, and goes
    along to the next log under other numbers.
    """
    if not _within_its_log(erasure, charter):
        return False
    if charter.speaks_for(erasure.territory, origin, index):
        return True
    return charter.speaks_for(charter.territory, origin, index)


def _within_its_log(erasure: Erasure, charter: Charter) -> bool:
    log = charter.enrolled(erasure.origin) if erasure.origin else None
    return log is None or log.end is None or all(stop <= log.end.last.size for _, stop in erasure.ranges)


class State(StrEnum):
    """What a holder does with the bodies that an erasure names."""

    PENDING = "pending"  # nothing, until a person here releases it
    HIDDEN = "hidden"  # shows and serves them no more
    DUE = "due"  # drops them from its files


@dataclass(frozen=True, slots=True)
class Heard:
    """A valid erasure as one holder has it.

    `heard` is the holder's own clock when the record was kept: an author's time proves nothing. None while that clock
    could not be right (`redated` says when the seven days begin then). `weight` is the erasure's, or 0 if this holder
    keeps none of the bodies: to forget what was never here needs no person.
    """

    origin: str
    index: int
    heard: int | None
    weight: int
    released: bool = False
    """A person here has looked at it: the limit does not concern it."""
    at_once: bool = False
    """The operator here does not wait for the seven days."""


def redated(heard: int | None, now: int | None) -> int | None:
    """From when on the seven days are to be counted, now that the clock says `now` (None: it cannot be right).

    What was heard while the clock could not be right, or in what the clock now calls the future, counts from now: it
    must neither be dropped at once because a clock leapt from 1970, nor stay for ever because it once said 2100.
    """
    if now is None:
        return heard
    return now if heard is None or heard > now else heard


def states(erasures: Iterable[Heard], now: int | None) -> dict[tuple[str, int], State]:
    """What becomes of each, by `(origin, index)`. The limit is on what one log asks in one UTC day of the holder.

    `now` is None while the holder's clock cannot be right: nothing becomes due by such a clock.
    """
    every = list(erasures)
    asked: dict[tuple[str, int | None], int] = {}
    for erasure in every:
        day = (erasure.origin, _day(erasure))
        asked[day] = asked.get(day, 0) + (0 if erasure.released else erasure.weight)
    return {
        (erasure.origin, erasure.index): _state(erasure, asked[erasure.origin, _day(erasure)], now) for erasure in every
    }


def _day(erasure: Heard) -> int | None:
    """The holder's day on which it was heard; all that has no date is of one day."""
    return None if erasure.heard is None else erasure.heard // DAY_SECONDS


def _state(erasure: Heard, asked: int, now: int | None) -> State:
    if erasure.weight and asked > DAILY_MAX and not erasure.released:
        return State.PENDING
    over = now is not None and erasure.heard is not None and now - erasure.heard >= GRACE_SECONDS
    return State.DUE if erasure.at_once or over else State.HIDDEN


def split(erasure: Erasure) -> list[Erasure]:
    """The same erasure as records that each fit a header, for an author who has much to forget."""
    if erasure.element:
        return [erasure]
    if erasure.origin is None:
        raise LocalError("an erasure of records names their log")
    return [
        *(Erasure(erasure.reason, None, erasure.origin, part, ()) for part in _parts(erasure.ranges, RANGES_MAX)),
        *(Erasure(erasure.reason, None, erasure.origin, (), part) for part in _parts(erasure.digests, DIGESTS_MAX)),
    ]


def _parts(items: tuple[Item, ...], count: int) -> list[tuple[Item, ...]]:
    return [items[at : at + count] for at in range(0, len(items), count)]


def _range(value: object) -> tuple[int, int]:
    if type(value) is not list or len(value) != 2 or not all(type(part) is int for part in value):
        raise Unreadable("a range is a start and a stop")
    start, stop = value
    if not 0 <= start < stop <= SIZE_MAX:
        raise Unreadable(f"no records from {start} to {stop}")
    return start, stop


def _digest(value: object) -> bytes:
    if type(value) is not bytes or len(value) != DIGEST_BYTES:
        raise Unreadable("digest is not 32 bytes")
    return value
