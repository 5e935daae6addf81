# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an HTML page says of itself to search engines: the schema.org JSON-LD in its scripts, or such a document alone.

Nothing on the page runs and nothing is fetched: all that is looked for is `<script type="application/ld+json">`. Names
of schema.org are read as they are written there, under its own context; they come out as four kinds of rows. What is
only named by another (the place of an event, its organiser) is a part of that row, not a row.
"""

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS

from .html_text import looks_like_html, markdown_of, text_of
from .json_window import no_constant
from .rows import Dialect, Row

PAGE_BYTES_MAX = 8 * 1024**2
SCRIPTS_MAX = 1000
"""Comments and scripts of a page; the heaviest have some hundred."""
ROWS_MAX = 5000
DEPTH_MAX = 6
TEXT_CHARS_MAX = KINDS["action"].by_name["description"].limit
NAME_CHARS_MAX = KINDS["action"].by_name["name"].limit

KINDS_OF = {
    "event": {"Event", "Festival", "CourseInstance", "Hackathon", "EventSeries"},
    "organization": {
        "Organization", "NGO", "GovernmentOrganization", "LocalBusiness", "EducationalOrganization", "Corporation",
        "PerformingGroup", "MusicGroup", "TheaterGroup", "SportsOrganization", "SportsClub", "NewsMediaOrganization",
        "Cooperative", "School", "Store", "Restaurant", "CafeOrCoffeeShop", "FundingScheme",
    },
    "place": {
        "Place", "CivicStructure", "Library", "Museum", "MusicVenue", "PerformingArtsTheater", "MovieTheater", "Park",
        "EventVenue", "CityHall", "TouristAttraction", "LandmarksOrHistoricalBuildings", "StadiumOrArena",
        "SportsActivityLocation", "PublicSwimmingPool", "ArtGallery", "CommunityHealth", "GovernmentOffice",
    },
    "article": {"Article", "NewsArticle", "BlogPosting", "Report", "SpecialAnnouncement"},
}  # fmt: skip
"""The types of schema.org that a town's archive has room for; every `…Event` is an event."""
WITHIN = ("@graph", "mainEntity", "itemListElement", "item", "subEvent", "event", "events")
"""Where rows are looked for inside another thing."""

_OPENING = re.compile(r"<!--|<script\b([^>]{0,2000})>", re.IGNORECASE)
_COMMENT_END = re.compile("-->")
_SCRIPT_END = re.compile(r"</script", re.IGNORECASE)
_DATA = re.compile(r"""\btype\s*=\s*["']?\s*application/ld\+json""", re.IGNORECASE)


