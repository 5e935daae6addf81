# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ribbon of time under a map: a bar for each year, or each month of one, by how much begins then.

Each bar is a link to the same map as things were then (`at`), and so is each line of the list beside it, which the
keyboard and a screen reader use. A script makes of both one slider; the addresses stay the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Facets
from convergences_node.web import dates
from convergences_node.web.cards import Reading
from convergences_node.web.filters import MAP, Choice, page_link, today
from convergences_node.web.timeline import Drawn, drawn_bars
from convergences_node.web.town_door import Town

YEARS_MAX = 72
"""Bars that a phone can still show apart, four pixels each."""
YEARS_AHEAD = 5
"""A project that begins later than this is real, and no reason to draw the years before it."""
HEIGHT = 90
LABELS_MAX = {"year": 6, "month": 4}
"""What can be written under the bars on a phone: "2019", "septembre"."""
_MOMENT = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(?:-.*)?")


@dataclass(frozen=True, slots=True)
class Stop:
    """A year or a month that can be looked at."""

    at: str
    label: str
    short: str
    """What is written under the bar."""
    said: str
    href: str
    bar: Drawn
    is_chosen: bool
    is_marked: bool
    """Whether its label is written under it: there is no room for all."""


@dataclass(frozen=True, slots=True)
class Ribbon:
    """All that the template lays out."""

    height: int
    scale: str
    """`year` or `month`."""
    now: str
    stops: tuple[Stop, ...]
    all: Choice
    others: tuple[Choice, ...]
    """Other stretches of time: earlier, later, month by month, year by year."""
    is_exact: bool


async def ribbon(town: Town, reading: Reading, asked: Query, undated: Facets) -> Ribbon | None:
    """The ribbon of a question; `undated` counts what it finds without its dates. None where nothing has a date."""
    years = {int(each.value): each.count for each in undated.counts.get("year", ()) if each.value.isdigit()}
    if not years:
        return None
    moment = _MOMENT.fullmatch(asked.at or "")
    year = int(moment[1]) if moment else None
    if moment and moment[2] and year:
        return await _of_months(town, reading, asked, year, int(moment[2]))
    return _of_years(reading, asked, years, year, undated.exact)


def _of_years(reading: Reading, asked: Query, years: Mapping[int, int], year: int | None, exact: bool) -> Ribbon:
    known_first = min(years)
    known_last = max([this := today(reading).year, *(each for each in years if each <= this + YEARS_AHEAD)])
    first, last = max(known_first, known_last - YEARS_MAX + 1), known_last
    if year is not None and not first <= year <= last:
        first = year - YEARS_MAX // 2
        last = first + YEARS_MAX - 1
    span = range(max(first, 1), min(last, 9999) + 1)
    others = []
    if known_first < span[0]:
        others.append(_other(reading, asked, "earlier", f"{max(span[0] - YEARS_MAX // 2, 1):04}"))
    if known_last > span[-1]:
        others.append(_other(reading, asked, "later", f"{min(span[-1] + YEARS_MAX // 2, known_last):04}"))
    shown = year if year is not None else min(known_last, this)
    others.append(_other(reading, asked, "months", f"{shown:04}-01"))
    counts = {f"{each:04}": years.get(each, 0) for each in span}
    return _ribbon(reading, asked, "year", counts, tuple(others), exact)


async def _of_months(town: Town, reading: Reading, asked: Query, year: int, month: int) -> Ribbon:
    counts: dict[str, int] = {}
    exact = True
    for number in range(1, 13):
        then = f"{year:04}-{number:02}"
        query = replace(asked.without_page(), at=None, since=then, until=then, sort=None, limit=1)
        total = (await town.index.search(query)).total
        counts[then], exact = total.count, exact and total.exact
    others = [_other(reading, asked, "years", f"{year:04}")]
    others += [
        _other(reading, asked, "year", f"{each:04}-{month:02}", year=each) for each in (year - 1, year + 1) if each
    ]
    return _ribbon(reading, asked, "month", counts, tuple(others), exact)


def _ribbon(
    reading: Reading, asked: Query, scale: str, counts: Mapping[str, int], others: tuple[Choice, ...], exact: bool
) -> Ribbon:
    messages = reading.messages
    every = -(-len(counts) // LABELS_MAX[scale])
    chosen = (asked.at or "")[: 4 if scale == "year" else 7]
    stops = []
    # By their square roots: beside the year in which a hundred schools opened, one with five would not be seen.
    bars = drawn_bars([math.sqrt(count) for count in counts.values()], HEIGHT, 4 if scale == "year" else 8)
    for number, (at, bar) in enumerate(zip(counts, bars, strict=True)):
        label = dates.day_in_words(messages, at, reading.zone)
        is_marked = number % every == 0
        short = label if scale == "year" else dates.month(messages, int(at[5:]))
        said = messages.count("ribbon.stop", counts[at], label=label)
        stops.append(Stop(at, label, short, said, _href(reading, asked, at), bar, at == chosen, is_marked))
    return Ribbon(
        height=HEIGHT,
        scale=scale,
        now=next((stop.label for stop in stops if stop.is_chosen), messages.text("ribbon.all")),
        stops=tuple(stops),
        all=Choice(messages.text("ribbon.all"), _href(reading, asked, None), not asked.at),
        others=others,
        is_exact=exact,
    )


def _other(reading: Reading, asked: Query, key: str, at: str, **values: object) -> Choice:
    return Choice(reading.messages.text(f"ribbon.{key}", **values), _href(reading, asked, at))


def _href(reading: Reading, asked: Query, at: str | None) -> str:
    return page_link(reading, replace(asked.without_page(), at=at, since=None, until=None), MAP)
