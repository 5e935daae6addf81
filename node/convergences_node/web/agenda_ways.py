# SPDX-License-Identifier: AGPL-3.0-or-later
"""From days with nothing on them to the nearest days with something: the next ones, else the year of the last ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Item
from convergences_node.web import dates, words
from convergences_node.web.cards import Reading
from convergences_node.web.filters import AGENDA, LIST, Choice, page_link
from convergences_node.web.town_door import Town


async def ways_out(town: Town, reading: Reading, asked: Query, first: date, last: date) -> tuple[Choice, ...]:
    """Where to go from an agenda in which nothing is between two days."""
    dated = replace(asked.without_page(), kinds=asked.kinds or words.KINDS_DATED, since=None, until=None)
    after = last + timedelta(days=1)
    coming = await town.index.search(replace(dated, since=after.isoformat(), sort="date", limit=1))
    if coming.items:
        return (_next(reading, asked, coming.items[0], after),)
    counts = (await town.index.facets(dated)).counts.get("year", ())
    years = [int(each.value) for each in counts if each.value.isdecimal() and int(each.value) <= first.year]
    return (_year(reading, dated, f"{max(years):04}"),) if years else ()


def _next(reading: Reading, asked: Query, item: Item, after: date) -> Choice:
    """The week in which the next thing happens."""
    zone = reading.zone if item.start and "T" in item.start else UTC
    day = max(after, datetime.fromtimestamp(item.first or 0, zone).date())
    monday = day - timedelta(days=day.weekday())
    week = replace(asked.without_page(), since=monday.isoformat(), until=(monday + timedelta(days=6)).isoformat())
    said = dates.day_in_words(reading.messages, day.isoformat(), reading.zone, reading.year)
    return Choice(reading.messages.text("agenda.next_is", day=said), page_link(reading, week, AGENDA))


def _year(reading: Reading, dated: Query, year: str) -> Choice:
    query = replace(dated, since=year, until=year, sort="date")
    return Choice(reading.messages.text("agenda.year_was", year=year.lstrip("0")), page_link(reading, query, LIST))
