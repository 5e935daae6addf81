# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every export shares: the elements it holds with all their fields, its bounds, its addresses, how it is answered.

An export is the same question as the page, read by a program: a calendar, a feed reader, a spreadsheet, a map. It holds
at most `ITEMS_MAX` elements and says in a `Link` header (RFC 8288) where the next ones are. It is whole or refused: a
node that lacks part of what a question concerns answers 503 (`surfaces/whole.py`), and every file says how many
elements it holds, and its digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.details import Detail
from convergences_node.index.query import LIMIT_MAX, Query
from convergences_node.index.views import ElementView, Item
from convergences_node.web import words
from convergences_node.web.absent import absent
from convergences_node.web.arriving import scheme_of
from convergences_node.web.asking import element_of, messages_of, question_of, town_of
from convergences_node.web.element_facts import contents_query
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.surfaces.whole import require_well
from convergences_node.web.town_door import Town

ITEMS_MAX = 1000
"""Elements in one file: five pages of the index, about half a megabyte."""
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?")
# XML 1.0 section 2.2 has no place for these, RFC 5545 section 3.1 neither, and no reader wants them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Exported:
    """Elements, all that their records say, and where the next ones are."""

    title: str
    items: tuple[Item, ...]
    details: Mapping[str, Detail]
    base: str
    """The address of this node, without a last slash."""
    here: str
    """The address of this export."""
    page: str
    """The page that shows the same to a person."""
    next: str | None = None

    def address(self, element: str) -> str:
        """The page of an element: what it is called on the web."""
        return f"{self.base}/e/{quote(element, safe=':')}"


def base_of(request: web.Request) -> str:
    """The address of these pages that the operator gave; else the one that the reader came by, and a name that no
    browser would send is not repeated."""
    if public := town_of(request).web_settings.public_url:
        return public
    host = request.host if _HOST.fullmatch(request.host) else "localhost"
    return f"{scheme_of(request)}://{host}"


def printable(text: str) -> str:
    """A text without the characters that no format can carry, its lines ended one way."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


async def exported_search(request: web.Request, asked: Query, most: int = ITEMS_MAX) -> Exported:
    """What a question finds, up to a bound."""
    town, base = town_of(request), base_of(request)
    items, cursor = await gather(town, asked, most)
    params = urlencode(question_of(request).without_page().to_params())
    further = urlencode(replace(asked, cursor=cursor, limit=Query().limit).to_params()) if cursor else None
    details = await town.index.details([item.id for item in items])
    return Exported(
        title=title_of(request, asked),
        # What was erased since it was found is in no file, and is not counted.
        items=tuple(item for item in items if item.id in details),
        details=details,
        base=base,
        here=f"{base}{request.path_qs}",
        page=f"{base}/?{params}" if params else f"{base}/",
        next=f"{base}{request.path}?{further}" if further else None,
    )


async def gather(town: Town, asked: Query, most: int) -> tuple[tuple[Item, ...], str | None]:
    """The first elements that a question finds, and the cursor after them. Raises the Problem `not-whole` where the
    node lacks part of what the question concerns."""
    items: list[Item] = []
    cursor = asked.cursor
    while len(items) < most:
        limit = min(LIMIT_MAX, most - len(items))
        page = await town.index.search(replace(asked, cursor=cursor, limit=limit), fold=False)
        require_well(town, page.coverage)
        items += page.items
        cursor = page.cursor
        if cursor is None:
            break
    return tuple(items), cursor


async def exported_element(request: web.Request) -> tuple[Exported, ElementView]:
    """One element, with all that its record says."""
    town, element = town_of(request), str(element_of(request))
    view = await town.index.element(element)
    if view is None:
        raise await absent(town, element)
    base = base_of(request)
    exported = Exported(
        title=_site_title(request, view.item.name),
        items=(view.item,),
        details=await town.index.details([element]),
        base=base,
        here=f"{base}{request.path_qs}",
        page=f"{base}/e/{quote(element, safe=':')}",
    )
    return exported, view


def narrowed_to(view: ElementView, asked: Query) -> Query:
    """A question about what hangs under an element, or is linked to it."""
    under = contents_query(view)
    return replace(
        asked,
        themes=under.themes if under else (),
        territories=under.territories if under else (),
        related=None if under else view.item.id,
    )


def shown(asked: Query) -> Query:
    """The question as a page asks it: what a person looks for, unless kinds are named."""
    return asked if asked.kinds else replace(asked, kinds=words.KINDS_SHOWN)


def title_of(request: web.Request, asked: Query) -> str:
    """What an export of a search is called."""
    messages = messages_of(request)
    text = printable(asked.text)
    return _site_title(request, messages.text("search.title_text", text=text) if text else messages.text("take.all"))


def _site_title(request: web.Request, name: str) -> str:
    return messages_of(request).text("site.title", page=printable(name), town=town_of(request).web_settings.name)


def answer_file(request: web.Request, exported: Exported, body: bytes, media: str, suffix: str) -> web.Response:
    """The file, or 304 if the reader holds it; with how many elements it holds, its digest, a name to be kept under and
    the way to the next one."""
    response = conditional(request, body, media, cache=CACHE_ASK, vary=("Accept-Language", "Host"), digested=True)
    response.headers["Content-Disposition"] = file_name(request, suffix)
    response.headers["X-Total-Count"] = str(len(exported.items))
    if exported.next:
        response.headers["Link"] = f'<{exported.next}>; rel="next"'
    return response


def file_name(request: web.Request, suffix: str) -> str:
    """`Content-Disposition` (RFC 6266): shown where that can be, and a name to be kept under."""
    name = re.sub(r"[^A-Za-z0-9-]+", "-", request.match_info.get("id", "") or "convergences").strip("-")[:80]
    return f'inline; filename="{name}.{suffix}"'
