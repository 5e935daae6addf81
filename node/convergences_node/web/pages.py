# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a page is drawn: templates that escape everything, sentences from the catalogues, no script, no other host.

What every page shows (the town's name, the languages, the styles) is prepared here once; a page's own file gathers
what it shows in a frozen dataclass, and its template only lays that out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from aiohttp import web

from convergences_node.web import dates
from convergences_node.web.api_map import OUTLINES, KeptOutlines
from convergences_node.web.arriving import keeps_pages
from convergences_node.web.asking import ROUTE, messages_of, town_of
from convergences_node.web.cards import Reading
from convergences_node.web.element_place import PICTURES, Pictures
from convergences_node.web.filters import encoded
from convergences_node.web.home_map import HOME_MAP, KeptHomeMap
from convergences_node.web.kept_pages import DRAWN, HTML_TYPE, KEPT, KeptPages, answer_drawn
from convergences_node.web.kept_parts import PARTS, KeptParts
from convergences_node.web.media_shown import files_here
from convergences_node.web.messages import LANGUAGES, catalogue
from convergences_node.web.problems import PROBLEMS, Problem, ProblemDocument, draw
from convergences_node.web.sharing import shared
from convergences_node.web.source_titles import source_title
from convergences_node.web.templating import parts, templates
from convergences_node.web.waiting import wait_of

READING: web.RequestKey[Reading] = web.RequestKey("reading")
COMES_BACK = {"starting": 5, "too-busy": 5, "too-slow": 15}
"""Seconds after which a page that is not there yet asks again by itself. A header, and no element of the page: whoever
reads with a screen reader is not interrupted by a page that announces it."""


def prepare(app: web.Application) -> None:
    """Give the application the memories of what was drawn."""
    app[KEPT] = KeptPages()
    app[PARTS] = KeptParts(lambda language, *shown: parts(language).card(*shown))  # type: ignore[attr-defined] # a macro
    app[PICTURES] = Pictures()
    app[OUTLINES] = KeptOutlines()
    app[HOME_MAP] = KeptHomeMap()


def reading_of(request: web.Request) -> Reading:
    """Who reads this page, and how: the same for its handler as for what every page shows."""
    if READING not in request:
        request[READING] = _reading_of(request)
    return request[READING]


def _reading_of(request: web.Request) -> Reading:
    town = town_of(request)
    settings = town.web_settings
    asked = request.query.get("lang")
    zone = dates.zone(settings.timezone, "Europe/Paris")
    return Reading(
        messages=messages_of(request),
        zone=zone,
        now=town.now(),
        record_language=settings.language,
        language_asked=asked if asked in LANGUAGES else None,
        is_here=files_here(town),
        source_title=partial(source_title, settings.source_titles),
        year=dates.year_of(town.now(), zone),
    )


def fill(request: web.Request, template: str, values: Mapping[str, object]) -> bytes:
    """A template's bytes, with what every page is given and these values."""
    reading = reading_of(request)
    messages = reading.messages
    return (
        templates(messages.language)
        .get_template(template)
        .render(
            t=messages.text,
            count=messages.count,
            language=messages.language,
            languages=languages_of(request, messages.language),
            town=town_of(request).web_settings,
            reading=reading,
            away=keeps_pages(request),
            **values,
        )
        .encode()
    )


def draw_page(request: web.Request, template: str, values: Mapping[str, object]) -> bytes:
    """The bytes of a page for everybody."""
    told = None if "problem" in values else shared(request, messages_of(request).language)
    return fill(request, template, {"shared": told, **values})


def answer_page(request: web.Request, template: str, values: Mapping[str, object]) -> web.Response:
    """A page as an answer, or 304 if the browser holds it already."""
    body = request[DRAWN] = draw_page(request, template, values)
    return answer_drawn(request, body)


def problem_page(request: web.Request, document: ProblemDocument, headers: Mapping[str, str]) -> web.Response:
    """A problem, for a person."""
    route = request.get(ROUTE)
    framed = route is not None and route.framed
    values = {
        "problem": document,
        "comes_back": document.code in COMES_BACK,
        "wait": wait_of(town_of(request), messages_of(request)) if document.code == "starting" else None,
        "heading": document.title,
        "page_href": None,
        "look": None,
        "fresh": None,
    }
    body = draw_page(request, "frame_problem.html" if framed else "problem.html", values)
    if document.code in COMES_BACK:
        headers = {**headers, "Refresh": str(_comes_back(document.code, headers))}
    own = {"Content-Type": HTML_TYPE, "Content-Language": messages_of(request).language, "Cache-Control": "no-store"}
    return web.Response(status=document.status, body=body, headers={**own, **headers})


def _comes_back(code: str, headers: Mapping[str, str]) -> int:
    """Seconds after which the page asks again: while it shows how far something is, sooner if that is done sooner."""
    return min(COMES_BACK[code], int(headers["Retry-After"])) if code == "starting" else COMES_BACK[code]


def languages_of(request: web.Request, chosen: str) -> list[tuple[str, str, str, bool]]:
    """Code, name in that language, address of this same page in it, and whether it is the one shown."""
    pairs = [(name, value) for name, value in request.query.items() if name != "lang"]
    return [
        (
            code,
            catalogue(code).text(f"language.{code}"),
            f"{request.path}?{encoded([*pairs, ('lang', code)])}",
            code == chosen,
        )
        for code in LANGUAGES
    ]


async def problem_show(request: web.Request) -> web.Response:
    """What a problem's `type` leads to: the problem, explained to a person."""
    key = request.match_info["key"]
    if key not in PROBLEMS:
        raise Problem("not-found")
    messages = messages_of(request)
    # A detail may have places to fill; the page says the general case.
    problem = Problem(key, limit="…", reason="…", element="…", origin="…", towns="…")
    values = {"problem": draw(problem, messages, request.path), "comes_back": False, "wait": None}
    return answer_page(request, "problem.html", values)
