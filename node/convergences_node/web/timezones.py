# SPDX-License-Identifier: AGPL-3.0-or-later
"""A time zone as iCalendar defines it (RFC 5545 section 3.6.5): each change of the clocks in some years, from zoneinfo.

The onset of a change is the local time *before* it, which the icalendar library (7.3) writes an hour late in spring.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import icalendar

YEARS_AFTER = 10
"""What recurs without an end is defined for so long; calendars know the zone by its name besides."""
YEARS_MAX = 60
_HALF_DAY = timedelta(hours=12)
_NOTHING = timedelta(0)


def timezone_component(zone: ZoneInfo, first_year: int, last_year: int) -> icalendar.Timezone:
    """The definition of a zone from the first year to ten years after the last one."""
    last = min(last_year + YEARS_AFTER, 9990)
    first = max(first_year - 1, last - YEARS_MAX, 1900)
    made = icalendar.Timezone()
    made.add("tzid", zone.key)
    start = datetime(first, 1, 1, tzinfo=UTC)
    _add(made, zone, start, start, [])
    changes: dict[tuple[object, ...], list[datetime]] = {}
    for moment in _changes(zone, first, last):
        before, after = (moment - timedelta(minutes=1)).astimezone(zone), moment.astimezone(zone)
        changes.setdefault((before.utcoffset(), after.utcoffset(), after.tzname(), after.dst()), []).append(moment)
    for moments in changes.values():
        _add(made, zone, moments[0] - timedelta(minutes=1), moments[0], moments[1:])
    return made


def _add(made: icalendar.Timezone, zone: ZoneInfo, before: datetime, moment: datetime, others: list[datetime]) -> None:
    """One kind of change: from what offset, to what offset, and when."""
    was, becomes = before.astimezone(zone), moment.astimezone(zone)
    offset = was.utcoffset() or _NOTHING
    part = icalendar.TimezoneDaylight() if becomes.dst() else icalendar.TimezoneStandard()
    part.add("dtstart", (moment + offset).replace(tzinfo=None))
    part.add("tzoffsetfrom", offset)
    part.add("tzoffsetto", becomes.utcoffset() or _NOTHING)
    part.add("tzname", becomes.tzname() or zone.key)
    if others:
        part.add("rdate", [(other + offset).replace(tzinfo=None) for other in others])
    made.add_component(part)


@lru_cache(maxsize=64)
def _all_changes(key: str, first: int, last: int) -> tuple[datetime, ...]:
    zone = ZoneInfo(key)
    found = []
    moment, stop = datetime(first, 1, 1, tzinfo=UTC), datetime(last, 12, 31, tzinfo=UTC)
    while moment < stop:
        after = moment + _HALF_DAY
        if moment.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            found.append(_between(zone, moment, after))
        moment = after
    return tuple(found)


def _changes(zone: ZoneInfo, first: int, last: int) -> Iterator[datetime]:
    yield from _all_changes(zone.key, first, last)


def _between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first minute with the new offset."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(minutes=1):
        middle = (before + (after - before) / 2).replace(second=0, microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
