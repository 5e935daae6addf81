# SPDX-License-Identifier: AGPL-3.0-or-later
"""The poster of the week: seven days on a sheet of A4 for a notice board, with a code that leads a telephone to more.

Where these days leave room, it says what comes after them, what lasts and what goes on; if nothing is listed for them,
how to have something announced. Printed by the browser in black on white; the sheet says when it was made and how
fresh its news were then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace as with_lines
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web
from msgspec.structs import replace

from convergences_node.web import dates
from convergences_node.web.agenda import day_of
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.besides import Beside, besides
from convergences_node.web.exporting import base_of
from convergences_node.web.filters import AGENDA, chosen, page_link, page_params, today
from convergences_node.web.freshness import freshness
from convergences_node.web.happenings import days, happenings
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.qr import code_of
from convergences_node.web.taking import take_search

WEEK_DAYS = 7
LINES_MAX = 20
"""What fits on one sheet in letters that are read from a step away, when every name takes two lines."""
PARTS_MAX = WEEK_DAYS
"""Headings that fit with them."""
ANNOUNCE_LINES = 3
"""What the sentence for who has something to announce takes."""


async def poster_page(request: web.Request) -> web.Response:
    """A poster of seven days for a notice board, of any question: from its first day, else from today."""
    town, reading, asked = town_of(request), reading_of(request), question_of(request)
    moment = dates.read_moment(asked.since, reading.zone) if asked.since else None
    first = moment.day if moment and moment.day and 1000 < moment.day.year < 9000 else today(reading)
    last = first + timedelta(days=WEEK_DAYS - 1)
    found = await happenings(town, reading, asked, first, last)
    counts = [len(found.between(day, day)) for day in days(first, last)]
    each = lines_a_day(counts)
    shown = [day for day in (day_of(reading, day, found, each) for day in days(first, last)) if day.lines]
    used = sum(len(day.lines) for day in shown) or ANNOUNCE_LINES
    beside = await besides(town, reading, asked, found, last, LINES_MAX)
    query = replace(asked.without_page(), since=first.isoformat(), until=last.isoformat())
    coverage = await town.index.coverage()
    names = await territory_names(town, [each.territory for each in coverage])
    facets = await town.index.facets(query)
    agenda_params = urlencode(page_params(query, AGENDA))
    address = f"{base_of(request)}/?{agenda_params}"
    values: dict[str, object] = {
        "dates": dates.when(reading.messages, first.isoformat(), last.isoformat(), reading.zone),
        "chosen": [choice.label for choice in chosen(reading, replace(query, since=None, until=None), facets)],
        "days": shown,
        "beside": list(_fitting(beside, LINES_MAX - used, PARTS_MAX - max(len(shown), 1))),
        "more": max(counts) > each or not found.whole,
        "code": code_of(address),
        "address": address,
        "agenda_href": page_link(reading, query, AGENDA),
        "made": dates.instant(reading.messages, reading.now, reading.zone),
        "fresh": freshness(reading, coverage, names, town.charter()),
        "take": take_search(reading, query),
    }
    return answer_page(request, "poster.html", values)


def lines_a_day(counts: Sequence[int]) -> int:
    """The most lines that each day may have: a full Saturday does not push Sunday off the sheet."""
    return max(most for most in range(1, LINES_MAX + 1) if sum(min(count, most) for count in counts) <= LINES_MAX)


def _fitting(beside: Sequence[Beside], lines: int, parts: int) -> Iterator[Beside]:
    """What there is room for, each part with its share of it: beside a day's lines these take four for three."""
    lines = lines * 3 // 4
    some = beside[: max(0, parts)]
    for left, part in zip(range(len(some), 0, -1), some, strict=True):
        share = lines // left
        if share > 0:
            shown = part.lines[:share]
            lines -= len(shown)
            yield with_lines(part, lines=shown)
