# SPDX-License-Identifier: AGPL-3.0-or-later
"""A relay's table of contents. What these addresses answer is told by the specifications that they follow, and so they
are no part of the node's own description; events and actors are at their usual addresses, for whoever asks for
`application/activity+json` (`surfaces/ldp_resource.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from convergences_node.relay.relay import Relay
from convergences_node.web.relay import RELAY, actors, well_known
from convergences_node.web.route import Handler
from convergences_node.web.security import TokenBuckets

ASKED: tuple[tuple[str, Handler], ...] = (
    ("/.well-known/webfinger", well_known.webfinger_show),
    ("/.well-known/host-meta", well_known.host_meta_show),
    ("/.well-known/nodeinfo", well_known.nodeinfo_links),
    (r"/nodeinfo/{version:2\.[01]}", well_known.nodeinfo_show),
    ("/relay", actors.relay_show),
    ("/relay/{name:[a-z]+}", actors.collection_show),
    ("/relay/{id:[^/]+}/{name:[a-z]+}", actors.collection_show),
)
POSTED: tuple[tuple[str, Handler], ...] = (
    ("/relay/inbox", actors.inbox_post),
    ("/relay/{id:[^/]+}/inbox", actors.inbox_post),
)


def add_relay(app: web.Application, relay: Relay, clock: Callable[[], float]) -> None:
    """Put a relay's addresses beside the node's."""
    app[RELAY] = relay
    app[actors.BUCKETS] = TokenBuckets(actors.SENT_PER_SECOND, actors.SENT_BURST, clock)
    app[actors.WRITING] = asyncio.Semaphore(actors.WRITING_AT_ONCE_MAX)
    for path, handler in ASKED:
        app.router.add_get(path, handler)
    for path, handler in POSTED:
        app.router.add_post(path, handler)
