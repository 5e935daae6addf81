# SPDX-License-Identifier: AGPL-3.0-or-later
"""The poster of the week: seven days on a sheet of A4 for a notice board, with a code that leads a telephone to more.

Printed by the browser in black on white; the sheet says when it was made and how fresh its news were then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web
from msgspec.structs import replace

from convergences_node.web import dates
from convergences_node.web.agenda import day_of
from convergences_node.web.asking import question_of, town_of
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


async def poster_page(request: web.Request) -> web.Response:
    """A poster of seven days for a notice board, of any question: from its first day, else from today."""
    town, reading, asked = town_of(request), reading_of(request), question_of(request)
    moment = dates.read_moment(asked.since, reading.zone) if asked.since else None
    first = moment.day if moment and moment.day and 1000 < moment.day.year < 9000 else today(reading)
    last = first + timedelta(days=WEEK_DAYS - 1)
    found = await happenings(town, reading, asked, first, last)
    counts = [len(found.between(day, day)) for day in days(first, last)]
    each = lines_a_day(counts)
    shown = [day_of(reading, day, found, each) for day in days(first, last)]
    query = replace(asked.without_page(), since=first.isoformat(), until=last.isoformat())
    coverage = await town.index.coverage()
    names = await territory_names(town, [each.territory for each in coverage])
    facets = await town.index.facets(query)
    agenda_params = urlencode(page_params(query, AGENDA))
    address = f"{base_of(request)}/?{agenda_params}"
    values: dict[str, object] = {
        "dates": dates.when(reading.messages, first.isoformat(), last.isoformat(), reading.zone),
        "chosen": [choice.label for choice in chosen(reading, replace(query, since=None, until=None), facets)],
        "days": [day for day in shown if day.lines],
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
