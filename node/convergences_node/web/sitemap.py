# SPDX-License-Identifier: AGPL-3.0-or-later
"""What search engines are told: which pages there are (sitemaps.org 0.9), and which are not worth their time.

A map lists at most `ADDRESSES_MAX` pages; when there are more, it is an index of such maps. The protocol would allow
five times as many in one file: two megabytes are written in a fifth of a second and held by a Pi without noticing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web
from convergences_protocol.kinds import KINDS

from convergences_node.index.addresses import Address
from convergences_node.web import dates
from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.exporting import base_of
from convergences_node.web.problems import Problem

MEDIA = "application/xml"
ADDRESSES_MAX = 10_000
FILES_MAX = 1_000
"""Ten million pages: more than a country's associations."""
PAGES = ("/", "/?vue=agenda", "/?vue=carte", "/chiffres")
"""Beside the elements: where a reader begins."""
KINDS_LISTED = tuple(name for name, kind in KINDS.items() if "name" in kind.by_name)
"""What has a name has a page that somebody may look for."""
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"

# A question is an address, so there are more addresses than there are records: a crawler that follows every filter
# would read the same few thousand elements for ever. `/?` is every address that begins so (RFC 9309 section 2.2.2).
_ROBOTS = """User-agent: *
Allow: /
Allow: /?vue=agenda$
Allow: /?vue=carte$
Disallow: /?
Disallow: /affiche
Disallow: /api/
Disallow: /cadre
Disallow: /integrer
Disallow: /log/
Disallow: /search.

Sitemap: {base}/sitemap.xml
"""


async def robots_show(request: web.Request) -> web.Response:
    """What crawlers may read (RFC 9309): every element's page, and not every question that could be asked."""
    body = _ROBOTS.format(base=base_of(request)).encode()
    return conditional(request, body, "text/plain; charset=utf-8", cache=CACHE_ASK, vary=("Host",))


async def sitemap_show(request: web.Request) -> web.Response:
    """The pages of this node for search engines; beyond 10,000, an index of maps that list them."""
    town, base = town_of(request), base_of(request)
    files = -(-await town.index.count(KINDS_LISTED) // ADDRESSES_MAX)
    if files > 1:
        places = (f"{base}/sitemap-{number}.xml" for number in range(1, min(files, FILES_MAX) + 1))
        return _answer(request, _index(places))
    pages = [*((f"{base}{page}", "") for page in PAGES), *_located(base, await _addresses(request, 1))]
    return _answer(request, await asyncio.to_thread(_map, pages))


async def sitemap_part_show(request: web.Request) -> web.Response:
    """One of the maps that the index of `/sitemap.xml` lists."""
    base, number = base_of(request), int(request.match_info["number"])
    found = await _addresses(request, number) if number <= FILES_MAX else ()
    if not found:
        raise Problem("not-found")
    pages = [*((f"{base}{page}", "") for page in PAGES if number == 1), *_located(base, found)]
    return _answer(request, await asyncio.to_thread(_map, pages))


async def _addresses(request: web.Request, number: int) -> Sequence[Address]:
    return await town_of(request).index.addresses(KINDS_LISTED, (number - 1) * ADDRESSES_MAX, ADDRESSES_MAX)


def _located(base: str, found: Sequence[Address]) -> Iterable[tuple[str, str]]:
    """Where each is, and when it was last changed: by its author's clock, which may have been anywhere."""
    for each in found:
        day = dates.iso(each.time)[:10]
        yield f"{base}/e/{quote(each.id, safe=':')}", day if "1990" < day < "2200" else ""


def _map(pages: Sequence[tuple[str, str]]) -> bytes:
    lines = (
        f"<url><loc>{escape(where)}</loc>{f'<lastmod>{day}</lastmod>' if day else ''}</url>\n" for where, day in pages
    )
    return f'{_HEAD}<urlset xmlns="{_NAMESPACE}">\n{"".join(lines)}</urlset>\n'.encode()


def _index(places: Iterable[str]) -> bytes:
    lines = (f"<sitemap><loc>{escape(where)}</loc></sitemap>\n" for where in places)
    return f'{_HEAD}<sitemapindex xmlns="{_NAMESPACE}">\n{"".join(lines)}</sitemapindex>\n'.encode()


def _answer(request: web.Request, body: bytes) -> web.Response:
    return conditional(request, body, f"{MEDIA}; charset=utf-8", cache=CACHE_ASK, vary=("Host",))
