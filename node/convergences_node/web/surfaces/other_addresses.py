# SPDX-License-Identifier: AGPL-3.0-or-later
"""Calendars and feeds at the addresses that people guess: `/calendar.ics`, `/feed.atom`, a town's by its INSEE code.

Each is another name of what is at `/search.ics`, `/search.atom` or behind an element, with the same links inside: a
reader that follows one of these and then its next pages goes on with the others.
"""

from __future__ import annotations

from aiohttp import web
from convergences_protocol.codes import is_territory
from yarl import URL

from convergences_node.web.problems import Problem
from convergences_node.web.route import Parameter
from convergences_node.web.take_calendar import element_calendar, search_calendar
from convergences_node.web.take_feed import element_feed, search_feed

TOWN = Parameter(
    "code",
    "A territory's code, or a town's INSEE code alone.",
    {"type": "string", "pattern": "^(?:FR-)?[0-9][0-9AB][0-9]{0,7}$"},
    example="93066",
)


async def calendar_all(request: web.Request) -> web.StreamResponse:
    """What happens, as iCalendar: another name of `/search.ics`."""
    return await search_calendar(_as(request, "/search.ics"))


async def feed_all(request: web.Request) -> web.Response:
    """What is new, as an Atom feed: another name of `/search.atom`."""
    return await search_feed(_as(request, "/search.atom"))


async def calendar_town(request: web.Request) -> web.StreamResponse:
    """What happens in a town, as iCalendar."""
    return await search_calendar(_as(request, "/search.ics", territory=_territory(request)))


async def feed_town(request: web.Request) -> web.Response:
    """What is new in a town, as an Atom feed."""
    return await search_feed(_as(request, "/search.atom", territory=_territory(request)))


async def calendar_resource(request: web.Request) -> web.StreamResponse:
    """What happens under a theme, or by an actor, at a place, as iCalendar."""
    return await element_calendar(_as(request, f"/e/{request.match_info['id']}.ics"))


async def feed_resource(request: web.Request) -> web.Response:
    """What is new under a theme, or about an actor, as an Atom feed."""
    return await element_feed(_as(request, f"/e/{request.match_info['id']}.atom"))


def _territory(request: web.Request) -> str:
    code = f"FR-{request.match_info['code'].removeprefix('FR-')}"
    if not is_territory(code):
        raise Problem("not-found")
    return code


def _as(request: web.Request, path: str, **query: str) -> web.Request:
    """The same request at the address that the answer calls itself by."""
    return request.clone(rel_url=URL.build(path=path, query={**request.query, **query}))
