# SPDX-License-Identifier: AGPL-3.0-or-later
"""One point for a geometry (RFC 7946 section 3.1), since what a table lists stands somewhere, whatever its outline.

A point is itself; a library drawn as a building stands at the middle of its outline. What is not a geometry has none.
"""

from collections.abc import Iterator
from typing import Any

GEOMETRIES = (
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
)
POSITIONS_MAX = 100_000
DEPTH_MAX = 8
"""A MultiPolygon inside a collection is five lists deep."""


def middle(geometry: Any) -> list[Any] | None:
    """`[longitude, latitude]`: the point itself as it was written, else the middle of the geometry's bounds."""
    if not isinstance(geometry, dict):
        return None
    coordinates = geometry.get("coordinates")
    if geometry.get("type") == "Point":
        return coordinates[:2] if isinstance(coordinates, list) and len(coordinates) >= 2 else None
    first: list[float] | None = None
    for count, (x, y) in enumerate(_positions([coordinates, geometry.get("geometries")], 0)):
        if count >= POSITIONS_MAX:
            break
        west, south, east, north = first or (x, y, x, y)
        first = [min(west, x), min(south, y), max(east, x), max(north, y)]
    if first is None:
        return None
    return [round((first[0] + first[2]) / 2, 7), round((first[1] + first[3]) / 2, 7)]


def _positions(value: Any, depth: int) -> Iterator[tuple[float, float]]:
    """Every position below `value`: a list that begins with two numbers, however deep."""
    if isinstance(value, dict):
        value = [value.get("coordinates"), value.get("geometries")]
    if not isinstance(value, list) or depth > DEPTH_MAX:
        return
    if len(value) >= 2 and all(type(part) in (int, float) for part in value[:2]):
        yield value[0], value[1]
        return
    for inner in value:
        yield from _positions(inner, depth + 1)