def read_schema_org(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """A row a thing: `kind` is event, organization, place or article."""
    data = file.read(PAGE_BYTES_MAX + 1)
    if len(data) > PAGE_BYTES_MAX:
        yield Row(1, {}, Fault("row", "file_too_large", {"limit": PAGE_BYTES_MAX}))
        return
    text = data.decode(dialect.encoding, errors="replace").removeprefix("\ufeff")
    scripts = iter([(1, text)]) if text.lstrip().startswith(("{", "[")) else _scripts(text)
    found = False
    for line, script in scripts:
        for row in _rows(line, script):
            found = True
            yield row
    if not found:
        yield Row(1, {}, Fault("row", "schema_org_nothing"))


def _scripts(text: str) -> Iterator[tuple[int, str]]:
    """The scripts that are data, with their lines. A comment hides what is in it, a script is text to its end.

    Not an HTML parser, since those of today take quadratic time over what only looks like markup.
    """
    at, line, counted = 0, 1, 0
    for _ in range(SCRIPTS_MAX):
        found = _OPENING.search(text, at)
        if found is None:
            return
        closing = _COMMENT_END if found[0] == "<!--" else _SCRIPT_END
        end = closing.search(text, found.end())
        if end is None:
            return
        line += text.count("\n", counted, found.start())
        at, counted = end.end(), found.start()
        if found[1] and _DATA.search(found[1]):
            yield line, text[found.end() : end.start()]


def _rows(line: int, script: str) -> Iterator[Row]:
    """The things of one script. Pages write line breaks inside texts, and the old comment marks around the whole."""
    bare = script.strip().removeprefix("<!--").removesuffix("-->").strip()
    bare = bare.removeprefix("//<![CDATA[").removeprefix("<![CDATA[").removesuffix("//]]>").removesuffix("]]>")
    try:
        value = json.loads(bare, strict=False, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        yield Row(line, {}, Fault("row", "row_not_json", {"reason": str(error)[:200]}))
        return
    for count, (kind, thing) in enumerate(_things(value, 0)):
        if count >= ROWS_MAX:
            return
        yield Row(line, _cells(kind, thing))


def _things(value: Any, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for one in value:
            yield from _things(one, depth + 1)
    elif isinstance(value, dict):
        if kind := _kind(value):
            yield kind, value
        for name in WITHIN:
            if name in value:
                yield from _things(value[name], depth + 1)


def _kind(thing: Mapping[str, Any]) -> str | None:
    given = thing.get("@type")
    types = {str(one).rpartition("/")[2].rpartition(":")[2] for one in (given if isinstance(given, list) else [given])}
    if any(one.endswith("Event") for one in types):
        return "event"
    return next((kind for kind, names in KINDS_OF.items() if types & names), None)


def _cells(kind: str, thing: Mapping[str, Any]) -> dict[str, Any]:
    name = text_of(_text(thing.get("name") or thing.get("headline")), NAME_CHARS_MAX)
    start = _text(thing.get("startDate")) or None
    url = _address(thing.get("url")) or _address(thing.get("@id"))
    where = thing if kind in ("organization", "place") else thing.get("location")
    body = _text(thing.get("articleBody") or thing.get("description"))
    return {
        "kind": kind,
        "id": _text(thing.get("@id")) or url or sha256(f"{kind} {name} {start}".encode("utf-8", "replace")).hexdigest(),
        "name": name,
        "text": markdown_of(body, TEXT_CHARS_MAX) if looks_like_html(body) else body[:TEXT_CHARS_MAX],
        "start": start,
        "end": _text(thing.get("endDate")) or None,
        "status": _text(thing.get("eventStatus")).rpartition("/")[2],
        "url": url,
        "keywords": _list(thing.get("keywords")),
        "organizer": _text(_one(thing.get("organizer")).get("name")),
        "telephone": _text(thing.get("telephone")),
        "email": _text(thing.get("email")).removeprefix("mailto:"),
        "published": _text(thing.get("datePublished")) or None,
        "language": _text(thing.get("inLanguage")) or None,
        **_where(_one(where), kind),
    }


def _where(place: Mapping[str, Any], kind: str) -> dict[str, Any]:
    address = place.get("address")
    parts = _one(address) if not isinstance(address, str) else {"streetAddress": address}
    geo = _one(place.get("geo"))
    return {
        "place": _text(place.get("name")) if kind == "event" else None,
        "address": _text(parts.get("streetAddress")),
        "postcode": _text(parts.get("postalCode")),
        "city": _text(parts.get("addressLocality")),
        "lat": geo.get("latitude") or place.get("latitude"),
        "lon": geo.get("longitude") or place.get("longitude"),
    }


def _one(value: Any) -> Mapping[str, Any]:
    """The first object of a value; a text alone is a name."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            return one
        if isinstance(one, str):
            return {"name": one}
    return {}


def _text(value: Any) -> str:
    """A text, the first of several, or the value of one that says its language."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@value") or value.get("name")
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _address(value: Any) -> str | None:
    text = _text(value)
    return text if text.startswith(("http://", "https://")) else None


def _list(value: Any) -> list[str]:
    parts = [_text(one) for one in value] if isinstance(value, list) else _text(value).split(",")
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))
