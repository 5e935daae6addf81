# SPDX-License-Identifier: AGPL-3.0-or-later
"""Points in bands of latitude, each in the order of longitudes: a small box is read in one piece a band and kind.

A band is 2**18 units of 1e-7 degree high, 2.9 km. Squares (cells.py) find what is newest around a large place; bands
find, and count, all that is in a small one (docs/decisions/0025-bands.md).
"""

from __future__ import annotations

from convergences_node.index.query import E7, Box

BAND_BITS = 18
BANDS_MAX = 64
"""Bands that one question looks through: 190 km from south to north."""
_QUARTER_TURN = 90 * E7


def band_of(lat: int) -> int:
    """The band of a latitude."""
    return (lat + _QUARTER_TURN) >> BAND_BITS


def bands_of(box: Box) -> range | None:
    """The bands that a box touches; None: too many."""
    found = range(band_of(box.south), band_of(box.north) + 1)
    return found if len(found) <= BANDS_MAX else None
