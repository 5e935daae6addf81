# SPDX-License-Identifier: AGPL-3.0-or-later
"""What happens on which day, between two days: a festival on each of its days, a weekly workshop every week.

Days are the reader's. An hour is told in the town's time zone, so a day that has 23 or 25 hours is still one day; a
date without an hour is that date wherever it is read. What lasts longer than a week is told once, apart: a project of
three years is not an appointment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from convergences_protocol.edtf import span
from msgspec.structs import replace

from convergences_node.index.details import beginning_at
from convergences_node.index.query import LIMIT_MAX, Query
from convergences_node.index.views import Item
from convergences_node.web import words
from convergences_node.web.cards import Reading
from convergences_node.web.town_door import Town

PAGES_MAX = 2
"""Pages of 200 that begin in the days shown: more is not read on a page, and the page says so."""
DAYS_MAX = 62
"""Days of one agenda: two months."""
LASTING_DAYS = 7
NIGHT_ENDS_HOUR = 6
"""A concert that ends at two in the morning happens the evening before."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing, one time that it happens."""

    item: Item
    """With the dates of this time in `first` and `last`."""
    start: datetime
    """In the reader's time zone."""
    end: datetime
    whole_days: bool
    """True when the record names days and no hours."""

    @property
    def first_day(self) -> date:
        return self.start.date()

    @property
    def last_day(self) -> date:
        """The last day that a person would write it under."""
        end = self.end
        if end - self.start > timedelta(minutes=1) and (end.hour, end.minute) == (0, 0):
            end -= timedelta(minutes=1)
        night = end.date() - self.first_day == _DAY and end.hour < NIGHT_ENDS_HOUR and not self.whole_days
        return self.first_day if night else end.date()

    @property
    def is_lasting(self) -> bool:
        return (self.last_day - self.first_day).days >= LASTING_DAYS

    def is_on(self, first: date, last: date) -> bool:
        return self.first_day <= last and self.last_day >= first


@dataclass(frozen=True, slots=True)
class Happenings:
    """What happens between two days."""

    dated: tuple[Happening, ...]
    """In the order of their beginnings, each time a recurring thing happens."""
    lasting: tuple[Happening, ...]
    whole: bool
    """False when there is more than is read for one page."""

    def between(self, first: date, last: date) -> tuple[Happening, ...]:
        return tuple(each for each in self.dated if each.is_on(first, last))


async def happenings(town: Town, reading: Reading, asked: Query, first: date, last: date) -> Happenings:
    """What a question finds between two days, both included; what is dated by nature unless kinds are asked for."""
    window = (first - _DAY, last + _DAY)  # wide enough for every time zone; days are told apart below
    query = replace(
        asked.without_page(),
        kinds=asked.kinds or words.KINDS_DATED,
        since=window[0].isoformat(),
        until=window[1].isoformat(),
        sort="date",
        limit=LIMIT_MAX,
    )
    items, whole = await _items(town, query)
    seconds = span(window[0].isoformat())[0], span(window[1].isoformat())[1]
    times = await town.index.occurrences([item.id for item in items if item.recurring], seconds)
    found = [
        happening
        for item in items
        for happening in _happenings(reading, item, times.get(item.id, ()), seconds)
        if happening.is_on(first, last)
    ]
    # Seconds, not hours of the clock: half past two comes twice on the night when summer time ends.
    found.sort(key=lambda each: (each.first_day, not each.whole_days, each.item.first or 0, each.item.name))
    dated = tuple(each for each in found if not each.is_lasting)
    return Happenings(dated, tuple(each for each in found if each.is_lasting), whole)


async def _items(town: Town, query: Query) -> tuple[list[Item], bool]:
    """What goes on since before, then what begins: the one must not crowd out the other."""
    assert query.since is not None
    before = await town.index.search(query)
    found = {item.id: item for item in before.items}
    asked, whole = beginning_at(query, span(query.since)[0]), True
    for _ in range(PAGES_MAX):
        page = await town.index.search(asked)
        found |= {item.id: item for item in page.items}
        if page.cursor is None:
            break
        asked = replace(asked, cursor=page.cursor)
    else:
        whole = False
    return list(found.values()), whole


def _happenings(
    reading: Reading, item: Item, times: Sequence[tuple[int, int]], window: tuple[int, int]
) -> Iterator[Happening]:
    if not item.recurring and item.first is not None and item.last is not None:
        times = [(item.first, item.last)]
    # What began in the year 1200 and ends in 9999 is cut to what calendars can count, far outside what is shown.
    least, most = window[0] - 400 * 86_400, window[1] + 400 * 86_400
    whole_days = not item.start or "T" not in item.start
    zone = UTC if whole_days else reading.zone
    for first, last in times:
        start = datetime.fromtimestamp(min(max(first, least), most), zone)
        end = datetime.fromtimestamp(min(max(last, least), most), zone)
        yield Happening(replace(item, first=first, last=last), start, end, whole_days)


def days(first: date, last: date) -> Iterator[date]:
    """Every day from one to another."""
    for number in range((last - first).days + 1):
        yield first + number * _DAY
