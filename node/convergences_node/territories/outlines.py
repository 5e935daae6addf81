# SPDX-License-Identifier: AGPL-3.0-or-later
"""Outlines of the communes that the examples use, and the commune around a point.

Only a few dozen communes have an outline here: all of France is a hundred times larger than this package and is left
to the operator (`docs/` names the source). Where there is none, the answer is `None`, never a guess.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files

from convergences_node.territories.facts import Outline, Point

OUTLINES = files("convergences_node.territories") / "data" / "outlines.ndjson"
E7 = 10_000_000


def outline_of(insee: str) -> tuple[Point | None, Outline]:
    """Centre and outline of a commune, or `(None, ())`."""
    for code, centre, outline in _lines(f'"code":"{insee}"'):
        if code == insee:
            return centre, outline
    return None, ()


def commune_at(latitude: float, longitude: float) -> str | None:
    """Code of the commune around this point (degrees), or None where there is no outline."""
    here = (round(latitude * E7), round(longitude * E7))
    for code, _, outline in _lines(""):
        if inside(outline, here):
            return f"FR-{code}"
    return None


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


def _lines(needle: str) -> Iterator[tuple[str, Point, Outline]]:
    with OUTLINES.open(encoding="utf-8") as file:
        for line in file:
            if needle in line:
                read = json.loads(line)
                outline = tuple(tuple(tuple(ring) for ring in polygon) for polygon in read["outline"])
                yield read["code"], (read["centre"][0], read["centre"][1]), outline
