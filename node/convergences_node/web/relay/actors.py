# SPDX-License-Identifier: AGPL-3.0-or-later
"""The relay's actor, what actors published, and where they are written to.

Mobilizon reads the first page of a collection and no other, so each is one page. Who follows is nobody's business but
theirs: of followers only the number is told.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from convergences_node.relay.inbox import BODY_BYTES_MAX, Declined, Posted
from convergences_node.relay.relay import Relay
from convergences_node.relay.rows import RELAY as ITSELF
from convergences_node.relay.words import COLLECTIONS, collection, with_context
from convergences_node.web.asking import town_of
from convergences_node.web.problems import Problem
from convergences_node.web.relay import RELAY
from convergences_node.web.relay.answering import answer, refusal
from convergences_node.web.security import TokenBuckets, client_of

SENT_PER_SECOND, SENT_BURST = 2.0, 100
"""What one client may post. A large server tells everybody of every account that leaves it."""
BUCKETS: web.AppKey[TokenBuckets] = web.AppKey("posted")
WRITING: web.AppKey[asyncio.Semaphore] = web.AppKey("outboxes")
WRITING_AT_ONCE_MAX = 1
"""An outbox takes a second on a Pi, and is asked once a day by each who follows."""


async def relay_show(request: web.Request) -> web.Response:
    """The relay's own actor."""
    return answer(request, await request.app[RELAY].relay())


async def collection_show(request: web.Request) -> web.Response:
    """What belongs to an actor: what it published, and collections that are there because they must be."""
    relay, owner, name = request.app[RELAY], request.match_info.get("id", ITSELF), request.match_info["name"]
    if name not in COLLECTIONS or not await relay.exists(owner):
        raise Problem("not-found")
    address = relay.addresses.below(owner, name)
    if name in ("outbox", "events"):
        async with request.app[WRITING]:
            items = await relay.outbox(owner, plain=name == "events")
        return answer(request, with_context(collection(address, items)))
    return answer(request, with_context(collection(address, [], _total(relay, owner, name))))


def _total(relay: Relay, owner: str, name: str) -> int:
    return relay.store.followers_of(owner) if name == "followers" else 0


async def inbox_post(request: web.Request) -> web.Response:
    """Something for an actor of ours, or for all of them."""
    if request.app[BUCKETS].take(client_of(request, town_of(request).web_settings.proxies_trusted)):
        return refusal(429, "too-many")
    if request.content_length is not None and request.content_length > BODY_BYTES_MAX:
        return refusal(413, "activity-large")
    posted = Posted(request.raw_path, _headers(request), await request.read())
    try:
        await request.app[RELAY].take(posted)
    except Declined as declined:
        return refusal(declined.status, declined.code)
    return web.Response(status=202)


def _headers(request: web.Request) -> dict[str, Any]:
    """Each header once; those that came twice are joined, as they were signed (section 2.3 of the draft)."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.title()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
