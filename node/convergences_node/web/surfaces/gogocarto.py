# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element as GoGoCarto's API gives it, full, compact or as a bare id: what maps and Transiscope read.

Only what has a place of its own is there. Dates are ISO 8601; `email` is `private`, as they write it; ids are the
elements' own. The compact array and its mapping follow their generator. Whatever they have no word for stands under a
key of its own, which they keep.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from convergences_protocol.kinds import KINDS

from convergences_node.index.details import Detail
from convergences_node.index.views import Item
from convergences_node.media.named import address, media_of
from convergences_node.web import words
from convergences_node.web.exporting import printable
from convergences_node.web.surfaces.pair import Reader, born, date_time

KINDS_PLACED = tuple(name for name in words.KINDS_SHOWN if "location" in KINDS[name].by_name)
"""What a person looks for on a map."""
COUNTRY = "FR"
STATUS_OWN, STATUS_IMPORTED = 3, 7
"""Added by an administrator; taken in from another source."""
ID_BITS = 48
"""A category's number is made of its theme's id: the same on every node, for ever, and exact as a JavaScript number. Of
a thousand themes two have the same one once in half a billion towns."""
MAPPING = ["id", ["name"], "latitude", "longitude", "status", "moderationState"]
MODERATION_NONE = 0

Names = Mapping[str, str]
"""The themes' names, by their ids."""


def is_placed(item: Item, detail: Detail) -> bool:
    """Whether it is on a map: it has a point of its own, and a name."""
    return "location" in detail.fields and bool(printable(item.name).strip())


@lru_cache(maxsize=10_000)
def number_of(theme: str) -> int:
    """A theme's number as a category."""
    return int.from_bytes(hashlib.sha256(theme.encode()).digest()[: ID_BITS // 8], "big")


def full(item: Item, detail: Detail, towns: Names, reader: Reader) -> dict[str, Any]:
    """An element with all that it says."""
    fields, labels = detail.fields, detail.labels
    themes = [theme for theme in item.themes if theme in labels]
    media = [medium for _, medium in media_of(item.kind, fields)]
    made: dict[str, Any] = {
        "id": item.id,
        "name": printable(item.name),
        "geo": _geo(fields),
        "sourceKey": towns.get(item.territory, item.territory),
        "address": _address(fields),
        "createdAt": iso(born(item.id), reader),
        "updatedAt": iso(item.time, reader),
        "status": _status(fields),
        "categories": [printable(labels[theme]) for theme in themes],
        "categoriesFull": [
            {"id": number_of(theme), "name": printable(labels[theme]), "description": "", "index": number}
            for number, theme in enumerate(themes)
        ],
        "images": [address(one.digest, reader.base) for one in media if one.is_picture],
        "files": [address(one.digest, reader.base) for one in media if not one.is_picture],
        "stamps": [],
        "url": reader.address(item.id),
        "kind": item.kind,
    }
    made |= {name: printable(str(fields[field])) for field, name in _SAME.items() if fields.get(field)}
    made |= _more(fields, reader)
    return made


_SAME = {
    "type": "type",
    "website": "website",
    "phone": "telephone",
    "description": "description",
    "summary": "summary",
    "opening_hours": "openHoursMoreInfos",
    "source": "source",
    "source_id": "sourceId",
    "licence": "licence",
    "accessibility": "accessibility",
    "audience": "audience",
    "period": "period",
    "recurrence": "recurrence",
}
"""Fields that are one text there too."""


def _more(fields: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if "description" not in fields and (summary := fields.get("summary")):
        made["description"] = printable(summary)
    if fields.get("email"):
        made["email"] = "private"
    for field, name, last in (("start", "startDate", False), ("end", "endDate", True)):
        if field in fields and (moment := date_time(fields[field], last, fields.get("timezone"), reader.zone)):
            made[name] = moment
    if fields.get("status"):
        made["eventStatus"] = fields["status"]
    return made


def compact(item: Item, detail: Detail) -> list[Any]:
    """An element as the array that `MAPPING` explains, with its categories' numbers after its place."""
    geo = _geo(detail.fields)
    options = [number_of(theme) for theme in item.themes if theme in detail.labels]
    name = [printable(item.name)]
    return [item.id, name, geo["latitude"], geo["longitude"], options, _status(detail.fields), MODERATION_NONE]


def bare(item: Item) -> dict[str, str]:
    """An element as its id alone: with a date beside it, SemApps' importer would never see a change."""
    return {"id": item.id}


def _geo(fields: Mapping[str, Any]) -> dict[str, float]:
    lat, lon = fields["location"]
    return {"latitude": lat / 1e7, "longitude": lon / 1e7}


def _address(fields: Mapping[str, Any]) -> dict[str, str]:
    names = (("address", "streetAddress"), ("locality", "addressLocality"), ("postcode", "postalCode"))
    return {name: printable(fields[field]) for field, name in names if fields.get(field)} | {"addressCountry": COUNTRY}


def _status(fields: Mapping[str, Any]) -> int:
    return STATUS_IMPORTED if "source" in fields else STATUS_OWN


def iso(seconds: int, reader: Reader) -> str:
    """A clock's time, on the town's own clocks."""
    moment = datetime.fromtimestamp(min(max(seconds, 0), 253_402_207_200), UTC)
    return moment.astimezone(reader.zone).isoformat()
