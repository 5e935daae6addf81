# SPDX-License-Identifier: AGPL-3.0-or-later
"""How to put this elsewhere: the line to copy into another site, made from a form and shown as it will look.

The line is a link and a script: the link is what readers have while the node is away, the script puts a frame in its
place that is as tall as what is in it. Where a site takes no script, a frame of one height is given too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources

from aiohttp import web
from convergences_protocol.element import ElementId

from convergences_node.index.query import Query
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.cards import Reading
from convergences_node.web.colours import Colour, read_colour
from convergences_node.web.etag import conditional
from convergences_node.web.exporting import base_of
from convergences_node.web.filters import AGENDA, Choice, page_link, page_params
from convergences_node.web.look import Look, look_of
from convergences_node.web.page_frame import frame_of_element, frame_of_search, title_of
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.parameters import ACCENT, GROUND, INK, OWN_COLOURS, SIZE_LEAST, SIZE_MOST
from convergences_node.web.parameters import FRAME_VIEWS as VIEWS
from convergences_node.web.problems import Problem
from convergences_node.web.security import CONTENT_SECURITY_POLICY

CACHE_SCRIPT = "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=604800"
"""The line stays in other sites for years: what it does can be mended within the hour, and while the node is away a
browser goes on with what it has."""
HEIGHT = 600
COLOURS = (
    (GROUND, Colour(253, 252, 250), "embed.fond"),
    (INK, Colour(29, 28, 26), "embed.encre"),
    (ACCENT, Colour(11, 88, 100), "embed.accent"),
)
"""What the form offers to change: the light palette of these pages."""
FONTS = (("serif", "embed.font.serif"), ("sans", "embed.font.sans"), ("mono", "embed.font.mono"))
# The page shows a frame of its own, and frames nothing else.
_POLICY = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"


@dataclass(frozen=True, slots=True)
class Line:
    """What is copied, and what it shows."""

    title: str
    page: str
    """The page that shows the same, as an address of ours."""
    frame: str
    """The frame, as an address of ours."""

    def script(self, base: str) -> str:
        """The line to copy: a link for when the node is away, and a script that takes its place."""
        return (
            f'<a href="{escape(base + self.page)}">{escape(self.title)}</a>'
            f'<script src="{escape(base)}/integrer.js" async data-cadre="{escape(self.frame)}"></script>'
        )

    def iframe(self, base: str) -> str:
        """The same without any script, of one height."""
        return (
            f'<iframe src="{escape(base + self.frame)}" title="{escape(self.title)}" width="100%" height="{HEIGHT}"'
            ' frameborder="0" loading="lazy" referrerpolicy="no-referrer"></iframe>'
        )


def _own_colours(request: web.Request) -> bool:
    """Whether the colours that are given are those of the frame. Raises `query-refused` for another word."""
    asked = request.query.get("couleurs", "").strip()
    if asked not in ("", OWN_COLOURS):
        raise Problem("query-refused", faults=[("couleurs", "not_a_view", {"known": OWN_COLOURS})])
    return asked == OWN_COLOURS


async def embed_page(request: web.Request) -> web.Response:
    """The line that puts a search or an element into another site, to copy, with how it will look."""
    asked, reading = question_of(request), reading_of(request)
    look = look_of(request.query)
    shown_look = look if _own_colours(request) else Look(font=look.font, size=look.size)
    element = request.query.get("fiche", "").strip()
    view = request.query.get("vue", "").strip() or AGENDA
    view = view if view in VIEWS else VIEWS[0]
    line = await _element_line(request, reading, element, shown_look) if element else None
    if line is None:
        line = _search_line(request, reading, asked, view, shown_look)
    base = base_of(request)
    values: dict[str, object] = {
        "line": line,
        "script": line.script(base),
        "iframe": line.iframe(base),
        "views": () if element else _views(reading, view),
        "hidden": [("fiche", element)] if element else page_params(asked.without_page(), ""),
        "own_colours": shown_look is look,
        "colours": [
            (name, str(read_colour(request.query.get(name, "")) or default), reading.messages.text(label))
            for name, default, label in COLOURS
        ],
        "fonts": [(name, reading.messages.text(label)) for name, label in FONTS],
        "look": look,
        "sizes": (SIZE_LEAST, SIZE_MOST),
        "height": HEIGHT,
    }
    response = answer_page(request, "embed.html", values)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


async def _element_line(request: web.Request, reading: Reading, element: str, look: Look) -> Line:
    try:
        view = await town_of(request).index.element(str(ElementId.parse(element)))
    except ValueError:
        view = None
    if view is None:
        raise Problem("element-unknown", element=element[:60])
    title = view.item.name or reading.messages.text("element.untitled")
    frame = frame_of_element(element, look, reading.language_asked)
    return Line(_titled(request, reading, title), reading.element(element), frame)


def _search_line(request: web.Request, reading: Reading, asked: Query, view: str, look: Look) -> Line:
    title = title_of(reading, asked, view)
    frame = frame_of_search(asked, view, look, reading.language_asked)
    return Line(_titled(request, reading, title), page_link(reading, asked.without_page(), view), frame)


def _titled(request: web.Request, reading: Reading, title: str) -> str:
    return reading.messages.text("site.title", page=title, town=town_of(request).web_settings.name)


def _views(reading: Reading, view: str) -> tuple[Choice, ...]:
    return tuple(Choice(reading.messages.text(f"view.{each}"), each, each == view) for each in VIEWS)


async def script_show(request: web.Request) -> web.Response:
    """The script of the line to copy: small, written by hand, served as it is under a name that never changes."""
    return conditional(request, _script(), "text/javascript; charset=utf-8", cache=CACHE_SCRIPT)


@cache
def _script() -> bytes:
    return resources.files(__package__).joinpath("static", "integrer.js").read_bytes()
