# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fetching what a source is, over HTTP, from servers that may be slow, wrong or hostile.

The answer goes into a file and never into memory. Bounded: the bytes on the wire and those after decompression, the
time in all and between two bytes, the redirects, the addresses (`addresses.py`, at each connection). A body shorter
than was announced is refused. Conditional requests (RFC 9110 §13) spare both sides what has not changed.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.errors import Fault, RemoteError

from convergences_node.network.http_tiles import Fetch, Gone

from .addresses import Gate
from .unreachable import printable, status_fault, unreachable

if TYPE_CHECKING:
    import aiohttp

SECONDS_MAX = 300.0
"""GoGoCarto's importers wait as long for a whole list."""
STALL_SECONDS_MAX = 30.0
CONNECT_SECONDS_MAX = 15.0
REDIRECTS_MAX = 5
CHUNK_BYTES = 64 * 1024
VALIDATOR_CHARS_MAX = 500
"""An ETag or a date; a longer one is not sent back."""
REDIRECTS = (301, 302, 303, 307, 308)
ACCEPT = "*/*"


class FetchFailed(RemoteError):  # noqa: N818 - what the fetch did
    """Nothing was fetched: `fault` says why; `wait` are the seconds that the server asked to wait."""

    fault: Fault

    def __init__(self, fault: Fault, wait: int | None = None) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server said last time, by which it knows again what it gave (RFC 9110 §8.8)."""

    etag: str | None = None
    modified: str | None = None

    def headers(self) -> dict[str, str]:
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the server gave. `new` is false if it says that nothing has changed: then there is no file."""

    new: bool
    validators: Validators
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much and how long; the tests are more impatient."""

    bytes_max: int
    seconds: float = SECONDS_MAX
    stall_seconds: float = STALL_SECONDS_MAX


async def fetch(
    url: str, into: Path, bounds: Bounds, *, private: bool, known: Validators, contact: str = ""
) -> Fetched:
    """Fetch the address into a file. Raises `FetchFailed`."""
    async with asking(bounds, private=private, contact=contact) as session:
        return await _follow(session, url, into, bounds, known)


@asynccontextmanager
async def asking(
    bounds: Bounds, *, private: bool, contact: str = "", keep: bool = False
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session within these bounds, whose connection is kept for many files or not; whatever goes wrong in it is a
    `FetchFailed`."""
    import aiohttp

    gate = Gate(private)
    connector = aiohttp.TCPConnector(socket_factory=gate.open, limit=1, force_close=not keep)
    timeout = aiohttp.ClientTimeout(
        total=bounds.seconds, sock_connect=CONNECT_SECONDS_MAX, sock_read=bounds.stall_seconds
    )
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": user_agent(contact), "Accept": ACCEPT, "Accept-Encoding": "gzip, deflate"},
        raise_for_status=False,
        trust_env=False,
    )
    async with session:
        try:
            async with asyncio.timeout(bounds.seconds):
                yield session
        except aiohttp.ConnectionTimeoutError as error:
            raise FetchFailed(unreachable(error)) from None
        except aiohttp.SocketTimeoutError:
            raise FetchFailed(Fault("source", "source_silent", {"seconds": int(bounds.stall_seconds)})) from None
        except TimeoutError:
            raise FetchFailed(Fault("source", "source_slow", {"seconds": int(bounds.seconds)})) from None
        except aiohttp.ClientPayloadError:
            raise FetchFailed(Fault("source", "source_cut")) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if gate.refused is not None:
                raise FetchFailed(Fault("source", "source_private", {"address": gate.refused})) from None
            raise FetchFailed(unreachable(error)) from None


def user_agent(contact: str) -> str:
    """Who asks, and where the operator who answers for it is found (RFC 9110 §10.1.5)."""
    return f"Convergences/{version('convergences')}" + (f" (+{contact})" if contact.isascii() and contact else "")


