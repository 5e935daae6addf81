# SPDX-License-Identifier: AGPL-3.0-or-later
"""Outlines: of the communes that the examples use, and, roughly, of the départements; and what is around a point.

Only a few dozen communes have an outline here: all of France is a hundred times larger than this package and is left
to the operator (`docs/` names the source). Where there is none, the answer is `None`, never a guess. The outlines of
départements are some hundred metres off: they tell apart what has one name and lies far apart, and nothing finer.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from convergences_node.territories.facts import Outline, Point

OUTLINES = files("convergences_node.territories") / "data" / "outlines.ndjson"
DEPARTEMENTS = files("convergences_node.territories") / "data" / "departements.ndjson"
Box = tuple[int, int, int, int]
"""South, west, north, east, in 1e-7 degree."""


def outline_of(insee: str) -> tuple[Point | None, Outline]:
    """Centre and outline of a commune, or `(None, ())`."""
    for code, centre, outline in _lines(f'"code":"{insee}"'):
        if code == insee:
            return centre, outline
    return None, ()


class Outlines:
    """The outlines of one file, in memory, for many points; read when the first is asked for."""

    def __init__(self, path: Traversable) -> None:
        self._path = path
        self._read: list[tuple[str, Box, Outline]] | None = None

    def around(self, point: Point) -> str | None:
        """The code of what is around this point; None where there is no outline."""
        if self._read is None:
            self._read = [(code, _box(outline), outline) for code, _, outline in _lines("", self._path)]
        latitude, longitude = point
        for code, (south, west, north, east), outline in self._read:
            if south <= latitude <= north and west <= longitude <= east and inside(outline, point):
                return code
        return None


def _box(outline: Outline) -> Box:
    latitudes = [number for polygon in outline for number in polygon[0][::2]]
    longitudes = [number for polygon in outline for number in polygon[0][1::2]]
    return min(latitudes), min(longitudes), max(latitudes), max(longitudes)


def inside(outline: Outline, point: Point) -> bool:
    """Is the point in one of the polygons, and not in one of its holes? (GeoJSON, RFC 7946 §3.1.6)"""
    return any(
        _in_ring(polygon[0], point) and not any(_in_ring(hole, point) for hole in polygon[1:]) for polygon in outline
    )


def _in_ring(ring: Sequence[int], point: Point) -> bool:
    """Count the edges that a line to the east crosses; integers only, so the answer is the same everywhere."""
    latitude, longitude = point
    odd = False
    corners = [(ring[i], ring[i + 1]) for i in range(0, len(ring) - 1, 2)]
    for (lat_a, lon_a), (lat_b, lon_b) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (lat_a > latitude) == (lat_b > latitude):
            continue
        # Cross-multiplied so that nothing is divided; the sign of the denominator turns the comparison round.
        left = (longitude - lon_a) * (lat_b - lat_a)
        right = (lon_b - lon_a) * (latitude - lat_a)
        if (left < right) == (lat_b > lat_a):
            odd = not odd
    return odd


def _lines(needle: str, path: Traversable = OUTLINES) -> Iterator[tuple[str, Point | None, Outline]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if needle in line:
                read = json.loads(line)
                outline = tuple(tuple(tuple(ring) for ring in polygon) for polygon in read["outline"])
                centre = read.get("centre")
                yield read["code"], (centre[0], centre[1]) if centre else None, outline
