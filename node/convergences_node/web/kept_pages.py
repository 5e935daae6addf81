# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pages are drawn once for all their readers: until something is written, or a minute is over, they are the same.

A page depends on its address, the language, the host it was asked of and how (`arriving.py`), what is searchable, and
the time in words ("il y a 3 minutes"), which is said to the minute. So a page is kept under these, and whoever asks
for it next is given the same bytes. While the index is taking something in, nothing is kept, and whatever was is not
used again: an erasure reaches the next reader. The memory is bounded, and what was asked for longest ago goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from aiohttp import web

from convergences_node.web.arriving import is_secure, keeps_pages
from convergences_node.web.asking import messages_of, town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.exporting import base_of
from convergences_node.web.route import Handler

HTML_TYPE = "text/html; charset=utf-8"
BYTES_MAX = 8 * 1024 * 1024
"""Some four hundred pages, on a computer with one gigabyte."""
PAGE_BYTES_MAX = 256 * 1024
"""A larger page is rare, and would push out many."""
MINUTE = 60

KEPT: web.AppKey[KeptPages] = web.AppKey("kept_pages")
DRAWN: web.RequestKey[bytes] = web.RequestKey("drawn")
"""The bytes of a page, before they were compressed or found to be known already."""

Key = tuple[str | bool, ...]
Stamp = tuple[int, int]
"""What was searchable, and the minute."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A page, the headers that its handler chose, and when this was true."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    stamp: Stamp


class KeptPages:
    """A bounded memory of pages."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._pages: OrderedDict[Key, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, key: Key, stamp: Stamp) -> Kept | None:
        """The page, if it is as it would be drawn now."""
        kept = self._pages.get(key)
        if kept is None:
            return None
        if kept.stamp != stamp:
            self._drop(key)
            return None
        self._pages.move_to_end(key)
        return kept

    def keep(self, key: Key, kept: Kept) -> None:
        """Remember a page, in the place of the ones that nobody asked for since long."""
        if len(kept.body) > PAGE_BYTES_MAX:
            return
        self._drop(key)
        self._pages[key] = kept
        self._bytes += len(kept.body)
        while self._bytes > self._bytes_max:
            self._drop(next(iter(self._pages)))

    def _drop(self, key: Key) -> None:
        gone = self._pages.pop(key, None)
        self._bytes -= len(gone.body) if gone else 0


def keeping(handler: Handler) -> Handler:
    """The same handler of a page, which is asked only when what it drew last is no longer so."""

    async def answer(request: web.Request) -> web.StreamResponse:
        pages, key, stamp = request.app[KEPT], _key(request), stamp_of(request)
        if stamp is not None and (kept := pages.get(key, stamp)):
            response = answer_drawn(request, kept.body)
            response.headers.update(kept.headers)
            return response
        found = await handler(request)
        body = request.get(DRAWN)
        # Something may have been written while the page was drawn: then half of it may be of before.
        if body is not None and stamp is not None and stamp == stamp_of(request) and found.status in (200, 304):
            pages.keep(key, Kept(body, _own_headers(found), stamp))
        return found

    return answer


def answer_drawn(request: web.Request, body: bytes) -> web.Response:
    """These bytes as a page, or 304 if the browser holds it already."""
    response = conditional(request, body, HTML_TYPE, cache=CACHE_ASK, vary=("Accept-Language",))
    response.headers["Content-Language"] = messages_of(request).language
    return response


def _key(request: web.Request) -> Key:
    return (
        request.raw_path,
        messages_of(request).language,
        base_of(request),
        is_secure(request),
        keeps_pages(request),
    )


def stamp_of(request: web.Request) -> Stamp | None:
    """What a page is true of: it may be shown again as long as this is the same; None while that cannot be said."""
    town = town_of(request)
    version = town.index.version
    return None if version is None else (version, town.now() // MINUTE)


# What is said anew of every answer, for it depends on who asks.
_ABOUT_ONE_ANSWER = frozenset({"content-encoding", "content-length", "content-type", "etag", "vary", "cache-control"})


def _own_headers(response: web.StreamResponse) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in response.headers.items() if name.lower() not in _ABOUT_ONE_ANSWER)
