# SPDX-License-Identifier: AGPL-3.0-or-later
"""One question and its answer over libp2p, on a stream of their own: `/convergences/blob/1` (docs/protocol-blobs.md).

Only over a connection that is there, with a member. A peer holds few questions at once here, and all peers together a
bounded number: each keeps one piece of a file in memory until the peer has read it. Runs in the trio thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import trio
from libp2p.custom_types import TProtocol

from convergences_node.blobs.pieces import ANSWER_BYTES_MAX, QUESTION_BYTES
from convergences_node.network.libp2p_link import CLOSE_SECONDS_MAX, key_of, peer_id_of, read_frame, write_frame
from convergences_node.network.libp2p_links import Links
from convergences_node.network.libp2p_waiting import answer_of
from convergences_node.network.transport import PeerKey

BLOB = TProtocol("/convergences/blob/1")

ASK_SECONDS_MAX = 60.0
"""A question, and one piece on a line of 40 kbit/s."""
QUESTIONS_OF_PEER_MAX = 4
QUESTIONS_MAX = 32
"""Held at once: 8 MiB of pieces. What comes above either bound is reset, and asked again by an honest peer."""

Asked = Callable[[PeerKey, bytes, Callable[[bytes], None]], None]


class Asking:
    """Questions of one host and to it."""

    def __init__(self, links: Links, asked: Asked) -> None:
        self._links = links
        self._asked = asked
        self._held: Counter[PeerKey] = Counter()
        self._host: Any

    def begin(self, host: Any) -> None:
        """Before the gate stands: the host to ask through, and to answer at."""
        self._host = host
        host.set_stream_handler(BLOB, self._answer)

    async def ask(self, key: PeerKey, question: bytes) -> bytes:
        """Ask a peer that is linked. Raises whatever goes wrong on the way."""
        if key not in self._links.open:
            raise ConnectionError("there is no link")
        with trio.fail_after(ASK_SECONDS_MAX):
            stream = await self._host.new_stream(peer_id_of(key), [BLOB])
            try:
                await write_frame(stream, question)
                answer = await read_frame(stream, ANSWER_BYTES_MAX)
            except BaseException:
                with trio.CancelScope(shield=True), suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
                    await stream.reset()
                raise
            await stream.close()
            return answer

    async def _answer(self, stream: Any) -> None:
        key = key_of(stream.muxed_conn.peer_id)
        assert key is not None, "only members, which have log keys, come here"
        if self._held[key] >= QUESTIONS_OF_PEER_MAX or self._held.total() >= QUESTIONS_MAX:
            await stream.reset()
            return
        self._held[key] += 1
        try:
            with trio.fail_after(ASK_SECONDS_MAX):
                question = await read_frame(stream, QUESTION_BYTES)
                await write_frame(stream, await answer_of(partial(self._asked, key, question)))
                await stream.close()
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
