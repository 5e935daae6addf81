# SPDX-License-Identifier: AGPL-3.0-or-later
"""One message posted to a node: what it answers, and what a server that cannot, will not or lies is worth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from convergences_node.network.http_words import PATH, TELLING_MAX, Words
from convergences_protocol.errors import RemoteError
from convergences_protocol.replication import frames, messages
from convergences_protocol.replication.limits import FRAME_BYTES_MAX

Answer = Callable[[bytes], web.Response]
DIGESTS = (bytes(32), bytes([1]) * 32)
DOUBT = frames.encode(messages.Doubt(b"a note"))


class Ear:
    """A server at that address, and what was posted to it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def handle(self, request: web.Request) -> web.Response:
        await self.hold.wait()
        self.heard.append(await request.read())
        return self.answer(self.heard[-1])


@pytest.fixture
async def words() -> AsyncIterator[Callable[[Answer], Awaitable[tuple[Words, Ear]]]]:
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession() as session:

        async def listening(answer: Answer) -> tuple[Words, Ear]:
            ear, app = Ear(answer), web.Application()
            app.router.add_post(PATH, ear.handle)
            runner = web.AppRunner(app)
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return Words(session, f"http://127.0.0.1:{runner.addresses[0][1]}/"), ear

        yield listening
    for runner in runners:
        await runner.cleanup()


async def test_bodies_are_asked_for_and_come_as_they_are_sent(words: Any) -> None:
    """Nothing is checked here: the machine knows which digests were asked for."""
    answer = frames.encode(messages.Bodies(1, (b"a body",)))
    asking, ear = await words(lambda data: web.Response(body=answer))
    assert await asking.find_bodies(DIGESTS) == (1, (b"a body",))
    assert [frames.decode(data) for data in ear.heard] == [messages.WantBodies(DIGESTS)]


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=503),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        web.Response(body=b"no message"),
        web.Response(body=frames.encode(messages.Bye("no"))),
        web.Response(body=frames.encode(messages.Bodies(3, ()))),
        web.Response(body=frames.encode(messages.Bodies(0, ()))),
        web.Response(body=bytes(FRAME_BYTES_MAX + 1)),
    ],
    ids=["busy", "elsewhere", "garbage", "another", "too_many", "none_considered", "too_long"],
)
async def test_what_is_no_answer_is_an_error(words: Any, answer: web.Response) -> None:
    asking, _ = await words(lambda data: answer)
    with pytest.raises(RemoteError):
        await asking.find_bodies(DIGESTS)


async def test_a_copy_of_files_is_asked_once_and_then_left_in_peace(words: Any) -> None:
    """It has no such address; that is no fault of its, and its files go on serving."""
    asking, ear = await words(lambda data: web.Response(status=404))
    for _ in range(3):
        assert await asking.find_bodies(DIGESTS) == (2, ())
        await asking.tell(DOUBT)
    assert len(ear.heard) == 1


async def test_what_is_told_is_a_hint(words: Any) -> None:
    """A node that is too busy is not told, one that does not answer is not told more than so much, in order."""
    telling, ear = await words(lambda data: web.Response(status=429))
    await telling.tell(DOUBT)
    assert ear.heard == [DOUBT]
    ear.hold.clear()
    doubts = [frames.encode(messages.Doubt(b"note %d" % number)) for number in range(TELLING_MAX + 10)]
    waiting = [asyncio.create_task(telling.tell(doubt)) for doubt in doubts]
    await asyncio.sleep(0)
    ear.hold.set()
    await asyncio.gather(*waiting)
    assert ear.heard == [DOUBT, *doubts[:TELLING_MAX]]
