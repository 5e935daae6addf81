# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events of an iCalendar file (RFC 5545), a component at a time; icalendar reads each, apart.

A rule that a record can hold stays a rule, with its exceptions and its time zone. An occurrence that its organiser has
moved (RECURRENCE-ID) is a row of its own and an exception of its series. Rules that no record holds are written out as
their occurrences (`ics_repeats.py`). Events that their owner calls private are refused: an archive is public.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from .ics_blocks import Block, blocks
from .ics_event import BadEvent, Zones, cells_of, identity, moved_from
from .ics_repeats import occurrences
from .rows import Dialect, Row

MOVED_MAX = 100_000
"""Moved occurrences that are remembered; a calendar with more is no town's."""
PROPERTIES_MAX = 100


@dataclass(slots=True)
class _Calendar:
    """What the first pass learns: the calendar's own properties, and which occurrences of which series were moved."""

    properties: dict[str, str] = field(default_factory=dict)
    moved: dict[str, set[str]] = field(default_factory=dict)
    others: int = 0

    def zones(self, dialect: Dialect) -> Zones:
        return Zones(self.properties.get("X-WR-TIMEZONE"), dialect.timezone)


def read_ics(file: BinaryIO, dialect: Dialect, today: date | None = None) -> Iterator[Row]:
    """One row an event; one an occurrence where the rule cannot be held."""
    calendar = _first_pass(file, dialect)
    file.seek(0)
    found = False
    for block in blocks(file, dialect.encoding):
        if block.name == "VEVENT":
            found = True
            yield from _rows(block, calendar, dialect, today or date.today())
    if not found:
        yield Row(1, {}, Fault("row", "ics_no_event", {"others": calendar.others}))


def _first_pass(file: BinaryIO, dialect: Dialect) -> _Calendar:
    """Time zones may be declared after their use, and moved occurrences come in any order."""
    calendar = _Calendar()
    for block in blocks(file, dialect.encoding):
        if block.name == "":
            _keep_property(calendar, block.text)
        elif block.name == "VTIMEZONE":
            _parsed(block)
        elif block.name != "VEVENT":
            calendar.others += 1
        elif "RECURRENCE-ID" in block.text and len(calendar.moved) < MOVED_MAX:
            _keep_moved(calendar, block, dialect)
    return calendar


def _keep_property(calendar: _Calendar, text: str) -> None:
    name, colon, value = text.strip().partition(":")
    if colon and len(calendar.properties) < PROPERTIES_MAX:
        calendar.properties.setdefault(name.partition(";")[0].upper(), value[:500])


def _keep_moved(calendar: _Calendar, block: Block, dialect: Dialect) -> None:
    event = _parsed(block)
    if not isinstance(event, Fault) and (when := moved_from(event, calendar.zones(dialect))):
        calendar.moved.setdefault(str(event.get("UID", "")), set()).add(when)


def _parsed(block: Block) -> Any:
    """The component, or the fault that says why it is none."""
    from icalendar import Component

    try:
        return Component.from_ical(block.text)
    # The library raises whatever its depths raise: a bad event is the file's, not ours.
    except Exception as error:
        return Fault("row", "ics_broken", {"reason": f"{type(error).__name__}: {error}"[:200]})


def _rows(block: Block, calendar: _Calendar, dialect: Dialect, today: date) -> Iterator[Row]:
    event = block.fault or _parsed(block)
    if isinstance(event, Fault):
        yield Row(block.line, {}, event)
        return
    zones = calendar.zones(dialect)
    try:
        cells = cells_of(event, zones)
        cells |= {"calendar": calendar.properties.get("X-WR-CALNAME") or calendar.properties.get("NAME")}
        repeated = occurrences(event, cells, zones, calendar.moved.get(identity(event), set()), today)
        for one in repeated:
            yield Row(block.line, cells | one)
    except BadEvent as error:
        yield Row(block.line, {}, error.fault)
    except Exception as error:
        yield Row(block.line, {}, Fault("row", "ics_broken", {"reason": f"{type(error).__name__}: {error}"[:200]}))
