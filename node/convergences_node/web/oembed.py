# SPDX-License-Identifier: AGPL-3.0-or-later
"""oEmbed (oembed.com, version 1.0): an editor that is given the link of a page asks here what to show in its place.

Answers for every page that can be embedded, and for no address of another host: nobody is made to frame a stranger.
"""

from __future__ import annotations

from html import escape

import msgspec
from aiohttp import web
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Refused
from yarl import URL

from convergences_node.index.query import Query
from convergences_node.web.asking import PAGE_PARAMETERS, answer_json, town_of
from convergences_node.web.exporting import base_of
from convergences_node.web.filters import LIST
from convergences_node.web.look import Look
from convergences_node.web.page_frame import frame_of_element, frame_of_search, title_of
from convergences_node.web.pages import reading_of
from convergences_node.web.parameters import FRAME_VIEWS as VIEWS
from convergences_node.web.parameters import PIXELS_LEAST, PIXELS_MOST, URL_CHARACTERS_MAX
from convergences_node.web.problems import Problem

WIDTH, HEIGHT_SEARCH, HEIGHT_ELEMENT = 640, 600, 320
"""A frame that nobody told otherwise: it scrolls, for an editor lets no script tell its height."""
CACHE_SECONDS = 86_400
_ELEMENT = "/e/"


class OEmbed(msgspec.Struct, frozen=True):
    """What stands for a page elsewhere (oEmbed 1.0, section 2.3.4.4)."""

    title: str
    html: str
    """A frame, to be put where the link was."""
    width: int
    height: int
    provider_name: str
    provider_url: str
    version: str = "1.0"
    type: str = "rich"
    cache_age: int = CACHE_SECONDS


async def oembed_show(request: web.Request) -> web.Response:
    """What to show in place of a link to one of these pages: oEmbed 1.0, in JSON."""
    if request.query.get("format", "json") not in ("", "json"):
        raise Problem("format-refused")
    most = {name: _size(request, name) for name in ("maxwidth", "maxheight")}
    title, path, height = await _meant(request, request.query.get("url", ""))
    width, height = min(WIDTH, most["maxwidth"]), min(height, most["maxheight"])
    base, name = base_of(request), town_of(request).web_settings.name
    titled = reading_of(request).messages.text("site.title", page=title, town=name)
    frame = (
        f'<iframe src="{escape(base + path)}" width="{width}" height="{height}" title="{escape(titled)}"'
        ' frameborder="0" loading="lazy" referrerpolicy="no-referrer"></iframe>'
    )
    return answer_json(request, OEmbed(titled, frame, width, height, name, base))


def _size(request: web.Request, name: str) -> int:
    text = request.query.get(name, "").strip()
    if not text:
        return PIXELS_MOST
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and PIXELS_LEAST <= int(text) <= PIXELS_MOST):
        raise Problem("query-refused", faults=[(name, "not_between", {"least": PIXELS_LEAST, "most": PIXELS_MOST})])
    return int(text)


async def _meant(request: web.Request, text: str) -> tuple[str, str, int]:
    """Title, frame and height of the page at an address of ours; a Problem for any other address."""
    url = _ours(request, text)
    language = url.query.get("lang")
    if url.path.startswith(_ELEMENT):
        element = url.path.removeprefix(_ELEMENT)
        try:
            view = await town_of(request).index.element(str(ElementId.parse(element)))
        except ValueError:
            view = None
        if view is None:
            raise Problem("embed-unknown")
        return view.item.name, frame_of_element(element, Look(), language), HEIGHT_ELEMENT
    if url.path != "/":
        raise Problem("embed-unknown")
    return _search(request, url, language)


def _search(request: web.Request, url: URL, language: str | None) -> tuple[str, str, int]:
    params = {name: url.query.getall(name) for name in url.query if name not in PAGE_PARAMETERS}
    try:
        asked = Query.from_params(params).without_page()
    except Refused:
        raise Problem("embed-unknown") from None
    view = url.query.get("vue", LIST)
    view = view if view in VIEWS else LIST
    return title_of(reading_of(request), asked, view), frame_of_search(asked, view, Look(), language), HEIGHT_SEARCH


def _ours(request: web.Request, text: str) -> URL:
    """The address, if it is one of this node's: the public one, or the one that was come by."""
    try:
        url = URL(text[: URL_CHARACTERS_MAX + 1])
        hosts = {URL(base_of(request)).authority, request.host}
        if len(text) > URL_CHARACTERS_MAX or url.scheme not in ("http", "https") or url.authority not in hosts:
            raise Problem("embed-unknown")
    except ValueError:
        raise Problem("embed-unknown") from None
    return url
