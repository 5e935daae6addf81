# SPDX-License-Identifier: AGPL-3.0-or-later
"""The application of a node that is no town yet: the setup's pages, what they need, and nothing else.

Around them stand the same walls as around a town's pages: headers, a pace for each client, a bound on what is read.
"""

from __future__ import annotations

import time
from typing import cast

from aiohttp import web

from convergences_node.setup.setup import Setup
from convergences_node.web import pages
from convergences_node.web.asking import TOWN
from convergences_node.web.etag import CACHE_NEVER
from convergences_node.web.guarding import answered, keep_pace
from convergences_node.web.operator import setup_again, setup_pages
from convergences_node.web.operator.drawing import answer_private, words
from convergences_node.web.problems import Problem, draw
from convergences_node.web.route import Handler
from convergences_node.web.security import TokenBuckets, protect
from convergences_node.web.static_files import static_show
from convergences_node.web.town_door import Town

BODY_BYTES_MAX = 16 * 1024
BUCKETS: web.AppKey[TokenBuckets] = web.AppKey("setup_buckets")


def make_setup_app(setup: Setup) -> web.Application:
    """The pages of this setup."""
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_around])
    settings = setup.door.web_settings
    # Of a town, these pages ask its settings and the time alone.
    app[TOWN] = cast(Town, setup.door)
    app[setup_pages.SETUP] = setup
    app[BUCKETS] = TokenBuckets(settings.requests_per_second, settings.requests_burst, time.monotonic)
    pages.prepare(app)
    for path, shown, sent in (
        (setup_pages.CODE, setup_pages.code_page, setup_pages.code_given),
        (setup_pages.TOWN, setup_pages.town_page, setup_pages.town_chosen),
        (setup_pages.NODE, setup_pages.node_page, setup_pages.node_named),
        (setup_pages.SHEET, setup_pages.sheet_page, setup_pages.sheet_printed),
        (setup_pages.AGAIN, setup_again.again_page, setup_again.again_given),
    ):
        app.router.add_get(path, shown)
        app.router.add_post(path, sent)
    app.router.add_get(setup_pages.OPERATOR, setup_again.on_its_way)
    app.router.add_get("/static/{name}", static_show)
    return app


@web.middleware
async def _around(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.app[setup_pages.SETUP].founded.is_set():
        return _to_the_town(request)
    try:
        keep_pace(request, request.app[BUCKETS], ())
        response = await answered(handler, request)
    except Problem as problem:
        document = draw(problem, words(request), request.path)
        response = answer_private(request, "setup_problem.html", {"problem": document}, status=problem.status)
        response.headers.update(problem.headers)
    protect(response, open_data=False)
    return response


def _to_the_town(request: web.Request) -> web.Response:
    """Somebody asks on a connection that was open before there was a town: the next one leads there."""
    response = web.Response(status=303, headers={"Location": str(request.rel_url), "Cache-Control": CACHE_NEVER})
    response.force_close()
    return response
