# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a browser asks before a script of another site may send more than plain headers (Fetch Standard, section 3.3).

SemApps' and Archipelago's pages name their context in a header of their own, others say `Prefer` or a media type with a
profile: for each of these a browser asks first, by `OPTIONS`, and without a yes the list is not fetched. What any site
may read, any site may ask for as it likes; nothing of what such a header says changes anything here. An `OPTIONS` that
is no such question is a method that nothing here has.
"""

from __future__ import annotations

from aiohttp import web

from convergences_node.web.route import Handler

MAX_AGE_SECONDS = 86_400
"""As long as browsers remember a yes at most."""
HEADERS_ALLOWED = "*, Authorization"
"""Every header; this one has to be named (section 3.3.3), and is not looked at."""


def preflight(*, posts: bool) -> Handler:
    """What answers to such a question at an address that is read; `posts`: a question may also be posted to it."""
    methods = "GET, HEAD, POST" if posts else "GET, HEAD"

    async def handler(request: web.Request) -> web.StreamResponse:
        if "Access-Control-Request-Method" not in request.headers:
            raise web.HTTPMethodNotAllowed(request.method, methods.split(", "))
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers": HEADERS_ALLOWED,
                "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
            },
        )

    return handler
