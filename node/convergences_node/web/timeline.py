# SPDX-License-Identifier: AGPL-3.0-or-later
"""An answer as a timeline: a bar for each year by how much begins in it, each bar a link to what happens then.

Where there are more years than bars fit, a bar stands for ten years or a hundred.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TypeVar

from convergences_protocol.edtf import is_edtf
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Facets, Item
from convergences_node.web.cards import Reading
from convergences_node.web.filters import TIMELINE, page_link

T = TypeVar("T")
BARS_MAX = 90
STEPS = (1, 10, 100, 1000)
WIDTH, HEIGHT = 600, 140
BARS_LEAST = 6
"""Fewer are not drawn wider than these would be."""
BAR_LEAST = 3.0
"""A year with one thing in it is seen beside a year with a thousand."""
YEAR_LAST = 9999
LETTER = 14
"""Units a letter under a bar is wide, on a phone."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Where a bar stands in a picture of WIDTH units, and how high it is; 0 for nothing."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    """Of the words under it, which stay inside the picture."""


def drawn_bars(counts: Sequence[float], height: int, letters: int = 4) -> list[Drawn]:
    """Bars side by side, the highest as high as the picture; under them, words of at most so many letters."""
    half = min(letters * LETTER, WIDTH) / 2
    pitch = WIDTH / max(len(counts), BARS_LEAST)
    most = max(counts, default=0)
    found = []
    for number, count in enumerate(counts):
        high = max(BAR_LEAST, height * count / most) if count else 0.0
        x, width = number * pitch + pitch * 0.1, pitch * 0.8
        middle = min(max(x + width / 2, half), WIDTH - half)
        found.append(Drawn(*(round(each, 1) for each in (x, height - high, width, high, middle))))
    return found


@dataclass(frozen=True, slots=True)
class Bar:
    """One year, or several."""

    label: str
    count: str
    said: str
    href: str
    bar: Drawn
    is_chosen: bool
    is_marked: bool
    """Whether its label is written under it: there is no room for all."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that the template lays out."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    all_href: str
    is_chosen: bool
    is_exact: bool


def timeline(reading: Reading, asked: Query, facets: Facets) -> Timeline:
    """The timeline of a question; the facets are those of the question without its dates."""
    years = {int(count.value): count.count for count in facets.counts.get("year", ()) if count.value.isdigit()}
    undated = replace(asked.without_page(), since=None, until=None)
    return Timeline(
        width=WIDTH,
        height=HEIGHT,
        bars=_bars(reading, asked, years),
        all_href=page_link(reading, undated, TIMELINE),
        is_chosen=bool(asked.since or asked.until),
        is_exact=facets.exact,
    )


def by_year(reading: Reading, items: Sequence[Item], cards: Sequence[T]) -> tuple[tuple[str, tuple[T, ...]], ...]:
    """The cards of elements in the order of dates, under the years in which they begin; what has no date comes last."""
    undated = reading.messages.text("timeline.undated")
    groups = groupby(zip(items, cards, strict=True), lambda each: _year_of(each[0]) or undated)
    return tuple((year, tuple(card for _, card in some)) for year, some in groups)


def _year_of(item: Item) -> str:
    if item.first is None:
        return ""
    try:
        return str(datetime.fromtimestamp(item.first, UTC).year)
    except (ValueError, OverflowError, OSError):  # before the year 1
        return ""


def _bars(reading: Reading, asked: Query, years: dict[int, int]) -> tuple[Bar, ...]:
    if not years:
        return ()
    step = next(step for step in STEPS if max(years) // step - min(years) // step < BARS_MAX or step == STEPS[-1])
    counts: Counter[int] = Counter()
    for year, count in years.items():
        counts[year // step] += count
    groups = range(min(counts), max(counts) + 1)
    every = -(-len(groups) // 6)
    # By their square roots, as on the map's ribbon: a register's first year would flatten all others.
    drawn = drawn_bars([math.sqrt(counts[group]) for group in groups], HEIGHT, 4 if step == 1 else 9)
    return tuple(
        _bar(reading, asked, group * step, step, counts[group], bar, group % every == 0)
        for group, bar in zip(groups, drawn, strict=True)
    )


def _bar(reading: Reading, asked: Query, year: int, step: int, count: int, bar: Drawn, is_marked: bool) -> Bar:
    messages = reading.messages
    until = min(year + step - 1, YEAR_LAST)
    label = str(year) if step == 1 else messages.text("timeline.years", first=year, last=until)
    dates = (f"{max(year, 1):04}", f"{until:04}")
    assert all(is_edtf(text) for text in dates)
    query = replace(asked.without_page(), since=dates[0], until=dates[1])
    return Bar(
        label=label,
        count=messages.number(count),
        said=messages.count("timeline.bar", count, label=label),
        href=page_link(reading, query, TIMELINE),
        bar=bar,
        is_chosen=(asked.since, asked.until) == dates,
        is_marked=is_marked,
    )
