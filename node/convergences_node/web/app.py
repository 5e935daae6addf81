# SPDX-License-Identifier: AGPL-3.0-or-later
"""The entrance of the web: one aiohttp application over one town.

Around every handler stand, from outside in: measuring, headers, the bound on each client's pace, the bound on work
under way, the bound on time, and the drawing of problems as documents (for programs) or pages (for people). A handler
itself only asks, calls, and answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from convergences_node.linked.workers import Workers
from convergences_node.web import health, pages
from convergences_node.web.api_description import DESCRIPTION, encode_description
from convergences_node.web.asking import ROUTE, TOWN, check_query, known_parameters, messages_of, town_of
from convergences_node.web.guarding import answered, keep_pace
from convergences_node.web.kept_pages import keeping
from convergences_node.web.listening import make_runner
from convergences_node.web.openapi import describe
from convergences_node.web.operator.routes import add_operator
from convergences_node.web.preflight import preflight
from convergences_node.web.problems import Problem, answer_document, draw
from convergences_node.web.route import HTML, Handler, Route
from convergences_node.web.routes import ROUTES
from convergences_node.web.security import TokenBuckets, protect
from convergences_node.web.surfaces.negotiating import wants_linked
from convergences_node.web.surfaces.sparql import WORKERS
from convergences_node.web.surfaces.whole_lists import LISTS, WholeLists
from convergences_node.web.town_door import Town
from convergences_node.web.waiting import starting

if TYPE_CHECKING:
    from convergences_node.operating import Operating
    from convergences_node.relay.relay import Relay

__all__ = ["make_app", "make_runner"]

# The only body we read is the answer to an invitation, about a kilobyte.
BODY_BYTES_MAX = 16 * 1024
# Reader threads are few; what waits behind them would be answered too late to matter.
ANSWERS_AT_ONCE_MAX = 64

BUCKETS: web.AppKey[TokenBuckets] = web.AppKey("buckets")
UNDER_WAY: web.AppKey[set[asyncio.Task[object] | None]] = web.AppKey("under_way")


def make_app(
    town: Town,
    clock: Callable[[], float] = time.monotonic,
    *,
    operating: Operating | None = None,
    relay: Relay | None = None,
) -> web.Application:
    """The application that shows this town; `clock` measures the pace of clients, and nothing else.

    With `operating`, its operator's pages too, which are no part of the table of routes: they are for one person. With
    `relay`, what the fediverse asks, which others have specified.
    """
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_around])
    settings = town.web_settings
    app[TOWN] = town
    app[BUCKETS] = TokenBuckets(settings.requests_per_second, settings.requests_burst, clock)
    app[UNDER_WAY] = set()
    app[DESCRIPTION] = encode_description(describe(ROUTES))
    app[health.METRICS] = health.Metrics()
    app[LISTS] = WholeLists()
    app[WORKERS] = Workers()
    app.on_cleanup.append(_end_workers)
    pages.prepare(app)
    for route in ROUTES:
        _add(app, route)
    if operating is not None:
        add_operator(app, operating, clock)
    if relay is not None:
        from convergences_node.web.relay.routes import add_relay

        add_relay(app, relay, clock)
    return app


async def _end_workers(app: web.Application) -> None:
    await app[WORKERS].close()


def _add(app: web.Application, route: Route) -> None:
    known = known_parameters(route)
    answer = keeping(route.handler) if route.media == HTML else route.handler
    if route.linked is not None:
        answer = _either(answer, route.linked)

    async def handler(request: web.Request) -> web.StreamResponse:
        request[ROUTE] = route
        check_query(request, known, route.characters_max)
        if route.whole and not town_of(request).status().ready:
            raise starting(town_of(request))
        async with asyncio.timeout(route.seconds_max):
            return await answer(request)

    if route.method == "GET":
        app.router.add_get(route.aiohttp_path(), handler, name=route.name)
    else:
        app.router.add_route(route.method, route.aiohttp_path(), handler, name=route.name)
    if route.method == "GET" and (route.open_data or route.linked is not None):
        posts = any(each.path == route.path and each.method == "POST" for each in ROUTES)
        app.router.add_route("OPTIONS", route.aiohttp_path(), preflight(posts=posts))


def _either(page: Handler, linked: Handler) -> Handler:
    """The page for people, and linked data for whoever asks for that: one address for one thing."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = await (linked if wants_linked(request) else page)(request)
        if not response.prepared:
            vary = [name.strip() for name in response.headers.get("Vary", "").split(",") if name]
            response.headers["Vary"] = ", ".join(dict.fromkeys([*vary, "Accept"]))
        return response

    return handler


@web.middleware
async def _around(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = time.perf_counter()
    try:
        response = await _bounded(request, handler)
    except Problem as problem:
        if request.writer.output_size > 0:
            # An answer was begun: cutting the connection is the only way left to say that it is not whole.
            raise ConnectionResetError(f"the answer to {request.path} was cut: {problem.key}") from None
        response = _draw(request, problem)
    route = request.get(ROUTE)
    if not response.prepared:
        protect(
            response,
            open_data=route is not None and (route.open_data or is_linked(request, route)),
            framed=route is not None and route.framed,
        )
    name = route.name if route else "none"
    request.app[health.METRICS].answered(name, response.status, time.perf_counter() - started)
    return response


async def _bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, or a Problem for every way in which there is none."""
    keep_pace(request, request.app[BUCKETS], town_of(request).web_settings.proxies_trusted)
    under_way = request.app[UNDER_WAY]
    if len(under_way) >= ANSWERS_AT_ONCE_MAX:
        raise Problem("too-busy", headers={"Retry-After": "1"})
    task = asyncio.current_task()
    under_way.add(task)
    try:
        return await answered(handler, request)
    finally:
        under_way.discard(task)


def _draw(request: web.Request, problem: Problem) -> web.StreamResponse:
    messages = messages_of(request)
    document = draw(problem, messages, request.path)
    if wants_page(request):
        return pages.problem_page(request, document, problem.headers)
    return answer_document(document, messages.language, problem.headers)


def is_linked(request: web.Request, route: Route) -> bool:
    """Whether a program reads what people have as a page: as linked data, which any site may read, the refusals too."""
    return route.linked is not None and wants_linked(request)


def wants_page(request: web.Request) -> bool:
    """Whether a person is reading: a page's address, or no address of ours, asked for by what accepts HTML."""
    route: Route | None = request.get(ROUTE)
    if route is not None:
        return route.media == HTML and not is_linked(request, route)
    return not request.path.startswith(("/api/", "/log/")) and "text/html" in request.headers.get("Accept", "")
