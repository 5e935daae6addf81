# SPDX-License-Identifier: AGPL-3.0-or-later
"""An actor's own space, in its own colours: who it is, what it does next, with whom, where, and what is said of it.

The address is its name (`slugs.py`) and follows it: an old one leads to the new one for good. The colours are those of
the actor's record, moved until everything can be read (`colours.py`), never refused; they come in a stylesheet of their
own, so that the page itself carries no style. An actor without colours has those of the town.
"""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from convergences_node.index.published import KINDS_PUBLISHED
from convergences_node.index.query import Query
from convergences_node.index.views import ElementView, Item
from convergences_node.web import dates, markdown, words
from convergences_node.web.agenda import day_of, line
from convergences_node.web.asking import town_of
from convergences_node.web.cards import Reading, shorten
from convergences_node.web.colours import BLACK, MARK, TEXT, WHITE, Colour, corrected, mixed, read_colour
from convergences_node.web.element_facts import facts, territories_named
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.filters import today
from convergences_node.web.happenings import DAYS_MAX, days, happenings
from convergences_node.web.look import Look, sheet_of
from convergences_node.web.media_shown import media_shown
from convergences_node.web.monogram import band, monogram
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.problems import Problem
from convergences_node.web.publications import SHOWN_MAX, lines
from convergences_node.web.route import HTML
from convergences_node.web.shelves import kind_shelves
from convergences_node.web.slugs import SLUG_CHARS_MAX, read_slug, slug_of, space_path
from convergences_node.web.taking import take_search
from convergences_node.web.town_door import Town

DAYS_SHOWN_MAX = 10
"""Days with something on them; all of them are in its agenda."""
INK = Colour(29, 28, 26)
"""Of the light palette, for what is written on a light colour."""
PALE = 0.35
"""How far towards white or black the second colour is from the first, where only one was chosen."""


async def space_page(request: web.Request) -> web.StreamResponse:
    """An actor's own space, in its own colours."""
    town, reading = town_of(request), reading_of(request)
    item = await _found(town, request.match_info["slug"])
    if (moved := _moved(request, item)) is not None:
        return moved
    view = await town.index.element(item.id)
    if view is None:
        raise Problem("element-unknown", element=item.id)
    published = await town.index.published(item.id, SHOWN_MAX)
    codes = [item.territory, *territories_named(view), *(each.item.territory for each in published.publications)]
    names = await territory_names(town, codes)
    related = Query(related=item.id)
    media = await media_shown(town, reading, item.kind, view.fields)
    return answer_page(
        request,
        "space.html",
        {
            **_shown(reading, view),
            "media": media,
            **await _dated(town, reading, related),
            "facts": facts(reading, view, names),
            "shelves": await kind_shelves(
                town, reading, [kind for kind in words.KINDS_SHOWN if kind not in KINDS_PUBLISHED], related
            ),
            "published": lines(reading, published.publications, names),
            "take": take_search(reading, related),
        },
    )


async def space_sheet(request: web.Request) -> web.Response:
    """The colours of an actor's space, as a stylesheet."""
    town = town_of(request)
    item = await _found(town, request.match_info["slug"])
    view = await town.index.element(item.id)
    chosen = colours_of(view) if view else ()
    body = sheet(chosen).encode() if chosen else b""
    return conditional(request, body, "text/css; charset=utf-8", cache=CACHE_ASK)


async def _found(town: Town, slug: str) -> Item:
    """The actor that an address means: the one born then, else the oldest of that name."""
    if len(slug) <= SLUG_CHARS_MAX:
        read = read_slug(slug)
        born = await town.index.born(words.KINDS_ACTING, read.birth) if read.birth is not None else []
        same = [item for item in born if slug_of(item.name, item.id) == slug]
        for item in (*same, *born, *await town.index.named(words.KINDS_ACTING, read.words)):
            return item
    raise Problem("not-found")


def _moved(request: web.Request, item: Item) -> web.Response | None:
    """The way to the address of today, if another one was asked for. A name alone may be another's tomorrow."""
    asked = request.match_info["slug"]
    if asked == slug_of(item.name, item.id):
        return None
    lasting = read_slug(asked).birth is not None
    query = f"?{request.query_string}" if request.query_string else ""
    where = {"Location": f"{space_path(item.name, item.id)}{query}", "Cache-Control": CACHE_ASK}
    return web.Response(status=308 if lasting else 307, headers=where, content_type=HTML)


def _shown(reading: Reading, view: ElementView) -> dict[str, object]:
    fields, item, messages = view.fields, view.item, reading.messages
    chosen = colours_of(view)
    title = item.name or messages.text("element.untitled")
    return {
        "title": title,
        "lang": reading.lang(fields.get("language")),
        "kind": item.kind,
        "type_label": words.term_label(messages, item.kind, "type", item.type) if item.type else "",
        "where": words.place_line(fields),
        "summary": fields.get("summary", ""),
        "description": shorten(str(fields.get("summary") or "")),
        "texts": [markdown.render(fields[name]) for name in words.long_texts(item.kind) if fields.get(name)],
        "website": markdown.safe_link(str(fields.get("website", ""))),
        "monogram": monogram(title),
        "band": band(item.id),
        "sheet": f"{space_path(item.name, item.id)}.css" if chosen else "",
        "record_href": reading.element(item.id),
    }


async def _dated(town: Town, reading: Reading, related: Query) -> dict[str, object]:
    """What it has ahead."""
    first = today(reading)
    last = first + timedelta(days=DAYS_MAX - 1)
    found = await happenings(town, reading, related, first, last)
    shown = [made for day in days(first, last) if (made := day_of(reading, day, found)).lines]
    return {
        "days": shown[:DAYS_SHOWN_MAX],
        "lasting": [line(reading, each, None) for each in found.lasting],
        "until": dates.day_in_words(reading.messages, last.isoformat(), reading.zone),
    }


def colours_of(view: ElementView) -> tuple[Colour, ...]:
    """The colours of a record: the main one first."""
    given = view.fields.get("colours", ())
    return tuple(colour for each in given if (colour := read_colour(str(each))) is not None)


def sheet(chosen: tuple[Colour, ...]) -> str:
    """The stylesheet: the accents of the whole page in its colour, and a head that is drawn on it."""
    main = chosen[0]
    second = chosen[1] if len(chosen) > 1 else mixed(main, WHITE if main.is_dark else BLACK, PALE)
    head = {
        "banner": main,
        "on-banner": corrected(WHITE if main.is_dark else INK, main, TEXT),
        "banner-mark": corrected(second, main, MARK),
    }
    rules = " ".join(f"--{name}: {colour};" for name, colour in head.items())
    return f"{sheet_of(Look(accent=main))}:root {{ {rules} }}\n"
