# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events that ActivityStreams documents carry: Mobilizon's and Gancio's, alone, in an activity, or in a collection.

Only what was said to everybody is read: a draft, or an event that is not addressed to the public, is refused. So is an
item that is only an address, since nothing is fetched here; whoever fetched the collection may fetch the rest.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS

from .html_text import markdown_of
from .json_window import items
from .rows import Dialect, Row

READ = ("Event", "Article")
CARRYING = ("Create", "Update", "Announce", "Add")
COLLECTIONS = ("Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage")
PUBLIC = frozenset({"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"})
CARRIED_MAX = 4
"""An announce of a create of an event is three deep."""
TEXT_CHARS_MAX = KINDS["action"].by_name["description"].limit
TAGS_MAX = 50


def read_mobilizon(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """A row an event or an article."""
    for item in items(file, dialect):
        if item.fault:
            yield Row(item.line, {}, item.fault)
        elif isinstance(inner := _collected(item.value), list):
            for one in inner:
                yield _row(item.line, one)
        else:
            yield _row(item.line, item.value)


def _collected(value: Any) -> Any:
    """What a collection holds, in itself or in its first page."""
    for _ in range(CARRIED_MAX):
        if not isinstance(value, dict) or value.get("type") not in COLLECTIONS:
            return value
        value = next((value[name] for name in ("orderedItems", "items", "first") if value.get(name)), [])
    return value


def _row(line: int, value: Any) -> Row:
    for _ in range(CARRIED_MAX):
        if isinstance(value, dict) and value.get("type") in CARRYING:
            value = value.get("object")
    if isinstance(value, str):
        return Row(line, {}, Fault("row", "mobilizon_address", {"given": value[:200]}))
    if not isinstance(value, dict) or value.get("type") not in READ:
        kind = value.get("type") if isinstance(value, dict) else type(value).__name__
        return Row(line, {}, Fault("row", "mobilizon_type", {"given": str(kind)[:60]}))
    if value.get("draft") is True or not _is_public(value):
        return Row(line, {}, Fault("row", "ics_private"))
    return Row(line, _cells(value))


def _is_public(value: Mapping[str, Any]) -> bool:
    """Whether it is addressed to everybody; some leave the address to the activity around it."""
    given = [value[name] for name in ("to", "cc") if name in value]
    found = {str(one) for part in given for one in (part if isinstance(part, list) else [part])}
    return not given or bool(found & PUBLIC)


def _cells(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": value.get("type"),
        "id": value.get("id") or value.get("uuid"),
        "name": value.get("name"),
        "text": markdown_of(str(value.get("content") or value.get("summary") or ""), TEXT_CHARS_MAX),
        "start": value.get("startTime"),
        "end": value.get("endTime"),
        "timezone": value.get("timezone"),
        "status": value.get("ical:status") or value.get("status"),
        "url": value.get("url") if isinstance(value.get("url"), str) else value.get("id"),
        "category": value.get("category"),
        "tags": _tags(value.get("tag")),
        "organizer": value.get("attributedTo") if isinstance(value.get("attributedTo"), str) else None,
        "published": value.get("published"),
        "updated": value.get("updated"),
        "language": value.get("inLanguage"),
        "online": value.get("isOnline"),
        **_where(value.get("location")),
    }


def _tags(given: Any) -> list[str]:
    """Hashtags, without their sign; a mention names a person and is not read."""
    tags = [tag for tag in (given if isinstance(given, list) else [given]) if isinstance(tag, dict)]
    names = [str(tag.get("name") or "").lstrip("#").strip() for tag in tags[:TAGS_MAX] if tag.get("type") == "Hashtag"]
    return list(dict.fromkeys(filter(None, names)))


def _where(given: Any) -> dict[str, Any]:
    place = next((one for one in (given if isinstance(given, list) else [given]) if isinstance(one, dict)), {})
    address = place.get("address")
    parts = address if isinstance(address, dict) else {"streetAddress": address}
    return {
        "place": place.get("name"),
        "address": parts.get("streetAddress"),
        "postcode": parts.get("postalCode"),
        "city": parts.get("addressLocality"),
        "lat": place.get("latitude"),
        "lon": place.get("longitude"),
    }
