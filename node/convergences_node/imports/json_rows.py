# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of JSON files: one object a line (NDJSON), a list of objects, or GeoJSON (RFC 7946).

Nested objects become columns named `outer.inner`; a feature's geometry becomes the columns `lon` and `lat`.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from .geojson_point import GEOMETRIES, middle
from .json_window import items, no_constant
from .rows import Dialect, Row
from .text import read_lines

NESTING_MAX = 4
"""Columns deeper than that are not columns."""


def read_ndjson(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """One object a line; empty lines are passed over."""
    for line in read_lines(file, dialect.encoding):
        text = line.text.strip("\ufeff \t\r\n")
        if line.fault:
            yield Row(line.number, {}, line.fault)
        elif text:
            yield _parse(line.number, text)


def _parse(number: int, text: str) -> Row:
    try:
        value = json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        return Row(number, {}, Fault("row", "row_not_json", {"reason": str(error)[:200]}))
    return row_of(number, value)


def read_json(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """The objects of a list, or of the list of a known name in one object; a feature that stands alone is a row."""
    for item in items(file, dialect):
        if item.fault:
            yield Row(item.line, {}, item.fault)
        elif item.whole and item.value.get("type") not in ("Feature", *GEOMETRIES):
            yield Row(item.line, {}, Fault("row", "json_no_list"))
        else:
            yield row_of(item.line, item.value)


def row_of(number: int, value: Any) -> Row:
    """The row that an object is."""
    if not isinstance(value, dict):
        return Row(number, {}, Fault("row", "row_not_an_object", {"found": type(value).__name__}))
    if value.get("type") == "Feature":
        value = _feature(value)
    elif value.get("type") in GEOMETRIES and value.keys() & {"coordinates", "geometries"}:
        value = _feature({"geometry": value})
    return Row(number, flat(value))


def _feature(value: dict[str, Any]) -> dict[str, Any]:
    """A feature's properties, its id, and where it is."""
    properties = value.get("properties")
    columns: dict[str, Any] = {"id": value.get("id"), **(properties if isinstance(properties, dict) else {})}
    point = middle(value.get("geometry"))
    if point is not None:
        columns.setdefault("lon", point[0])
        columns.setdefault("lat", point[1])
    return columns


def flat(value: dict[str, Any], prefix: str = "", depth: int = 1) -> dict[str, Any]:
    """Nested objects as columns named `outer.inner`."""
    columns: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and depth < NESTING_MAX:
            columns.update(flat(inner, f"{prefix}{name}.", depth + 1))
        else:
            columns[prefix + name] = inner
    return columns
