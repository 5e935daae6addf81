# SPDX-License-Identifier: AGPL-3.0-or-later
"""Outlines and points as Well-Known Text (OGC 06-103r4, section 7), which GeoSPARQL's `geo:asWKT` holds.

Written in GeoSPARQL's own default, CRS84: longitude before latitude, in degrees. Read in that, or in EPSG:4326 where
the text says so, which has latitude first (OGC 11-052r4, section 8.5.1); of any other, and of shapes with heights,
nothing is read. An outline is as records have it: polygons of rings, each a flat list of latitudes and longitudes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Outline = list[list[list[int]]]

TEXT_CHARS_MAX = 1 << 20
"""Sixteen times what a record holds."""
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG4326 = "http://www.opengis.net/def/crs/EPSG/0/4326"
_SHAPE = re.compile(r"\s*(?:<([^>]{1,200})>)?\s*(POINT|POLYGON|MULTIPOLYGON)\s*(\(.*\))\s*", re.IGNORECASE | re.DOTALL)
_RING = re.compile(r"\(([^()]+)\)")
_POLYGONS = re.compile(r"\((\s*\([^()]+\)(?:\s*,\s*\([^()]+\))*\s*)\)")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d)?")


def written(outline: Sequence[Sequence[Sequence[int]]]) -> str:
    """The outline as a MULTIPOLYGON."""
    return f"MULTIPOLYGON({','.join(_polygon(polygon) for polygon in outline)})"


def read_outline(text: str) -> Outline | None:
    """The polygons of a text; None if it is none, or not on these axes."""
    found = _shape(text)
    if found is None or found[1] == "POINT":
        return None
    latitude_first, name, inside = found
    polygons = _POLYGONS.findall(inside if name == "MULTIPOLYGON" else f"({inside})")
    made = [[_points(ring, latitude_first) for ring in _RING.findall(polygon)] for polygon in polygons]
    if not made or any(ring is None for polygon in made for ring in polygon):
        return None
    return [[ring for ring in polygon if ring is not None] for polygon in made]


def read_point(text: str) -> list[int] | None:
    """A latitude and a longitude; None if the text is no point, or not on these axes."""
    found = _shape(text)
    if found is None or found[1] != "POINT":
        return None
    point = _points(found[2].strip()[1:-1], found[0])
    return point if point is not None and len(point) == 2 else None


def _shape(text: str) -> tuple[bool, str, str] | None:
    """Whether latitude is first, the shape's name, and what is between its brackets, with them."""
    found = _SHAPE.fullmatch(text) if len(text) <= TEXT_CHARS_MAX else None
    if found is None or found[1] not in (None, CRS84, EPSG4326):
        return None
    return found[1] == EPSG4326, found[2].upper(), found[3]


def _points(text: str, latitude_first: bool) -> list[int] | None:
    """`2.36 48.93, …` as flat degrees of a ten millionth, latitude first."""
    made: list[int] = []
    for pair in text.split(","):
        parts = pair.split()
        if len(parts) != 2 or not all(map(_NUMBER.fullmatch, parts)):
            return None
        degrees = [round(float(part) * 1e7) for part in parts]
        made += degrees if latitude_first else degrees[::-1]
    return made


def _polygon(polygon: Sequence[Sequence[int]]) -> str:
    rings = ("(" + ",".join(_pairs(ring)) + ")" for ring in polygon)
    return "(" + ",".join(rings) + ")"


def _pairs(ring: Sequence[int]) -> Iterator[str]:
    """Every point of a ring; the first one again at the end, as a ring of this text has it."""
    points = list(zip(ring[::2], ring[1::2], strict=False))
    for latitude, longitude in points if points[0] == points[-1] else [*points, points[0]]:
        yield f"{_degrees(longitude)} {_degrees(latitude)}"


def _degrees(value: int) -> str:
    return f"{value / 1e7:.7f}".rstrip("0").rstrip(".")
