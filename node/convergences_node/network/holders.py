# SPDX-License-Identifier: AGPL-3.0-or-later
"""The peers of a running node as holders of files: asked over libp2p where there is a link, else over HTTP.

Nothing of HTTP is opened before it is needed. An address whose key nobody has proved yet is asked for what is public.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import aiohttp
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey

from convergences_node.blobs.over_http import get_piece, prove
from convergences_node.blobs.pieces import NotHeld, Piece, Question, read_answer
from convergences_node.faults import words_of
from convergences_node.network.transport import Asks, PeerKey

PIECE_SECONDS_MAX = 70.0
"""A little more than the other end's own patience with us."""
HTTP_ADDRESSES_MAX = 4
"""Of one peer that are tried for one piece."""


class PeerHolders:
    """Whoever this node can ask for a file now."""

    def __init__(
        self,
        own: SigningKey,
        asking: Callable[[], Asks | None],
        linked: Callable[[], Sequence[PeerKey]],
        at_http: Callable[[], Mapping[PeerKey, Sequence[str]]],
    ) -> None:
        """`asking` is the transport that carries questions, if it runs; `linked` whom it has a link with, and `at_http`
        where each peer answers over HTTP."""
        self._own = own
        self._asking = asking
        self._linked = linked
        self._at_http = at_http
        self._session: aiohttp.ClientSession | None = None

    def likely(self) -> Sequence[PeerKey]:
        """Linked peers first, then the others that have an address."""
        return list(dict.fromkeys([*self._linked(), *sorted(self._at_http())]))

    async def piece(self, key: PeerKey, asked: Question) -> Piece:
        """See `pieces.Holders`."""
        async with asyncio.timeout(PIECE_SECONDS_MAX):
            asking = self._asking()
            if asking is not None and key in self._linked():
                return read_answer(await asking.ask(key, asked.encode()), asked)
            return await self._over_http(key, asked)

    async def _over_http(self, key: PeerKey, asked: Question) -> Piece:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        failure: Exception = RemoteError("there is no link, and no address to ask at")
        for address in list(self._at_http().get(key, ()))[:HTTP_ADDRESSES_MAX]:
            try:
                return await get_piece(self._session, address, prove(self._own, key, asked.digest), asked)
            except (NotHeld, RemoteError) as error:
                failure = error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                failure = RemoteError(f"{address}: {words_of(error)}")
        raise failure

    async def stop(self) -> None:
        """Close what was opened."""
        if self._session is not None:
            await self._session.close()
