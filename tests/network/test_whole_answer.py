# SPDX-License-Identifier: AGPL-3.0-or-later
"""An answer that comes in two packets is read to its end, by everybody who asks another node for a word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import streams, web
from convergences_node.network.joining import _send_http
from convergences_node.network.transport import JOIN_BYTES_MAX
from convergences_node.network.whole_answer import whole_answer
from convergences_node.updates.offering import _get
from convergences_node.vault.claiming import _say

ANSWER = json.dumps({"backups": ["ab" * 32] * 40}).encode()


async def claimed(url: str) -> bytes:
    async with aiohttp.ClientSession() as session:
        return json.dumps(await _say(session, url, b"a claim")).encode()


async def joined(url: str) -> bytes:
    return await _send_http(url, b"a word")


async def bounded(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await whole_answer(response, 7)


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address of a server whose answer's second half leaves when the first one has come."""
    came = asyncio.Event()
    feed = streams.StreamReader.feed_data

    def fed(self: streams.StreamReader, data: bytes, *more: Any) -> None:
        feed(self, data, *more)
        came.set()

    monkeypatch.setattr(streams.StreamReader, "feed_data", fed)

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        came.clear()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(ANSWER[: len(ANSWER) // 2])
        await came.wait()
        await response.write(ANSWER[len(ANSWER) // 2 :])
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("asked", [claimed, joined, _get])
async def test_the_second_packet_is_read_too(slow: str, asked: Callable[[str], Awaitable[bytes]]) -> None:
    """Which backups there are, an answer to a word, the release that is offered."""
    assert len(ANSWER) < JOIN_BYTES_MAX
    assert await asked(slow) == ANSWER


async def test_and_no_more_than_is_read_of_such_an_answer(slow: str) -> None:
    """A server that would go on for ever is left."""
    assert await bounded(slow) == ANSWER[:7]
