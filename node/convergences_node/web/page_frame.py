# SPDX-License-Identifier: AGPL-3.0-or-later
"""What other sites show in a frame: any question as list, agenda or map, and any element, in the colours of that site.

These are the only pages that another site may frame. They set no cookie, load nothing from elsewhere, and ask nothing
of their reader; every link that leads on opens beside the site that the reader is on. A small script says how tall the
page is to whoever is around (`static/integrer.js` listens); without it the frame scrolls, and a map does not move.
"""

from __future__ import annotations

from dataclasses import replace as with_view
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.web import words
from convergences_node.web.absent import absent
from convergences_node.web.agenda import agenda
from convergences_node.web.asking import element_of, question_of, town_of
from convergences_node.web.cards import Reading, card
from convergences_node.web.drawn_map import drawn_map
from convergences_node.web.filters import AGENDA, LIST, MAP, page_link, page_params, today
from convergences_node.web.freshness import freshness
from convergences_node.web.kept_parts import drawn_cards, with_towns
from convergences_node.web.look import Look, look_of
from convergences_node.web.map_question import framed, unseen
from convergences_node.web.media_shown import media_shown
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.parameters import FRAME_VIEWS as VIEWS
from convergences_node.web.place_names import territory_names
from convergences_node.web.problems import Problem
from convergences_node.web.publications import lines

AGENDA_DAYS = 14
"""Of an agenda without dates: from today on, whatever day of the week it is."""
PUBLICATIONS_MAX = 5


async def search_frame(request: web.Request) -> web.Response:
    """Any question in a frame of another site, as list, agenda or map."""
    asked, look, town = question_of(request), look_of(request.query), town_of(request)
    reading = with_view(await with_towns(request, reading_of(request)), view=view_of(request))
    coverage = await town.index.coverage()
    names = await territory_names(town, [each.territory for each in coverage])
    values: dict[str, object] = {
        "heading": title_of(reading, asked, reading.view),
        "page_href": page_link(reading, asked.without_page()),
        "look": look,
        "view": reading.view,
        "fresh": freshness(reading, coverage, names, town.charter()),
        **await _answer(request, reading, asked, look),
    }
    return answer_page(request, "frame_search.html", values)


async def _answer(request: web.Request, reading: Reading, asked: Query, look: Look) -> dict[str, object]:
    """What the view shows, and how to read on inside the frame."""
    town = town_of(request)
    shown = asked if asked.kinds else replace(asked, kinds=words.KINDS_SHOWN)
    if reading.view == AGENDA:
        found = await agenda(town, reading, _from_today(reading, asked))
        moves = [(label, in_frame(href, look), rel) for label, href, rel in found.moves]
        return {"agenda": found, "moves": moves, "days": [day for day in found.days if day.lines]}
    if reading.view == MAP:
        frame, on_map = await framed(town, asked, shown)
        answer, facets = await town.index.page(on_map)
        beside = await unseen(town, reading, asked, shown, facets.total)
        return {"map": await drawn_map(town, reading, asked, frame, answer, facets, facets, beside, follows=False)}
    answer = await town.index.search(shown)
    further = page_link(reading, replace(asked, cursor=answer.cursor)) if answer.cursor else ""
    return {
        "cards": drawn_cards(request, reading, answer.items, "h2"),
        "next": in_frame(further, look) if further else None,
    }


def _from_today(reading: Reading, asked: Query) -> Query:
    if asked.since or asked.until:
        return asked
    first = today(reading)
    last = first + timedelta(days=AGENDA_DAYS - 1)
    return replace(asked, since=first.isoformat(), until=last.isoformat())


async def element_frame(request: web.Request) -> web.Response:
    """An element in a frame of another site: what it is, when, where, and what is published on it."""
    town, reading, element = town_of(request), reading_of(request), element_of(request)
    look = look_of(request.query)
    view = await town.index.element(str(element))
    if view is None:
        raise await absent(town, str(element))
    published = await town.index.published(str(element), PUBLICATIONS_MAX)
    codes = [element.territory, *(each.item.territory for each in published.publications)]
    names = await territory_names(town, codes)
    shown = card(reading, view.item)
    media = await media_shown(town, reading, view.item.kind, view.fields)
    return answer_page(
        request,
        "frame_element.html",
        {
            "heading": shown.title,
            "page_href": shown.href,
            "look": look,
            "fresh": None,
            "it": shown,
            "pictures": [each for each in (media.banner, *media.pictures) if each is not None and each.here][:1],
            "published": lines(reading, published.publications, names),
        },
    )


def view_of(request: web.Request) -> str:
    """The view that a frame's address names."""
    view = request.query.get("vue", "").strip() or LIST
    if view not in VIEWS:
        raise Problem("query-refused", faults=[("vue", "not_a_view", {"known": ", ".join(VIEWS)})])
    return view


def title_of(reading: Reading, asked: Query, view: str) -> str:
    """A question's name, for a heading and for a link to it."""
    if asked.text:
        return reading.messages.text("search.title_text", text=asked.text)
    return reading.messages.text(f"view.{view}")


def in_frame(href: str, look: Look) -> str:
    """The same question read on inside the frame, in its colours."""
    return "&".join(part for part in (href.replace("/?", "/cadre?", 1), urlencode(look.params())) if part)


def frame_of_search(asked: Query, view: str, look: Look, language: str | None = None) -> str:
    """Where a question's frame is."""
    return _frame("/cadre", page_params(asked.without_page(), view), look, language)


def frame_of_element(element: str, look: Look, language: str | None = None) -> str:
    """Where an element's frame is."""
    return _frame(f"/cadre/e/{element}", [], look, language)


def _frame(path: str, params: list[tuple[str, str]], look: Look, language: str | None) -> str:
    pairs = [*params, *look.params(), *([("lang", language)] if language else [])]
    return f"{path}?{urlencode(pairs)}" if pairs else path
