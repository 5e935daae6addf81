# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asking and telling other servers: signed, bounded in bytes and time, never redirected, never to a nearer address.

Requests for an actor are signed too: many servers answer no others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from convergences_node.relay.addresses import Addresses
from convergences_node.relay.rows import RELAY
from convergences_node.relay.signing import SigningRsa, signed_headers
from convergences_node.relay.words import ACCEPT, ACTIVITY_JSON
from convergences_node.sources.addresses import Gate
from convergences_node.sources.fetching import user_agent

if TYPE_CHECKING:
    import aiohttp

SECONDS_MAX = 15.0
CONNECT_SECONDS_MAX = 8.0
DOCUMENT_BYTES_MAX = 256 * 1024
"""Of an actor; the largest seen, with many pictures and fields, have 20 kB."""
GONE = (404, 410)


class Unreachable(Exception):  # noqa: N818 - says what the other server is
    """No answer, or none that could be used; `status` is that of an answer."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


class Wire:
    """Speaks for one node. Its connections live as long as they are used."""

    def __init__(self, addresses: Addresses, key: SigningRsa, private: bool, now: Callable[[], int]) -> None:
        self._addresses = addresses
        self._key = key
        self._private = private
        self._now = now

    async def ask(self, address: str) -> dict[str, Any]:
        """The document at an address. Raises `Unreachable`."""
        headers = {**self._signed("get", address, RELAY), "Accept": ACCEPT}
        body = await self._speak("GET", address, headers, None)
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            raise Unreachable("its answer is not JSON") from None
        if not isinstance(found, dict):
            raise Unreachable("its answer is no object")
        return found

    async def tell(self, inbox: str, owner: str, activity: bytes) -> None:
        """Post an activity in the name of an actor of ours. Raises `Unreachable`."""
        headers = {**self._signed("post", inbox, owner, activity), "Content-Type": ACTIVITY_JSON}
        await self._speak("POST", inbox, headers, activity)

    def _signed(self, method: str, address: str, owner: str, body: bytes | None = None) -> dict[str, str]:
        parts = urlsplit(address)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        key_id = self._addresses.key(owner)
        return signed_headers(self._key, key_id, method, target, parts.netloc, self._now(), body)

    async def _speak(self, method: str, address: str, headers: dict[str, str], body: bytes | None) -> bytes:
        import aiohttp
        from yarl import URL

        gate = Gate(self._private)
        connector = aiohttp.TCPConnector(socket_factory=gate.open, limit=1, force_close=True)
        timeout = aiohttp.ClientTimeout(total=SECONDS_MAX, sock_connect=CONNECT_SECONDS_MAX)
        session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
            headers={"User-Agent": user_agent(self._addresses.base), "Accept-Encoding": "identity"},
            auto_decompress=False,
        )  # fmt: skip
        async with session:
            try:
                async with session.request(
                    method, URL(address, encoded=True), headers=headers, data=body, allow_redirects=False
                ) as response:
                    return await _taken(response)
            except TimeoutError:
                raise Unreachable("it did not answer in time") from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                why = f"{gate.refused} is not an address of the Internet" if gate.refused else str(error)[:200]
                raise Unreachable(why or type(error).__name__) from None


async def _taken(response: aiohttp.ClientResponse) -> bytes:
    """The body of a good answer, as far as the bound."""
    if not 200 <= response.status < 300:
        raise Unreachable(f"it answered {response.status}", response.status)
    if response.method == "POST":
        return b""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > DOCUMENT_BYTES_MAX:
            raise Unreachable(f"its answer has more than {DOCUMENT_BYTES_MAX} bytes")
    return bytes(body)
