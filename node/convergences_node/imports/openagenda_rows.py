# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events of OpenAgenda, as its API tells them or as open-data portals flatten them, under one set of columns.

The API says `title: {fr: …}` and `location: {insee: …}`; the export of Opendatasoft says `title_fr`, `location_insee`,
with lists written as text; copies rename again. An event with many sittings is as few actions as say all of them
(`sittings.py`); one whose sittings follow no rule that could be found keeps its first beginning and its last end. The
sentence that OpenAgenda makes of them stays with each.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS

from .html_text import looks_like_html, markdown_of
from .json_window import items
from .rows import Dialect, Row
from .sittings import SITTINGS_MAX, actions_of, sittings_of

LANGUAGES = ("fr", "en")
NESTED_CHARS_MAX = 512 * 1024
TEXT_CHARS_MAX = KINDS["action"].by_name["description"].limit
ONLINE = 2
"""Of `attendanceMode`: 1 in situ, 2 online, 3 both."""


def read_openagenda(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """A row an event."""
    for item in items(file, dialect):
        value = item.value
        if item.fault:
            yield Row(item.line, {}, item.fault)
        elif item.whole or not isinstance(value, dict):
            found = "dict" if item.whole else type(value).__name__
            yield Row(item.line, {}, Fault("row", "row_not_an_object", {"found": found}))
        else:
            # The first version of Opendatasoft's API wraps each record.
            inner = value.get("fields") if isinstance(value.get("fields"), dict) else value
            assert isinstance(inner, dict)
            event = {name.replace("_", "").lower(): cell for name, cell in inner.items()}
            yield from (Row(item.line, cells) for cells in _actions(event))


def _actions(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The event's cells, once for each action that it is: the first has the event's own id."""
    cells, zone = _cells(event), _say(event, "timezone")
    timezone = zone if isinstance(zone, str) else None
    sittings = sittings_of(_timings(event), timezone)
    found = actions_of(sittings, timezone) if len(sittings) > 1 else []
    for one in found:
        yield cells | one | {"uid": f"{cells['uid']}{one['id']}"}
    if not found:
        yield cells


def _cells(event: Mapping[str, Any]) -> dict[str, Any]:
    timings = _timings(event) or [("", "")]
    text = str(_say(event, "longdescription") or "")
    return {
        "uid": event.get("uid"),
        "title": _say(event, "title"),
        "summary": _say(event, "description"),
        "text": markdown_of(text, TEXT_CHARS_MAX) if looks_like_html(text) else text[:TEXT_CHARS_MAX],
        "keywords": _list(_say(event, "keywords")),
        "start": timings[0][0] or _say(event, "firstdatebegin", "firstdate"),
        "end": timings[-1][1] or _say(event, "lastdateend", "lastdate"),
        "period": _say(event, "daterange", "datedisplay"),
        "status": str(_code(event.get("status")) or ""),
        "url": event.get("canonicalurl") or event.get("url") or _address_of(event),
        "updated": event.get("updatedat"),
        "agenda": _say(event, "originagendatitle") or _say(_object(event.get("originagenda")), "title"),
        "conditions": _say(event, "conditions"),
        **_where(event),
    }


def _address_of(event: Mapping[str, Any]) -> str | None:
    slug = event.get("slug")
    return f"https://openagenda.com/events/{slug}" if slug else None


def _where(event: Mapping[str, Any]) -> dict[str, Any]:
    """The place, nested or flattened; none for an event that is only online."""
    nested = {key.replace("_", "").lower(): cell for key, cell in _object(event.get("location")).items()}
    if _code(event.get("attendancemode")) == ONLINE:
        return {"online": True}
    point = _object(event.get("locationcoordinates"))

    def told(*names: str) -> Any:
        return next(
            (found for name in names for found in (nested.get(name), event.get(f"location{name}")) if found), None
        )

    return {
        "place": _say(nested, "name") or _say(event, "locationname"),
        "address": told("address"),
        "postcode": told("postalcode"),
        "city": told("city"),
        "insee": told("insee"),
        "lat": told("latitude", "coordinates.lat") or point.get("lat") or event.get("latitude"),
        "lon": told("longitude", "coordinates.lon") or point.get("lon") or event.get("longitude"),
    }


def _say(event: Mapping[str, Any], *names: str) -> Any:
    """The value of the first name that has one; of several languages, French before English before the first."""
    for name in names:
        value = event.get(name)
        if isinstance(value, dict):
            value = next((value[one] for one in (*LANGUAGES, *value) if value.get(one)), None)
        value = value or next((event[name + one] for one in LANGUAGES if event.get(name + one)), None)
        if value:
            return value
    return None


def _timings(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Beginnings and ends in order."""
    given = _parsed(event.get("timings"))
    found = [
        (str(one.get("begin") or one.get("start") or ""), str(one.get("end") or ""))
        for one in (given[:SITTINGS_MAX] if isinstance(given, list) else [])
        if isinstance(one, dict)
    ]
    return sorted((begin, end) for begin, end in found if begin)


def _object(value: Any) -> dict[str, Any]:
    found = _parsed(value)
    return found if isinstance(found, dict) else {}


def _parsed(value: Any) -> Any:
    """JSON that an export has written as text."""
    if not isinstance(value, str) or not value.startswith(("[", "{")) or len(value) > NESTED_CHARS_MAX:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _code(value: Any) -> int | None:
    found = _parsed(value)
    code = found.get("id") if isinstance(found, dict) else found
    return code if type(code) is int else None


def _list(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else str(value or "").replace(";", ",").split(",")
    return list(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))
