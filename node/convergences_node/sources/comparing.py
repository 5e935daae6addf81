# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people have written here beside what the source says now, field by field, for elements that both have changed.

An edit made here is never overwritten by its source. Who looks after the town sees both, and may take either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import read_body, read_header

if TYPE_CHECKING:
    from convergences_node.archive.model import Entry
    from convergences_node.archive.reader import ArchiveReader
    from convergences_node.town import Town

SHOWN_MAX = 200
BESIDE_THE_POINT = frozenset({"source", "source_id", "fetched"})


async def differences(town: Town, beside: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`[{element, kind, name, differences: {field: {here, there}}}]` of the first 200."""
    shown = dict(list(beside.items())[:SHOWN_MAX])
    found: list[dict[str, Any]] = await town.archive.read(
        lambda reader: [_one(reader, *item) for item in shown.items()]
    )
    return [one for one in found if one["differences"]]


def _one(reader: ArchiveReader, element: str, there: Mapping[str, Any]) -> dict[str, Any]:
    current = reader.current(ElementId.parse(element))
    here = fields_of(current) if current is not None else {}
    differ = differing(here, there) if there else set()
    return {
        "element": element,
        "kind": read_header(current.header).kind if current is not None else "",
        "name": here.get("name", there.get("name")),
        "differences": {
            name: {"here": here.get(name), "there": there.get(name)}
            for name in dict.fromkeys([*there, *here])
            if name in differ
        },
    }


def differing(here: Mapping[str, Any], there: Mapping[str, Any]) -> set[str]:
    """The fields of which the two do not say the same, but for what only says where a row is from."""
    return {name for name in {**there, **here} if name not in BESIDE_THE_POINT and here.get(name) != there.get(name)}


def fields_of(current: Entry) -> Mapping[str, Any]:
    """What a record says; nothing, if it cannot be read."""
    if current.body is None:
        return {}
    try:
        return read_body(read_header(current.header), current.body)
    except Unreadable:
        return {}
