# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is in each kind's table: a column a field, in the order of the declaration, and a few that say where it is from.

Dates stand as they are known (`2026`, `2026-05`) and once more as a day that can be computed with; a point is two
columns; themes stand by their ids and by their names. An outline is left to maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId
from convergences_protocol.kinds import Field, FieldType, Kind

from convergences_node.index.details import Detail
from convergences_node.index.views import Item
from convergences_node.web.surfaces.pair import born, instant

PARTS = ("territory", "year")
"""By which the files are parted: folders of theirs, and no columns in them (Hive's writing)."""
YEAR_OF = ("start", "published")
"""The date that says in which year something is; without one, it is the year in which it was first recorded."""
THEMES = ("theme",)
"""A field that names only these has their names beside."""
LEFT_OUT = (FieldType.OUTLINE, FieldType.MEDIA)
"""What no column holds: an outline is for maps, a file is beside."""

_TYPES: Mapping[FieldType, str] = {FieldType.INTEGER: "BIGINT", FieldType.BOOLEAN: "BOOLEAN"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the field that it is made of, if it is of one, and its type in SQL."""

    name: str
    sql: str
    field: Field | None = None


OWN = (
    Column("id", "VARCHAR"),
    Column("log", "VARCHAR"),
    Column("number", "BIGINT"),
    Column("recorded", "TIMESTAMP"),
    Column("changed", "TIMESTAMP"),
)
"""Of every element: its id, the log whose record says so and the record's number there, when the element was first
recorded and when its current record was written, by its author's clock."""


def columns_of(kind: Kind) -> tuple[Column, ...]:
    """The columns of a kind's table."""
    return (*OWN, *(column for field in kind.fields for column in _columns(field)))


def _columns(field: Field) -> Iterator[Column]:
    if field.type is FieldType.POINT:
        yield from (Column(f"{field.name}_{axis}", "DOUBLE", field) for axis in ("latitude", "longitude"))
    elif field.type not in LEFT_OUT:
        many = "[]" if field.many else ""
        yield Column(field.name, f"{_TYPES.get(field.type, 'VARCHAR')}{many}", field)
        if field.type is FieldType.DATE:
            yield Column(f"{field.name}_day", f"DATE{many}", field)
        elif field.targets == THEMES:
            yield Column(f"{field.name}_name", f"VARCHAR{many}", field)


def row_of(kind: Kind, item: Item, detail: Detail) -> dict[str, Any]:
    """An element's values by column; what is not known is not there."""
    row: dict[str, Any] = {
        "id": item.id,
        "log": item.origin,
        "number": item.index,
        "recorded": instant(born(item.id)),
        "changed": instant(item.time),
    }
    for name, value in detail.fields.items():
        if (field := kind.by_name.get(name)) is not None:
            row.update(_values(field, value, detail.labels))
    return row


def _values(field: Field, value: Any, labels: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if field.type is FieldType.POINT:
        yield from zip(
            (f"{field.name}_latitude", f"{field.name}_longitude"), (each / 1e7 for each in value), strict=True
        )
    elif field.type not in LEFT_OUT:
        yield field.name, value
        if field.type is FieldType.DATE:
            yield f"{field.name}_day", _each(value, day_of)
        elif field.targets == THEMES:
            yield f"{field.name}_name", _each(value, labels.get)


def _each(value: Any, made: Any) -> Any:
    return [made(each) for each in value] if isinstance(value, list) else made(value)


def day_of(text: str) -> str | None:
    """The first day of a date; None for one that no calendar of a program has."""
    try:
        return datetime.fromtimestamp(span(text)[0], UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return None


def parts_of(item: Item, detail: Detail) -> tuple[str, str]:
    """The territory whose log says so, and the year."""
    date = next((detail.fields[name] for name in YEAR_OF if name in detail.fields), None)
    year = str(date)[:4] if date else instant(born(item.id))[:4]
    return ElementId.parse(item.id).territory, year
