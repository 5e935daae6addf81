# SPDX-License-Identifier: AGPL-3.0-or-later
"""A search or an element as an Atom feed (RFC 4287): what is new, followed by a feed reader.

An entry's id is the element's uuid as a URN, so that it stays itself whichever town's feed it is read in. The next
pages are linked as RFC 5005 section 3 has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace as dataclass_with
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from aiohttp import web
from convergences_protocol.element import ElementId
from convergences_protocol.kinds.media import Media
from msgspec.structs import replace

from convergences_node.index import cursors
from convergences_node.index.query import Query
from convergences_node.index.views import ElementView, Item
from convergences_node.media.named import address, media_of
from convergences_node.web import dates, words
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.cards import Reading
from convergences_node.web.exporting import (
    Exported,
    answer_file,
    exported_element,
    exported_search,
    gather,
    narrowed_to,
    printable,
    shown,
)
from convergences_node.web.pages import reading_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.problems import Problem
from convergences_node.web.town_door import Town

MEDIA = "application/atom+xml; charset=utf-8"
ENTRIES_MAX = 50
PUBLISHED_MAX = 1_000
"""Publications on one element that its feed leads to: beyond, a search for them is the way."""
PUBLISHED = "published-"
"""How the cursor of a page of publications begins, and none of a search does (`cursors.Place` is an array)."""
ATOM, GEORSS = "http://www.w3.org/2005/Atom", "http://www.georss.org/georss"
_TIME_LAST = 253_402_300_799


async def search_feed(request: web.Request) -> web.Response:
    """A search as an Atom feed, the newest first unless another order is asked for."""
    asked = question_of(request)
    exported = await exported_search(request, replace(shown(asked), sort=asked.sort or "newest"), ENTRIES_MAX)
    return await _answer(request, exported)


async def element_feed(request: web.Request) -> web.Response:
    """An element as an Atom feed: itself, what is published on it, then the newest of what is linked to it or hangs
    under it, page after page."""
    exported, view = await exported_element(request)
    items, cursor = await _page(request, view, request.query.get("cursor", "").strip())
    ids = [item.id for item in items]
    details = {**exported.details, **await town_of(request).index.details(ids)}
    further = _further(request, exported, cursor) if cursor else None
    return await _answer(request, dataclass_with(exported, items=items, details=details, next=further))


async def _page(request: web.Request, view: ElementView, cursor: str) -> tuple[tuple[Item, ...], str | None]:
    """The elements of one page, each once, and the cursor of the next. The first page has the element and the newest of
    what is published; the rest of that comes after all that is linked. What is both may be on two pages."""
    town = town_of(request)
    if cursor.startswith(PUBLISHED):
        return await _published(town, view, _skipped(cursor), ENTRIES_MAX)
    asked = narrowed_to(view, shown(Query(sort="newest", cursor=cursor or None)))
    if cursor and not cursors.belongs(cursor, asked):
        raise _not_a_cursor()
    newest, older = await _published(town, view, 0, ENTRIES_MAX // 2)
    first = () if cursor else (view.item, *newest)
    items, further = await gather(town, asked, ENTRIES_MAX - len(first))
    return tuple({item.id: item for item in (*first, *items)}.values()), further or older


async def _published(town: Town, view: ElementView, skipped: int, most: int) -> tuple[tuple[Item, ...], str | None]:
    """What is published on the element or on anything that belongs to it, from one on, and where it goes on."""
    end = min(skipped + most, PUBLISHED_MAX)
    found = await town.index.published(view.item.id, end)
    is_more = found.more and len(found.publications) == end < PUBLISHED_MAX
    return tuple(each.item for each in found.publications[skipped:]), f"{PUBLISHED}{end}" if is_more else None


def _skipped(cursor: str) -> int:
    """How many publications were on the pages before."""
    number = cursor.removeprefix(PUBLISHED)
    if not (number.isascii() and number.isdecimal() and len(number) < 5 and 0 < int(number) < PUBLISHED_MAX):
        raise _not_a_cursor()
    return int(number)


def _not_a_cursor() -> Problem:
    return Problem("cursor-refused", faults=[("cursor", "not_a_cursor", {})])


def _further(request: web.Request, exported: Exported, cursor: str) -> str:
    """The address of the next page, in the reader's language if it was asked for."""
    asked = {name: value for name, value in request.query.items() if name == "lang"}
    return f"{exported.base}{quote(request.path, safe='/:')}?{urlencode({**asked, 'cursor': cursor})}"


