# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is not HTTP, and who comes too often: a short answer or none, nothing repeated, nothing written to a card."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web import listening

JOIN = b"POST /api/v1/join HTTP/1.1\r\nHost: x\r\n"
BROKEN = {
    "noise": b"\x00\xff\xfe not http\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a very long line": b"GET /" + b"<script>" * 2_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a very long header": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 2_000 + b"\r\n",
    "two lengths": JOIN + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\nx",
    "length and chunks": JOIN + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": JOIN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


async def say(client: TestClient, data: bytes) -> bytes:
    """Send raw bytes; everything that comes back until the end."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    try:
        writer.write(data)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("name", sorted(BROKEN))
async def test_a_broken_request_gets_a_short_answer(
    client: TestClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A problem document with our headers; none of the bytes that were sent, no traceback in the log."""
    caplog.set_level(logging.INFO)
    answer = await say(client, BROKEN[name])
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith((b"http/1.1 400", b"http/1.0 400"))
    assert b"application/problem+json" in head
    assert b"content-security-policy" in head
    assert b"script>" not in answer.lower()
    assert len(answer) < 2_000
    assert "Traceback" not in caplog.text
    assert (await client.get("/healthz")).status == 200


async def test_a_client_with_too_many_connections_waits_and_the_node_lives(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ninth connection of one address is closed at once; when one of the eight leaves there is room again."""
    monkeypatch.setattr(listening, "CONNECTIONS_PER_CLIENT_MAX", 8)
    await client.get("/healthz")
    await client.session.close()
    held = [await asyncio.open_connection(client.host, client.port) for _ in range(8)]
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert await say(client, ask) == b""
    held[0][1].write(ask)
    assert b"200 OK" in await asyncio.wait_for(held[0][0].read(), 10)
    assert b"200 OK" in await say(client, ask)
    for _, writer in held:
        writer.close()
