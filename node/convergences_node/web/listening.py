# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands before the application: how many connections, and what is said to what is not HTTP.

aiohttp bounds a request's line and headers (8 KiB each) and closes a connection that stays silent. Added here: a
bound on connections in all and for each client, and one short answer to a broken request, in our own words and with
our own headers. aiohttp's would repeat the bytes that were sent, and write a traceback of each to the log: an
invitation to fill a card.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from convergences_node.web.asking import TOWN
from convergences_node.web.messages import catalogue
from convergences_node.web.problems import Problem, answer_document, draw
from convergences_node.web.security import block_of, is_trusted, protect

log = logging.getLogger(__name__)

# A resident's browser holds six; a library's readers share an address. A connection costs about 50 KiB.
CONNECTIONS_MAX = 1_000
CONNECTIONS_PER_CLIENT_MAX = 100
KEEPALIVE_SECONDS = 30.0
# A stopping node lets answers under way finish for this long.
SHUTDOWN_SECONDS = 3.0


def make_runner(app: web.Application, **kwargs: Any) -> web.AppRunner:
    """The runner on whose sites the application listens."""
    bounds = {"keepalive_timeout": KEEPALIVE_SECONDS, "shutdown_timeout": SHUTDOWN_SECONDS, "access_log": None}
    return _Runner(app, handle_signals=False, **{**bounds, **kwargs})


class _Runner(web.AppRunner):
    """aiohttp's runner, with our own door."""

    async def _make_server(self) -> web.Server:
        return _Door(self.app, await super()._make_server())


class _Door(web.Server):
    """Counts who is inside."""

    def __init__(self, app: web.Application, made: web.Server) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, loop=made._loop, **made._kwargs)
        self.town = app[TOWN]
        self._inside: dict[RequestHandler, str] = {}
        self._clients: Counter[str] = Counter()

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def admits(self, connection: RequestHandler, address: str) -> bool:
        """Whether one more connection may come in; if so it is counted until it is lost."""
        client = block_of(address)
        trusted: Sequence[str] = self.town.web_settings.proxies_trusted
        if len(self._inside) >= CONNECTIONS_MAX:
            return False
        if self._clients[client] >= CONNECTIONS_PER_CLIENT_MAX and not is_trusted(address, trusted):
            return False
        self._inside[connection] = client
        self._clients[client] += 1
        return True

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        client = self._inside.pop(handler, None)
        if client is not None:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]


class _Connection(RequestHandler):
    """One connection: let in or not, and answered in our words when it does not speak HTTP."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        door = self._manager
        assert isinstance(door, _Door)
        peer = transport.get_extra_info("peername")
        if not door.admits(self, str(peer[0]) if peer else ""):
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return
        super().connection_made(transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is answered when no handler could: the request was broken, or a handler failed beyond its own net."""
        door = self._manager
        assert isinstance(door, _Door)
        if status < 500:
            log.debug("broken request from %s: %s", request.remote, type(exc).__name__)
        else:
            log.error("answering %s failed", request.remote, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        language = door.town.web_settings.language
        problem = Problem("malformed" if status < 500 else "internal")
        response = answer_document(draw(problem, catalogue(language), "/"), language, {})
        protect(response, open_data=False)
        response.force_close()
        return response