async def _answer(request: web.Request, exported: Exported) -> web.Response:
    town = town_of(request)
    names = await territory_names(town, {item.territory for item in exported.items})
    body = await asyncio.to_thread(feed, exported, reading_of(request), names, town)
    return answer_file(request, exported, body, MEDIA, "atom")


def feed(exported: Exported, reading: Reading, names: Mapping[str, str], town: Town) -> bytes:
    """The feed's bytes; `names` are those of the towns whose entries it holds, by their codes."""
    ET.register_namespace("", ATOM)
    ET.register_namespace("georss", GEORSS)
    items = exported.items
    root = ET.Element(_atom("feed"), {"{http://www.w3.org/XML/1998/namespace}lang": reading.messages.language})
    _text(root, "id", f"urn:uuid:{uuid5(NAMESPACE_URL, exported.here)}")
    _text(root, "title", exported.title)
    _text(root, "updated", _time(max((item.time for item in items), default=town.status().started_at)))
    _author(root, town.web_settings.name, f"{exported.base}/")
    _link(root, "self", exported.here, "application/atom+xml")
    _link(root, "alternate", exported.page, "text/html")
    if exported.next:
        _link(root, "next", exported.next, "application/atom+xml")
    for item in items:
        _entry(root, exported, reading, item, names.get(item.territory, item.territory))
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _entry(root: ET.Element, exported: Exported, reading: Reading, item: Item, town: str) -> None:
    entry = ET.SubElement(root, _atom("entry"))
    element = ElementId.parse(item.id)
    detail = exported.details.get(item.id)
    fields = detail.fields if detail else {}
    labels = detail.labels if detail else {}
    _text(entry, "id", f"urn:uuid:{item.id.partition(':')[2]}")
    _text(entry, "title", item.name or reading.messages.text("element.untitled"))
    _text(entry, "published", _time(int.from_bytes(element.uuid[:6], "big") // 1000))
    _text(entry, "updated", _time(item.time))
    _link(entry, "alternate", exported.address(item.id), "text/html")
    _author(entry, town, f"{exported.base}/?{urlencode({'territory': item.territory})}")
    _category(entry, item.kind, words.kind_label(reading.messages, item.kind))
    for theme in item.themes:
        if theme in labels:
            _category(entry, theme, labels[theme])
    for _, medium in media_of(item.kind, fields):
        _enclosure(entry, address(medium.digest, exported.base), medium)
    _text(entry, "summary", _summary(reading, item))
    if licence := fields.get("licence"):
        _text(entry, "rights", str(licence))
    if item.location is not None and "location" in fields:
        lat, lon = item.location
        ET.SubElement(entry, f"{{{GEORSS}}}point").text = f"{lat / 1e7:.7f} {lon / 1e7:.7f}"


def _summary(reading: Reading, item: Item) -> str:
    """When and where in words, then what: a feed reader shows little else. Never empty: an entry without content needs
    one."""
    when = dates.when(reading.messages, item.start, item.end, reading.zone)
    where = words.place_line({"address": item.address, "locality": item.locality})
    lines = [part for part in (when, where, item.summary or "") if part]
    return "\n".join(lines) or words.kind_label(reading.messages, item.kind)


def _atom(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, _atom(name)).text = printable(text)


def _author(parent: ET.Element, name: str, uri: str) -> None:
    """A town by its name; its code is in the address of all that it says here (RFC 4287 section 3.2)."""
    author = ET.SubElement(parent, _atom("author"))
    _text(author, "name", name)
    _text(author, "uri", uri)


def _link(parent: ET.Element, rel: str, href: str, media: str) -> None:
    ET.SubElement(parent, _atom("link"), {"rel": rel, "href": href, "type": media})


def _enclosure(parent: ET.Element, href: str, medium: Media) -> None:
    """A picture or a document of an entry (RFC 4287 section 4.2.7.2), titled by its words."""
    attributes = {"rel": "enclosure", "href": href, "type": medium.type, "length": str(medium.bytes)}
    ET.SubElement(parent, _atom("link"), attributes | {"title": printable(medium.alt)})


def _category(parent: ET.Element, term: str, label: str) -> None:
    ET.SubElement(parent, _atom("category"), {"term": printable(term), "label": printable(label)})


def _time(seconds: int) -> str:
    """RFC 3339, of a clock that may have been anywhere."""
    moment = datetime.fromtimestamp(min(max(seconds, 0), _TIME_LAST), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
