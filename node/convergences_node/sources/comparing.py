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
    from convergences_node.archive.reader import ArchiveReader
    from convergences_node.town import Town

SHOWN_MAX = 200
BESIDE_THE_POINT = frozenset({"source", "source_id", "fetched"})


async def differences(town: Town, beside: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`[{element, name, differences: {field: {here, there}}}]` of the first 200."""
    shown = dict(list(beside.items())[:SHOWN_MAX])
    found: list[dict[str, Any]] = await town.archive.read(
        lambda reader: [_one(reader, *item) for item in shown.items()]
    )
    return [one for one in found if one["differences"]]


def _one(reader: ArchiveReader, element: str, there: Mapping[str, Any]) -> dict[str, Any]:
    here = _fields(reader, element)
    names = dict.fromkeys([*there, *here]) if there else {}
    return {
        "element": element,
        "name": here.get("name", there.get("name")),
        "differences": {
            name: {"here": here.get(name), "there": there.get(name)}
            for name in names
            if name not in BESIDE_THE_POINT and here.get(name) != there.get(name)
        },
    }


def _fields(reader: ArchiveReader, element: str) -> Mapping[str, Any]:
    current = reader.current(ElementId.parse(element))
    if current is None or current.body is None:
        return {}
    try:
        return read_body(read_header(current.header), current.body)
    except Unreadable:
        return {}
