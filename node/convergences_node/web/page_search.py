# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first page: what happens, who does what, where. A search box, answers at once, then ways to narrow them down.

The page and the API share one judge: the address after the question mark is the same `Query`.
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from aiohttp import web

from convergences_node.index.query import Query
from convergences_node.index.views import Total
from convergences_node.web import words
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.cards import Card, Reading, card
from convergences_node.web.filters import chosen, groups, page_link, sorts, spans, today, wider
from convergences_node.web.freshness import freshness
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.town_door import Town

# What is about to happen comes before everything else, but does not push it off the screen.
UPCOMING_MAX = 6


async def search_page(request: web.Request) -> web.Response:
    """Search, for people: answers at once, then filters with counts; how fresh each town's news are, in words.

    Takes the same parameters as `/api/v1/search`.
    """
    reading = reading_of(request)
    town = town_of(request)
    asked = question_of(request)
    shown = asked if asked.kinds else msgspec.structs.replace(asked, kinds=words.KINDS_SHOWN)
    home = not asked.to_params()
    answer = await town.index.search(shown)
    facets = await town.index.facets(shown.without_page())
    upcoming = await _upcoming(town, reading) if home else ()
    names = await territory_names(town, [each.territory for each in answer.coverage])
    agglomeration = town.web_settings.agglomeration_address
    values = {
        "query": asked,
        "home": home,
        "hidden": [pair for pair in asked.without_page().to_params() if pair[0] != "q"],
        "cards": [card(reading, item) for item in answer.items],
        "upcoming": upcoming,
        "upcoming_href": page_link(reading, _agenda(reading)),
        "total": _total(reading, answer.total),
        "bounded": answer.bounded,
        "sorts": sorts(reading, asked),
        "spans": spans(reading, asked),
        "chosen": chosen(reading, asked, facets),
        "groups": groups(reading, asked, facets),
        "next": page_link(reading, msgspec.structs.replace(shown, cursor=answer.cursor)) if answer.cursor else None,
        "first": page_link(reading, asked.without_page()) if asked.cursor else None,
        "fresh": freshness(reading, answer.coverage, names, town.charter()),
        "wider": wider(reading, asked),
        "searched": len({each.territory for each in answer.coverage}),
        "elsewhere": f"{agglomeration}/?{urlencode(asked.without_page().to_params())}" if agglomeration else None,
        "json": f"/api/v1/search?{urlencode(shown.to_params())}",
    }
    return answer_page(request, "search.html", values)


def _total(reading: Reading, total: Total) -> str:
    return reading.messages.count("search.count" if total.exact else "search.count_at_least", total.count)


def _agenda(reading: Reading) -> Query:
    """Everything dated from today on, soonest first."""
    return Query(kinds=words.KINDS_DATED, since=today(reading).isoformat(), sort="date")


async def _upcoming(town: Town, reading: Reading) -> tuple[Card, ...]:
    query = msgspec.structs.replace(_agenda(reading), limit=UPCOMING_MAX)
    answer = await town.index.search(query)
    return tuple(card(reading, item) for item in answer.items)
