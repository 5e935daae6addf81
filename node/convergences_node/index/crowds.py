# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many points there are about a place: square by square, counted once for as long as the index says the same.

Whether there is little in a place decides how it is searched (near.py). To watch that while its points are walked along
costs a quarter of the walk; the squares that it touches are the same for everybody who asks about a town.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import product

from convergences_node.index.bands import BAND_BITS, band_of
from convergences_node.index.query import Box
from convergences_node.index.remembered import Looked

SQUARE_BITS = 20
"""Squares of a tenth of a degree: four bands high."""
SQUARES_MAX = 36
"""Squares that are added up for one place; one that touches more is not asked about here."""

_BANDS = 1 << SQUARE_BITS - BAND_BITS
_COUNT = """
    SELECT count(*) FROM (
        SELECT 1 FROM json_each(?) k CROSS JOIN json_each(?) b
        CROSS JOIN points p ON p.kind = k.value AND p.band = b.value AND p.lon BETWEEN ? AND ? LIMIT ?
    )
"""


def are_few(db: sqlite3.Connection, kinds: Sequence[int], box: Box, most: int, looked: Looked) -> bool:
    """Whether it is sure that there are at most so many points of these kinds (their tags) in a box. False also where
    nothing could be remembered: then it costs less to look."""
    souths = range(band_of(box.south) // _BANDS, band_of(box.north) // _BANDS + 1)
    wests = range(box.west >> SQUARE_BITS, (box.east >> SQUARE_BITS) + 1)
    if not looked.lasts or len(souths) * len(wests) > SQUARES_MAX:
        return False
    key, left = tuple(kinds), most
    for south, west in product(souths, wests):
        count = looked.points.get((key, south, west))
        if count is None:
            count = looked.points[key, south, west] = _counted(db, kinds, south, west, most)
        left -= count
        if left < 0:
            return False
    return True


def _counted(db: sqlite3.Connection, kinds: Sequence[int], south: int, west: int, most: int) -> int:
    """How many points there are in a square, or one more than `most`."""
    bands = [south * _BANDS + number for number in range(_BANDS)]
    first = west << SQUARE_BITS
    found = (json.dumps(kinds), json.dumps(bands), first, first + (1 << SQUARE_BITS) - 1, most + 1)
    (count,) = db.execute(_COUNT, found).fetchone()
    return int(count)
