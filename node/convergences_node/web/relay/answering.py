# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a relay answers: its documents, and the few words that say to another server why something is not taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from convergences_node.relay.relay import Relay
from convergences_node.relay.words import ACTIVITY_JSON, tombstone, with_context
from convergences_node.web.absent import absent
from convergences_node.web.asking import element_of, town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.problems import PROBLEM_JSON, Problem
from convergences_node.web.security import protect

_encode = msgspec.json.Encoder(order="deterministic").encode


def answer(request: web.Request, document: Mapping[str, Any], media: str = ACTIVITY_JSON) -> web.Response:
    """A document that anybody may read."""
    response = conditional(request, _encode(document), media, cache=CACHE_ASK, vary=("Accept",))
    protect(response, open_data=True)
    return response


def refusal(status: int, code: str) -> web.Response:
    """A problem document (RFC 9457) for whoever looks after the other server: a word, in no language."""
    said = {"type": "about:blank", "status": status, "code": code}
    headers = {"Content-Type": PROBLEM_JSON, "Cache-Control": "no-store"}
    if status in (429, 503):
        headers["Retry-After"] = "60"
    return web.Response(status=status, body=_encode(said), headers=headers)


async def element_activity(request: web.Request, relay: Relay) -> web.Response:
    """An event or an actor as ActivityStreams says it; what its own town's node tells is sent on there; what was
    withdrawn or erased is 410 with a tombstone."""
    element = str(element_of(request))
    document = await relay.element(element)
    if isinstance(document, str):
        return web.Response(status=302, headers={"Location": document, "Vary": "Accept"})
    if document is not None:
        return answer(request, document)
    problem = await absent(town_of(request), element)
    if problem.status != 410:
        raise Problem("not-found")
    response = answer(request, with_context(tombstone(relay.addresses.element(element))))
    if response.status == 200:
        response.set_status(410)
    return response
