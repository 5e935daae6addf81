# SPDX-License-Identifier: AGPL-3.0-or-later
"""A form with a file is the same form in one packet or in two, wherever it is cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import streams, web
from convergences_node.web.operator.uploads import read_upload_form
from convergences_node.web.problems import Problem
from convergences_protocol.errors import LocalError

TOKEN, EDGE = "t" * 43, "----of-a-browser"
PARTS = (
    f'form-data; name="jeton"\r\n\r\n{TOKEN}',
    'form-data; name="alt"\r\n\r\nLa mairie',
    'form-data; name="file"; filename="mairie.csv"\r\n\r\nnom\r\nMairie',
)
BODY = "".join(f"--{EDGE}\r\nContent-Disposition: {part}\r\n" for part in PARTS).encode() + f"--{EDGE}--\r\n".encode()
IN_THE_TOKEN = BODY.index(TOKEN.encode()) + 20


class Door:
    """Where forms come in, and what was read of the last one."""

    def __init__(self, into: Path) -> None:
        self.into = into
        self.port = 0
        self.came = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        try:
            fields, called = await read_upload_form(request, TOKEN, self.into)
        except Problem:
            return web.Response(status=403)
        except LocalError as error:
            assert error.fault is not None
            return web.Response(text=f"refused: {error.fault.code} {error.fault.params['reason']}")
        return web.Response(text=f"{called} {fields} {self.into.read_bytes()!r}")

    async def given(self, body: bytes, cut: int) -> str:
        """The answer to that form, whose second part leaves when the first one has come."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nOrigin: http://127.0.0.1:{self.port}\r\n"
            f"Content-Type: multipart/form-data; boundary={EDGE}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.came.clear()
        writer.write(head.encode() + body[:cut])
        await self.came.wait()
        writer.write(body[cut:])
        answer = await reader.read()
        writer.close()
        return answer.decode()


@pytest.fixture
async def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    door = Door(tmp_path / "file")
    feed = streams.StreamReader.feed_data

    def fed(self: streams.StreamReader, data: bytes, *more: Any) -> None:
        feed(self, data, *more)
        door.came.set()

    monkeypatch.setattr(streams.StreamReader, "feed_data", fed)
    app = web.Application()
    app.router.add_post("/", door.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.port = runner.addresses[0][1]
    yield door
    await runner.cleanup()


@pytest.mark.parametrize("cut", [5, IN_THE_TOKEN, IN_THE_TOKEN + 60, len(BODY) - 10])
async def test_a_form_in_two_packets_is_taken(door: Door, cut: int) -> None:
    """A browser with long headers sends the first one cut in the middle of the token."""
    answer = await door.given(BODY, cut)
    assert answer.endswith(f"mairie.csv {{'alt': 'La mairie'}} {b'nom' + bytes([13, 10]) + b'Mairie'!r}"), answer


@pytest.mark.parametrize("token", ["", TOKEN[:-1], TOKEN + "t", "x" * 300])
async def test_another_token_is_refused_in_two_packets_too(door: Door, token: str) -> None:
    """And nothing of such a form is written down."""
    body = BODY.replace(TOKEN.encode(), token.encode())
    assert (await door.given(body, body.index(b"jeton"))).startswith("HTTP/1.1 403")
    assert not door.into.exists()


async def test_a_card_that_does_not_take_it_is_said(door: Door, tmp_path: Path) -> None:
    """Also where the last bytes alone find no room: they are written when the file is closed."""
    refused: list[str] = []
    for into in (Path("/dev/full"), tmp_path / "gone" / "file"):
        door.into = into
        answer = await door.given(BODY, IN_THE_TOKEN)
        refused += re.findall("(?m)^refused: (.*)$", answer)
    assert refused == ["upload_unkept No space left on device", "upload_unkept No such file or directory"]
