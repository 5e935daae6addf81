# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the API's own description is served. It is made once, from the table of routes, when the application is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web

from convergences_node.web.etag import conditional
from convergences_node.web.route import JSON

DESCRIPTION: web.AppKey[bytes] = web.AppKey("description")


def encode_description(description: Mapping[str, object]) -> bytes:
    """The description's bytes, in the order in which it was written."""
    return msgspec.json.encode(description)


async def openapi_show(request: web.Request) -> web.Response:
    """This description, in OpenAPI 3.1."""
    return conditional(request, request.app[DESCRIPTION], JSON)
