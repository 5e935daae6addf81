# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where an element is, as words: the squares of a few nested grids that it lies in.

A square is a word like any other for full-text search, so a box is found together with a kind, a territory or some
text, in the order of rows, without sorting or crossing sets (docs/decisions/0021-squares.md has the measures
beside an R*Tree). Squares cover a little more than was asked: whoever finds by them checks coordinates too.

A grid's squares are 2**level units of 1e-7 degree wide: from 2.6 km (of latitude) to 670 km.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from convergences_node.index.query import E7, Box

LEVELS = (18, 20, 22, 24, 26)
COVER_MAX = 16
"""Squares that cover one box: more would take longer to gather than the finer cover saves."""

SQUARES_KEPT_MAX = 4_096
"""Squares of 10 km whose words are remembered, some 2 MB: France has five thousand, a town is in two or three."""

CELL_SIGN = "\ue001"
"""A private-use sign, as in `lines.TAG_SIGN`: no text contains such a word."""
_HALF_TURN = 180 * E7


def squares_of(box: Box | None) -> tuple[str, ...]:
    """The words of something that fills `box`: its squares on each grid, or that it is too wide for that grid."""
    if box is None:
        return ()
    found: list[str] = []
    for level in LEVELS:
        squares = _squares(box, level)
        found += (_wide(level),) if squares is None else squares
    return tuple(found)


def squares_of_point(lat: int, lon: int) -> tuple[str, ...]:
    """The words of a point, one on each grid. What `squares_of` gives for a box without extent, many times faster."""
    x, y = (lon + _HALF_TURN) >> _FINEST, (lat + _HALF_TURN) >> _FINEST
    return (f"{_FINEST_SIGN}{x}y{y}", *_around(x >> _STEP, y >> _STEP))


@lru_cache(maxsize=SQUARES_KEPT_MAX)
def _around(x: int, y: int) -> tuple[str, ...]:
    """The words of a square of the second grid and of those that it is in."""
    return tuple([f"{sign}{x >> level - _SECOND}y{y >> level - _SECOND}" for level, sign in _SIGNS[1:]])


def cover(boxes: Sequence[Box]) -> list[str] | None:
    """Words of which everything that touches one of these boxes has at least one; None: too large for that."""
    for level in LEVELS:
        found: list[str] = [_wide(level)]
        for box in boxes:
            squares = _squares(box, level)
            if squares is None:
                break
            found += squares
        else:
            if len(found) <= COVER_MAX + 1:
                return list(dict.fromkeys(found))
    return None


def _squares(box: Box, level: int) -> list[str] | None:
    """The squares of one grid that `box` touches, or None if they are too many."""
    west, east = (box.west + _HALF_TURN) >> level, (box.east + _HALF_TURN) >> level
    south, north = (box.south + _HALF_TURN) >> level, (box.north + _HALF_TURN) >> level
    if (east - west + 1) * (north - south + 1) > COVER_MAX:
        return None
    sign = f"{CELL_SIGN}{_letter(level)}"
    return [f"{sign}{x}y{y}" for x in range(west, east + 1) for y in range(south, north + 1)]


def _letter(level: int) -> str:
    return chr(ord("a") + LEVELS.index(level))


def _wide(level: int) -> str:
    return f"{CELL_SIGN}w{level}"


_FINEST, _SECOND = LEVELS[:2]
_STEP = _SECOND - _FINEST
_SIGNS = [(level, f"{CELL_SIGN}{_letter(level)}") for level in LEVELS]
_FINEST_SIGN = _SIGNS[0][1]