def getting(session: aiohttp.ClientSession, base: str, total_max: int) -> Fetch:
    """Reads files below an address, all of them together at most so long. Raises `Gone` for 404, `FetchFailed`."""
    left = total_max

    async def get(path: str, bytes_max: int) -> bytes:
        nonlocal left
        headers = {"Accept-Encoding": "identity"}
        async with session.get(base + path, headers=headers, allow_redirects=False) as response:
            if response.status in (404, 410):
                raise Gone(path)
            if response.status != 200:
                wait = _retry_after(response.headers.get("Retry-After"))
                raise FetchFailed(status_fault(response.status), wait)
            data = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                data += chunk
                left -= len(chunk)
                if len(data) > bytes_max or left < 0:
                    raise FetchFailed(Fault("source", "source_large", {"limit": min(bytes_max, total_max)}))
            return bytes(data)

    return get


async def _follow(session: aiohttp.ClientSession, url: str, into: Path, bounds: Bounds, known: Validators) -> Fetched:
    """Ask, and go where one is sent, so many times."""
    for _ in range(REDIRECTS_MAX + 1):
        async with session.get(url, headers=known.headers(), allow_redirects=False) as response:
            if response.status not in REDIRECTS:
                return await _take(response, into, bounds, known)
            url = _sent_to(response, url)
    raise FetchFailed(Fault("source", "source_redirects", {"limit": REDIRECTS_MAX}))


def _sent_to(response: aiohttp.ClientResponse, url: str) -> str:
    """Where a redirect leads: never from https to http, nor anywhere else than the Web."""
    from yarl import URL

    try:
        to = URL(url).join(URL(response.headers.get("Location", "")))
    except ValueError:
        to = URL()
    if to.scheme not in ("http", "https") or (url.startswith("https:") and to.scheme != "https"):
        raise FetchFailed(Fault("source", "source_astray", {"given": printable(str(to))}))
    return str(to.with_user(None).with_password(None))


async def _take(response: aiohttp.ClientResponse, into: Path, bounds: Bounds, known: Validators) -> Fetched:
    if response.status == 304 and known.headers():
        return Fetched(False, known)
    if response.status not in (200, 203):
        wait = _retry_after(response.headers.get("Retry-After")) if response.status in (429, 503) else None
        raise FetchFailed(status_fault(response.status), wait)
    if response.content_length is not None and response.content_length > bounds.bytes_max:
        raise _too_large(bounds)
    size = 0
    with into.open("wb") as file:
        async for piece in _decoded(response, bounds):
            size += len(piece)
            if size > bounds.bytes_max:
                raise _too_large(bounds)
            await asyncio.to_thread(file.write, piece)
    validators = Validators(_short(response.headers.get("ETag")), _short(response.headers.get("Last-Modified")))
    return Fetched(True, validators, response.charset)


async def _decoded(response: aiohttp.ClientResponse, bounds: Bounds) -> AsyncIterator[bytes]:
    """The body as it was before it was compressed, never more of it at once than a chunk or two."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            yield chunk
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FetchFailed(Fault("source", "source_encoding", {"given": printable(encoding)}))
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        while chunk:
            try:
                yield decoder.decompress(chunk, CHUNK_BYTES)
            except zlib.error:
                raise FetchFailed(Fault("source", "source_encoding", {"given": encoding})) from None
            chunk = decoder.unconsumed_tail
            if decoder.eof and decoder.unused_data:
                chunk, decoder = decoder.unused_data, zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    if not decoder.eof:
        raise FetchFailed(Fault("source", "source_cut"))


def _too_large(bounds: Bounds) -> FetchFailed:
    return FetchFailed(Fault("source", "source_large", {"limit": bounds.bytes_max}))


def _retry_after(given: str | None) -> int | None:
    """Seconds, from a number or a date (RFC 9110 §10.2.3)."""
    if given is None:
        return None
    if given.strip().isdigit():
        return int(given.strip()[:9])
    try:
        from time import time

        return max(0, int(parsedate_to_datetime(given).timestamp() - time()))
    except (ValueError, TypeError, OverflowError):
        return None


def _short(value: str | None) -> str | None:
    return value if value is not None and len(value) <= VALIDATOR_CHARS_MAX else None
