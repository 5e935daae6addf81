# SPDX-License-Identifier: AGPL-3.0-or-later
"""The home page of a town: what happens today, this weekend, this month; who is behind it; what is new.

The answer before the navigation: the first screen shows things that happen, below a large search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_days
from datetime import date, timedelta

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Item
from convergences_node.web import dates, words
from convergences_node.web.agenda import Day, day_of, line
from convergences_node.web.asking import town_of
from convergences_node.web.cards import Card, Reading, card
from convergences_node.web.filters import AGENDA, LIST, MAP, Choice, month_of, page_link, spans, today, weekend_of
from convergences_node.web.happenings import Happenings, days, happenings
from convergences_node.web.home_map import home_map
from convergences_node.web.kept_parts import drawn_freshness
from convergences_node.web.pages import answer_page
from convergences_node.web.scope import scopes
from convergences_node.web.shelves import Shelf, kind_shelves, shelf
from convergences_node.web.taking import take_search
from convergences_node.web.town_door import Town
from convergences_node.web.views import view_links

LINES_MAX = 6
"""In each of the three times; all of them are in the agenda."""
LASTING_MAX = 4
PICTURES_MAX = 8
"""Beside the first lines: some thirty kilobytes, of the sixty that a home page may weigh."""
ACTIVE_MAX = 6
SHELVES_MAX = 6
THEMES_MAX = 12


@dataclass(frozen=True, slots=True)
class Time:
    """Today, this weekend or this month, and what happens then."""

    key: str
    title: str
    href: str
    days: tuple[Day, ...]


async def home_page(request: web.Request, reading: Reading) -> web.Response:
    """The page."""
    town = town_of(request)
    newest, facets = await town.index.page(Query(kinds=words.KINDS_SHOWN, limit=1))
    now = today(reading)
    last = max(month_of(now)[1], weekend_of(now)[1])
    found = await happenings(town, reading, Query(), now, last)
    active = await _active(town, found)
    following = () if found.dated else await _next(town, reading, now)
    is_quiet = not found.dated and not following
    told = words.KINDS_DATED if is_quiet else ()
    values: dict[str, object] = {
        "day": dates.day_in_words(reading.messages, now.isoformat(), reading.zone, reading.year),
        "day_iso": now.isoformat(),
        "picture": await home_map(request),
        "map_href": page_link(reading, Query(), MAP),
        "times": _times(reading, found, now),
        "lasting": [line(reading, each, None) for each in found.lasting[:LASTING_MAX]],
        "next": following,
        "is_quiet": is_quiet,
        "regular": await _regular(town, reading, now) if is_quiet else (),
        "regular_href": page_link(reading, Query(kinds=words.KINDS_DATED)),
        "agenda_href": page_link(reading, Query(), AGENDA),
        "active": [card(reading, item) for item in active],
        "newest": await kind_shelves(town, reading, [kind for kind in words.KINDS_SHOWN if kind not in told], Query()),
        "newest_href": page_link(reading, Query(), LIST),
        "actors_href": page_link(reading, Query(kinds=words.KINDS_ACTING)),
        "themes": [
            Choice(
                count.label,
                page_link(reading, Query(themes=(count.value,))),
                count=reading.messages.number(count.count),
            )
            for count in facets.counts.get("themes", ())
            if count.label
        ][:THEMES_MAX],
        "spans": [choice for choice in spans(reading, Query()) if not choice.chosen],
        "scopes": await scopes(request, reading, Query()),
        "views": view_links(reading, Query()),
        "take": take_search(reading, Query()),
        "fresh": await drawn_freshness(request, reading, newest, ()),
    }
    return answer_page(request, "home.html", values)


def _times(reading: Reading, found: Happenings, now: date) -> tuple[Time, ...]:
    """Each day is told once: what is today is not told again as the weekend."""
    saturday, sunday = weekend_of(now)
    last = month_of(now)[1]
    spans_of = {
        "today": (now, now, [now]),
        "weekend": (saturday, sunday, [day for day in (saturday, sunday) if day > now]),
        "month": (month_of(now)[0], last, [day for day in days(now, last) if day not in (now, saturday, sunday)]),
    }
    return _light(
        Time(
            key,
            reading.messages.text(f"when.{key}"),
            page_link(reading, Query(since=first.isoformat(), until=until.isoformat()), AGENDA),
            _days(reading, found, some),
        )
        for key, (first, until, some) in spans_of.items()
        if some or key == "today"
    )


def _light(times: Iterable[Time]) -> tuple[Time, ...]:
    """With pictures beside the first lines only."""
    left, shown = PICTURES_MAX, []
    for time in times:
        days = []
        for day in time.days:
            lines = tuple(
                each if index < left else with_days(each, picture=None) for index, each in enumerate(day.lines)
            )
            left = max(0, left - len(lines))
            days.append(with_days(day, lines=lines))
        shown.append(with_days(time, days=tuple(days)))
    return tuple(shown)


def _days(reading: Reading, found: Happenings, some: Sequence[date]) -> tuple[Day, ...]:
    shown: list[Day] = []
    left = LINES_MAX
    for day in some:
        made = day_of(reading, day, found, left)
        left -= len(made.lines)
        if made.lines:
            shown.append(made)
        if left <= 0:
            break
    return tuple(shown)


async def _next(town: Town, reading: Reading, now: date) -> list[Card]:
    """Where nothing happens this month: what happens next."""
    query = Query(kinds=words.KINDS_DATED, since=(now + timedelta(days=1)).isoformat(), sort="date", limit=LINES_MAX)
    return [card(reading, item) for item in (await town.index.search(query)).items]


async def _regular(town: Town, reading: Reading, now: date) -> tuple[Shelf, ...]:
    """Where nothing has a date: what goes on all the same, which most of a town's life does, type by type."""
    asked = Query(kinds=words.KINDS_DATED, at=now.isoformat())
    counted = (await town.index.facets(asked)).counts.get("type", ())[:SHELVES_MAX]
    found = []
    for count in counted:
        label = words.facet_label(reading.messages, "type", count.value, words.KINDS_DATED)
        query = replace(asked, facets=(("type", count.value),))
        found.append(await shelf(town, reading, count.value, words.KINDS_DATED[0], label, query))
    return tuple(found)


async def _active(town: Town, found: Happenings) -> Sequence[Item]:
    """Who is behind what happens."""
    ids = list(dict.fromkeys(each.item.id for each in (*found.dated, *found.lasting)))
    return await town.index.people_behind(ids, ACTIVE_MAX)
