# SPDX-License-Identifier: AGPL-3.0-or-later
"""What files cannot answer, over HTTP: one message of replication posted to a node, and what one message answers it.

`POST /api/v1/replicate` takes what a frame holds on a stream, without its length (protocol-replication.md, section 1).
"Which of these bodies have you?" is answered with those that are here. A head, a doubt or a fork proof is heard as
gossip is: from nobody in particular, believed for its author's signature alone, and answered with nothing. All else is
not for one message. A copy of a node's files has no such address: nothing is asked of it, or told, and its files serve.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import aiohttp
from convergences_protocol.errors import RemoteError
from convergences_protocol.replication import frames, messages
from convergences_protocol.replication.limits import BATCH_BYTES_MAX, DIGESTS_ASKED, FRAME_BYTES_MAX
from convergences_protocol.replication.outputs import FindBodies

from convergences_node.archive.archive import Archive
from convergences_node.network import serving

log = logging.getLogger(__name__)

PATH = "/api/v1/replicate"
TELLING_MAX = 32
"""Messages on their way to one node; what comes while so many wait is not told, for it is told again later."""
READ_BYTES = 64 * 1024


async def answer_message(archive: Archive, heard: Callable[[bytes], None], data: bytes) -> bytes:
    """What answers one message; empty where nothing does. RemoteError for one that is not for this way."""
    message = frames.decode(data)
    match message:
        case messages.WantBodies(digests):
            asked = FindBodies(0, "", digests[:DIGESTS_ASKED], BATCH_BYTES_MAX)
            considered, bodies = await archive.read(lambda reader: serving.find_bodies(reader, asked))
            return frames.encode(messages.Bodies(considered, tuple(bodies)))
        case messages.Heads() | messages.Doubt() | messages.Forks():
            heard(data)
            return b""
    raise RemoteError(f"a {type(message).__name__.lower()} is not answered over HTTP")


class Words:
    """One node's ear, at its HTTP address."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address.rstrip("/") + PATH
        self._deaf = False
        """There is no such address: a copy of files, or an older program."""
        self._telling = 0
        self._turn = asyncio.Lock()

    async def tell(self, frame: bytes) -> None:
        """Say something that needs no answer, after what waits already. What cannot be told now is not told."""
        if self._telling >= TELLING_MAX:
            return
        self._telling += 1
        try:
            async with self._turn:
                await self._post(frame)
        except RemoteError as error:
            log.debug("not told: %s", error)  # it was a hint; a lie would be worth more than this answer
        finally:
            self._telling -= 1

    async def find_bodies(self, digests: Sequence[bytes]) -> tuple[int, Sequence[bytes]]:
        """How many of these digests were considered, and the bodies that came, unchecked. RemoteError for an answer
        that is none."""
        frame = await self._post(frames.encode(messages.WantBodies(tuple(digests))))
        if not frame:
            return len(digests), ()
        answer = frames.decode(frame)
        if not isinstance(answer, messages.Bodies) or not 0 < answer.considered <= len(digests):
            raise RemoteError(f"{self._address} answers another question than which bodies it has")
        return answer.considered, answer.bodies

    async def _post(self, frame: bytes) -> bytes:
        if self._deaf:
            return b""
        headers = {"Content-Type": "application/octet-stream"}
        async with self._session.post(self._address, data=frame, headers=headers, allow_redirects=False) as response:
            if response.status in (404, 405, 410, 501):
                self._deaf = True
                return b""
            if response.status not in (200, 204):
                raise RemoteError(f"{self._address} answers {response.status}")
            data = bytearray()
            async for chunk in response.content.iter_chunked(READ_BYTES):
                data += chunk
                if len(data) > FRAME_BYTES_MAX:
                    raise RemoteError(f"{self._address} answers more than {FRAME_BYTES_MAX} bytes")
            return bytes(data)
