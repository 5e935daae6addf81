# SPDX-License-Identifier: AGPL-3.0-or-later
"""From degrees to a picture: a frame, and outlines as the short paths of a small drawing.

Pure arithmetic on integers of 1e-7 degree. Across a town or a département, a parallel is drawn as long as it is in the
middle of the frame, which nobody can tell from a map.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convergences_node.index.query import E7, Box

WIDTH = 440
"""Units across. A phone shows about two thirds of a pixel a unit, a desk one and a half."""
HEIGHT_MIN, HEIGHT_MAX = 380, 480
SIDE_MIN = E7 // 500
"""A frame is at least some 200 metres wide: closer, there is nothing to tell apart."""
MARGIN = 0.06
POINTS_MAX = 20_000
"""Corners of all the outlines drawn; what is beyond is left out."""

Point = tuple[int, int]
"""Latitude and longitude, as everywhere."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the picture shows, and how high it is."""

    box: Box
    height: int

    def place(self, point: Point) -> tuple[float, float]:
        """Where a point is drawn, from the top left corner."""
        lat, lon = point
        box = self.box
        x = (lon - box.west) / (box.east - box.west) * WIDTH
        y = (box.north - lat) / (box.north - box.south) * self.height
        return round(x, 1), round(y, 1)

    def holds(self, point: Point) -> bool:
        lat, lon = point
        return self.box.south <= lat <= self.box.north and self.box.west <= lon <= self.box.east

    def moved(self, east: float, north: float, scale: float = 1.0) -> Box:
        """The frame moved by parts of itself, and made larger or smaller around its middle."""
        box = self.box
        width, height = box.east - box.west, box.north - box.south
        lon = (box.west + box.east) / 2 + east * width
        lat = (box.south + box.north) / 2 + north * height
        half_width, half_height = width * scale / 2, height * scale / 2
        return _clamped(lon - half_width, lat - half_height, lon + half_width, lat + half_height)


def frame_around(box: Box, margin: float = MARGIN) -> Frame:
    """The frame that shows a box whole, made wider or higher until a picture can hold it."""
    lat, lon = (box.south + box.north) / 2, (box.west + box.east) / 2
    shrink = max(math.cos(math.radians(min(abs(lat / E7), 89.0))), 0.02)
    width = max(float(box.east - box.west), SIDE_MIN / shrink) * (1 + 2 * margin)
    height = max(float(box.north - box.south), SIDE_MIN) * (1 + 2 * margin)
    drawn = WIDTH * height / (width * shrink)
    if drawn < HEIGHT_MIN:
        height, drawn = height * HEIGHT_MIN / drawn, float(HEIGHT_MIN)
    elif drawn > HEIGHT_MAX:
        width, drawn = width * drawn / HEIGHT_MAX, float(HEIGHT_MAX)
    return Frame(_clamped(lon - width / 2, lat - height / 2, lon + width / 2, lat + height / 2), round(drawn))


def _clamped(west: float, south: float, east: float, north: float) -> Box:
    """A box inside the world and wide enough to be drawn."""
    west, east = max(west, -180.0 * E7), min(east, 180.0 * E7)
    south, north = max(south, -90.0 * E7), min(north, 90.0 * E7)
    return Box(
        math.floor(min(west, 180 * E7 - SIDE_MIN)),
        math.floor(min(south, 90 * E7 - SIDE_MIN)),
        math.ceil(max(east, west + SIDE_MIN)),
        math.ceil(max(north, south + SIDE_MIN)),
    )


def box_of(points: Iterable[Point]) -> Box | None:
    """The smallest box that holds these points."""
    lats, lons = [], []
    for lat, lon in points:
        lats.append(lat)
        lons.append(lon)
    return Box(min(lons), min(lats), max(lons), max(lats)) if lats else None


def corners(outline: Sequence[Sequence[Sequence[int]]]) -> Iterable[Point]:
    """The corners of the outer rings."""
    for polygon in outline:
        for ring in polygon[:1]:
            yield from zip(ring[0::2], ring[1::2], strict=False)


def path_of(frame: Frame, outline: Sequence[Sequence[Sequence[int]]]) -> str:
    """An SVG path; corners that fall on the one before are left out. Empty when nothing of it is in the frame."""
    box = box_of(corners(outline))
    seen = frame.box
    if box is None or box.west > seen.east or box.east < seen.west or box.south > seen.north or box.north < seen.south:
        return ""
    return "".join(_ring(frame, ring) for polygon in outline for ring in polygon)


def _ring(frame: Frame, ring: Sequence[int]) -> str:
    found: list[tuple[int, int]] = []
    for point in zip(ring[0 : 2 * POINTS_MAX : 2], ring[1 : 2 * POINTS_MAX : 2], strict=False):
        x, y = frame.place(point)
        # Zoomed in, a neighbour's outline runs far outside: there it need not be exact, and must not be long.
        corner = round(min(max(x, -WIDTH), 2 * WIDTH)), round(min(max(y, -WIDTH), 2 * WIDTH))
        if not found or corner != found[-1]:
            found.append(corner)
    return "M" + "L".join(f"{x} {y}" for x, y in found) + "Z" if len(found) > 2 else ""
