# SPDX-License-Identifier: AGPL-3.0-or-later
"""Servers on loopback that loop, stall, lie, bomb and cut: each ends in a fault that says so, and in bounded time."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from convergences_node.fault_sentences import fault_sentence
from convergences_node.sources.addresses import is_public
from convergences_node.sources.fetching import Bounds, Fetched, FetchFailed, Validators, fetch
from convergences_node.sources.unreachable import status_fault, unreachable

KEY = ConnectionKey("ville.example", 443, True, True, None, None, None)
BOUNDS = Bounds(bytes_max=1_000_000, seconds=3.0, stall_seconds=0.5)
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """A server that says exactly these bytes; its address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(await reader.readuntil(b"\r\n\r\n"), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def saying(data: bytes) -> Answer:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


def ok(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def get(answer: Answer, into: Path, known: Validators | None = None, path: str = "/") -> Fetched:
    async with serving(answer) as address:
        return await fetch(address + path, into, BOUNDS, private=True, known=known or Validators())


async def refused(answer: Answer, into: Path) -> tuple[str, FetchFailed]:
    """The code of what went wrong, within the time that was allowed."""
    started = time.monotonic()
    with pytest.raises(FetchFailed) as caught:
        await get(answer, into)
    assert time.monotonic() - started < BOUNDS.seconds + 1
    return caught.value.fault.code, caught.value


async def test_what_the_server_gives_is_in_the_file(tmp_path: Path) -> None:
    """With what it said to know it again by, and the encoding that it claims."""
    body = b"id;nom\n1;Le 6b\n"
    heads = ('ETag: W/"x"', "Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT", "Content-Type: text/csv; charset=utf-8")
    fetched = await get(saying(ok(body, *heads)), tmp_path / "in")
    assert (tmp_path / "in").read_bytes() == body
    assert fetched == Fetched(True, Validators('W/"x"', "Sat, 21 Nov 2026 10:00:00 GMT"), "utf-8")


async def test_who_asks_says_so_and_asks_for_what_is_new(tmp_path: Path) -> None:
    """A name in User-Agent, and what the server said last time; 304 brings no file."""
    heard: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        heard.append(request)
        writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")

    known = Validators('"abc"', "Sat, 21 Nov 2026 10:00:00 GMT")
    fetched = await get(answer, tmp_path / "in", known)
    assert not fetched.new and fetched.validators == known and not (tmp_path / "in").exists()
    assert b"User-Agent: Convergences/" in heard[0]
    assert b'If-None-Match: "abc"' in heard[0] and b"If-Modified-Since: Sat" in heard[0]
    assert b"Cookie" not in heard[0]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_answers_are_read(tmp_path: Path, encoding: str) -> None:
    """Also when two compressed files follow each other, as `cat` makes them."""
    body = b"0123456789" * 20_000
    packed = gzip.compress(body[:7]) + gzip.compress(body[7:]) if encoding == "gzip" else zlib.compress(body)
    await get(saying(ok(packed, f"Content-Encoding: {encoding}")), tmp_path / "in")
    assert (tmp_path / "in").read_bytes() == body


async def test_a_bomb_is_left_at_the_bound(tmp_path: Path) -> None:
    """256 MiB of zeros in a quarter of one: no more of it is unpacked than the bound."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < BOUNDS.bytes_max
    code, _ = await refused(saying(ok(bomb, "Content-Encoding: gzip")), tmp_path / "in")
    assert code == "source_large"
    assert (tmp_path / "in").stat().st_size <= BOUNDS.bytes_max


LIES = {
    "shorter than it says": (ok(b"id;nom\n1;Le", length=500), "source_cut"),
    "gzip without its end": (ok(gzip.compress(b"x" * 9999, mtime=0)[:-20], "Content-Encoding: gzip"), "source_cut"),
    "gzip that is not": (ok(b"not compressed", "Content-Encoding: gzip"), "source_encoding"),
    "an encoding not asked for": (ok(b"x", "Content-Encoding: br"), "source_encoding"),
    "a terabyte promised": (ok(b"", length=10**12), "source_large"),
    "one byte too many": (ok(b"x" * 1_000_001), "source_large"),
    "not found": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "source_status"),
    "a part not asked for": (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", "source_status"),
    "unchanged since never": (b"HTTP/1.1 304 Not Modified\r\n\r\n", "source_status"),
    "see that file": (
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        "source_astray",
    ),
    "see elsewhere": (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "source_redirects"),
    "see no address": (
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        "source_astray",
    ),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "source_not_http"),
    "an endless header": (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n", "source_not_http"),
    "nothing": (b"", "source_not_http"),
    "more than was announced": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nid,name\r\n",
        "source_not_http",
    ),
}
"""Named, so that every worker of a run collects the same tests: a gzip header holds the time it was made."""


@pytest.mark.parametrize("lie", LIES)
async def test_each_lie_has_its_name(tmp_path: Path, lie: str) -> None:
    data, code = LIES[lie]
    assert (await refused(saying(data), tmp_path / "in"))[0] == code


async def test_a_server_that_stalls_is_left(tmp_path: Path) -> None:
    """In the middle of the body, and before it says anything."""

    async def stall(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b"id;nom\n", length=100))
        await asyncio.sleep(20)

    async def silent(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(20)

    assert (await refused(stall, tmp_path / "in"))[0] == "source_silent"
    assert (await refused(silent, tmp_path / "in"))[0] == "source_silent"


async def test_a_server_that_drips_for_ever_is_left(tmp_path: Path) -> None:
    """A byte now and then is never a stall; the time in all is bounded too."""

    async def drip(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    assert (await refused(drip, tmp_path / "in"))[0] == "source_slow"


async def test_redirects_end(tmp_path: Path) -> None:
    """A loop, and a road that has no end, are both left after five."""
    count = 0

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: /{count % 2}\r\nContent-Length: 0\r\n\r\n".encode())

    code, _ = await refused(answer, tmp_path / "in")
    assert (code, count) == ("source_redirects", 6)


async def test_a_redirect_leads_to_the_list(tmp_path: Path) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        there = request.startswith(b"GET /new ")
        writer.write(ok(b"here") if there else b"HTTP/1.1 301 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n")

    await get(answer, tmp_path / "in")
    assert (tmp_path / "in").read_bytes() == b"here"


async def test_a_server_that_is_busy_says_when_to_come_back(tmp_path: Path) -> None:
    """Retry-After, in seconds or as a date."""
    _, error = await refused(
        saying(b"HTTP/1.1 503 X\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n"), tmp_path / "in"
    )
    assert error.wait == 7200
    late = b"HTTP/1.1 429 X\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n"
    assert (await refused(saying(late), tmp_path / "in"))[1].wait == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"])
async def test_addresses_near_by_are_not_reached(tmp_path: Path, host: str) -> None:
    """However they are written: the question is asked of the address that would be connected to."""
    called = False

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal called
        called = True

    async with serving(answer) as address:
        port = address.rpartition(":")[2]
        with pytest.raises(FetchFailed) as caught:
            await fetch(f"http://{host}:{port}/", tmp_path / "in", BOUNDS, private=False, known=Validators())
    assert caught.value.fault.code in ("source_private", "source_unreachable") and not called


async def test_a_name_that_leads_near_by_is_seen_at_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the name server answers is asked of the socket, whatever it answered before."""
    import socket

    async def resolved(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    with pytest.raises(FetchFailed) as caught:
        await fetch("http://ville.example/", tmp_path / "in", BOUNDS, private=False, known=Validators())
    assert caught.value.fault.code == "source_private"
    assert caught.value.fault.params == {"address": "127.0.0.1"}


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:a00:1::", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_of_the_internet(address: str, public: bool) -> None:
    """RFC 6890, and IPv4 in the clothes of IPv6."""
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (aiohttp.ServerDisconnectedError(), "source_not_http"),
        (aiohttp.ConnectionTimeoutError(), "source_no_reply"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError("no such name")), "source_no_such_server"),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("handshake")), "source_certificate"),
        (aiohttp.ClientConnectorError(KEY, OSError("refused")), "source_no_connection"),
    ],
)
def test_what_a_library_says_is_told_in_words(error: Exception, code: str) -> None:
    """Whom to ask, with the server's name where there is one."""
    fault = unreachable(error)
    assert fault.code == code
    assert fault.params.get("host", "ville.example") == "ville.example"


@pytest.mark.parametrize(("status", "meaning"), [(404, "status_absent"), (401, "status_closed"), (503, "status_busy")])
def test_a_status_says_what_it_means(status: int, meaning: str) -> None:
    assert status_fault(status).params == {"status": status, "code": meaning}
    assert fault_sentence(status_fault(302), "fr") == "Le serveur a répondu 302."
