# SPDX-License-Identifier: AGPL-3.0-or-later
"""What protects readers from pages and the node from readers: headers, and a bound on how fast one client may ask.

The policy allows a page nothing but this node's own files: no script or style inside a page, where an author's text is,
no other host, no frame, forms only to ourselves. API and log answers may be read by any site's scripts (they are public
and read-only); pages may not.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache

from aiohttp import web

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)

FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'none';"
    " base-uri 'none'; frame-ancestors *"
)
"""For what other sites show in a frame: the same walls, but for whoever is around it."""

HEADERS_EVERYWHERE = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HEADERS_PAGES = {"Cross-Origin-Resource-Policy": "same-origin"}
HEADERS_OPEN_DATA = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Repr-Digest, Retry-After, X-Total-Count",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
HEADERS_FRAMED = {"Content-Security-Policy": FRAME_POLICY, "Cross-Origin-Resource-Policy": "cross-origin"}

# Remembering this many clients costs about 2 MiB; beyond it the longest silent is forgotten, with a full bucket again.
CLIENTS_MAX = 10_000
# One household or one server gets one /64; within it addresses are free to change.
IPV6_PREFIX_BITS = 64
FORWARDED_CHARACTERS_MAX = 400
# A client asks many times, and its address is read each time.
ADDRESSES_REMEMBERED = 1_000

_PAGES = tuple({**HEADERS_EVERYWHERE, **HEADERS_PAGES}.items())
_OPEN_DATA = tuple({**HEADERS_EVERYWHERE, **HEADERS_OPEN_DATA}.items())
_FRAMED = tuple({**HEADERS_EVERYWHERE, **HEADERS_FRAMED}.items())


class TokenBuckets:
    """A bucket of tokens for each client: `burst` at first, refilled at `rate` a second; a request takes one."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float], clients_max: int = CLIENTS_MAX) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._clients_max = clients_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str) -> float:
        """Take a token; returns 0.0, or how many seconds to wait before there is one."""
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        tokens, seen = self._buckets.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - seen) * self._rate)
        granted = tokens >= 1.0
        self._buckets[client] = (tokens - 1.0 if granted else tokens, now)
        if len(self._buckets) > self._clients_max:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1.0 - tokens) / self._rate


def client_of(request: web.Request, proxies_trusted: Sequence[str]) -> str:
    """Who asks: the address of the connection, or what a trusted proxy says of it; an IPv6 client is its /64."""
    address = request.remote or "unknown"
    forwarded = request.headers.get("X-Forwarded-For", "")
    if forwarded and is_trusted(address, proxies_trusted):
        # The last hop is the one that the trusted proxy saw itself; the others are hearsay.
        address = forwarded[-FORWARDED_CHARACTERS_MAX:].rpartition(",")[2].strip()
    return block_of(address)


def is_trusted(address: str | None, proxies_trusted: Sequence[str]) -> bool:
    """Whether this is a proxy that the operator has named. An IPv4 address that comes to a socket of both families is
    `::ffff:…` (RFC 4291 §2.5.5.2), and is the same address."""
    return address is not None and address.lower().removeprefix("::ffff:") in proxies_trusted


@lru_cache(maxsize=ADDRESSES_REMEMBERED)
def block_of(address: str) -> str:
    """The block of addresses that one client has: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX_BITS), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def protect(response: web.StreamResponse, *, open_data: bool, framed: bool = False) -> None:
    """Put the headers on an answer that is not sent yet; a header that a handler chose itself stays."""
    headers = response.headers
    for name, value in _FRAMED if framed else _OPEN_DATA if open_data else _PAGES:
        headers.setdefault(name, value)
    headers["Server"] = "convergences"
