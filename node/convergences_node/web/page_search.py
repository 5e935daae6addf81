# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first page: what happens, who does what, where. A search box, answers at once, then ways to narrow them down.

The page and the API share one judge: the address after the question mark is the same `Query`, and the view it is read
in. Without either, it is the town's home page.
"""

from __future__ import annotations

from dataclasses import replace as with_view

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Answer, Facets, Total
from convergences_node.web import words
from convergences_node.web.agenda import agenda
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.cards import Reading
from convergences_node.web.drawn_map import drawn_map
from convergences_node.web.filters import (
    AGENDA,
    LIST,
    MAP,
    TIMELINE,
    about,
    chosen,
    encoded,
    groups,
    page_link,
    page_params,
    sorts,
    spans,
)
from convergences_node.web.kept_parts import drawn_cards, drawn_freshness, with_towns
from convergences_node.web.map_question import framed, unseen
from convergences_node.web.page_home import home_page
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.projecting import Frame
from convergences_node.web.scope import scopes
from convergences_node.web.taking import take_search
from convergences_node.web.timeline import by_year, timeline
from convergences_node.web.town_door import Town
from convergences_node.web.views import view_links, view_of
from convergences_node.web.wider import wider


async def search_page(request: web.Request) -> web.Response:
    """Search, for people: answers at once, then filters with counts; how fresh each town's news are, in words.

    Takes the same parameters as `/api/v1/search`, and a view: list, agenda, map or timeline. Without any, the home page
    of the town.
    """
    asked, view = question_of(request), view_of(request)
    if view is None and not asked.to_params():
        return await home_page(request, await with_towns(request, reading_of(request)))
    town = town_of(request)
    reading = with_view(await with_towns(request, reading_of(request)), view=view or LIST)
    kinds = words.KINDS_DATED if reading.view == AGENDA else words.KINDS_SHOWN
    shown = asked if asked.kinds else replace(asked, kinds=kinds)
    frame, paged = await _in_view(town, reading, asked, shown)
    answer, facets = await town.index.page(paged)
    agglomeration = town.web_settings.agglomeration_address
    first = asked.without_page()
    is_by_year = reading.view == TIMELINE and paged.order == "date"
    level = "h4" if is_by_year else "h3"
    cards = answer.items if reading.view in (AGENDA, MAP) else drawn_cards(request, reading, answer.items, level)
    values = {
        "query": asked,
        "view": reading.view,
        "views": view_links(reading, asked),
        "hidden": [pair for pair in page_params(replace(first, text=""), reading.view) if pair != ("vue", LIST)],
        "cards": cards,
        "years": by_year(reading, answer.items, cards) if is_by_year else (),
        "total": _total(reading, asked, answer.total, facets.total),
        "bounded": answer.bounded,
        "folded": answer.folded,
        "sorts": sorts(reading, asked),
        "spans": spans(reading, asked),
        "scopes": await scopes(request, reading, asked),
        "chosen": chosen(reading, asked, facets),
        "groups": groups(reading, asked, facets),
        "next": page_link(reading, replace(paged, limit=asked.limit, cursor=answer.cursor)) if answer.cursor else None,
        "first": page_link(reading, first) if asked.cursor else None,
        "fresh": await drawn_freshness(request, reading, answer, asked.territories),
        "wider": wider(reading, asked),
        "searched": len({each.territory for each in answer.coverage}),
        "elsewhere": f"{agglomeration}/?{encoded(page_params(first, reading.view))}" if agglomeration else None,
        "json": f"/api/v1/search?{encoded(shown.to_params())}",
        "take": take_search(reading, asked),
        **await _drawn(town, reading, asked, paged, frame, answer, facets),
    }
    return answer_page(request, "search.html", values)


async def _in_view(town: Town, reading: Reading, asked: Query, shown: Query) -> tuple[Frame | None, Query]:
    """The page of the answer that a view needs: a map has more on it than a list, and only what lies in its frame."""
    if reading.view == MAP:
        return await framed(town, asked, shown)
    by_date = reading.view == TIMELINE and not shown.text
    return None, replace(shown, sort=shown.sort or "date") if by_date else shown


async def _drawn(
    town: Town, reading: Reading, asked: Query, paged: Query, frame: Frame | None, answer: Answer, facets: Facets
) -> dict[str, object]:
    """What only one of the views shows."""
    if reading.view == AGENDA:
        return {"agenda": await agenda(town, reading, asked)}
    shown = paged.without_page()
    if frame is not None:
        undated = replace(shown, at=None, since=None, until=None)
        counted = facets if undated == shown else await town.index.facets(undated)
        beside = await unseen(town, reading, asked, shown, facets.total)
        return {"map": await drawn_map(town, reading, asked, frame, answer, facets, counted, beside)}
    if reading.view == TIMELINE:
        return {"timeline": timeline(reading, asked, await town.index.facets(replace(shown, since=None, until=None)))}
    return {}


def _total(reading: Reading, asked: Query, found: Total, counted: Total) -> str:
    """How many match: as they were found, or else as they were counted by value, which is an estimate where they are
    many; but of words, of which then only the newest were counted."""
    count = reading.messages.count
    if found.exact or counted.exact:
        return count("search.count", found.count if found.exact else counted.count)
    if asked.text:
        return count("search.count_at_least", max(found.count, counted.count))
    return count("search.count_about", about(counted.count))
