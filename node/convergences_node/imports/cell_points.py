# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where something is, as tables write it: two cells, one cell that holds both, or metres of Lambert-93."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from .cells import BadCell, clean, shown
from .lambert import degrees_of_lambert93
from .mapping import Column

E7 = Decimal(10_000_000)
FRANCE = ((41.0, 51.6), (-5.6, 10.0))
"""Latitudes and longitudes of mainland France, in degrees."""


def point(cells: Sequence[Any], column: Column) -> list[int] | None:
    """`[latitude, longitude]` in 1e-7 degree, from two cells or from one that holds both."""
    parts = list(cells)
    if len(parts) == 1:
        one = parts[0]
        parts = one if isinstance(one, list) else re.split(r"[;,]\s*|\s+", clean(one)) if clean(one) else [None, None]
    texts = [clean(part) for part in parts]
    if not any(texts):
        return None
    if len(texts) != 2:
        raise BadCell("cell_point", given=shown(" ".join(texts)))
    if _are_lambert93(texts):
        raise BadCell("cell_lambert93", given=shown(" ".join(texts)))
    latitude, longitude = (_degrees(part) for part in texts)
    if abs(latitude) > 90 * E7 or abs(longitude) > 180 * E7:
        raise BadCell("cell_not_on_earth", given=shown(" ".join(texts)))
    if not latitude and not longitude:
        raise BadCell("cell_in_the_sea")
    if is_in_france(longitude, latitude) and not is_in_france(latitude, longitude):
        raise BadCell("cell_swapped", given=shown(" ".join(texts)))
    return [latitude, longitude]


def is_in_france(latitude: float, longitude: float) -> bool:
    """Whether a point (1e-7 degree) may be in mainland France: no pair of numbers is, and is so too when swapped."""
    (south, north), (west, east) = FRANCE
    return south * 1e7 <= latitude <= north * 1e7 and west * 1e7 <= longitude <= east * 1e7


def lambert93(cells: Sequence[Any], column: Column) -> list[int] | None:
    """`[latitude, longitude]` in 1e-7 degree from metres east and north in Lambert-93 (EPSG:2154)."""
    texts = [clean(cell).replace(",", ".").replace(" ", "") for cell in cells]
    if not any(texts):
        return None
    try:
        east, north = map(float, texts)
    except ValueError:
        raise BadCell("cell_point", given=shown(" ".join(texts))) from None
    if not (0 < east < 1_400_000 and 6_000_000 < north < 7_300_000):
        raise BadCell("cell_point", given=shown(" ".join(texts)))
    latitude, longitude = degrees_of_lambert93(east, north)
    return [round(latitude * 1e7), round(longitude * 1e7)]


def _are_lambert93(texts: Sequence[str]) -> bool:
    """Whether two numbers, in either order, are metres of the French projection rather than degrees."""
    try:
        east, north = sorted(float(text.replace(",", ".").replace(" ", "")) for text in texts)
    except ValueError:
        return False
    return 360 < east < 1_400_000 and 6_000_000 < north < 7_300_000


def _degrees(part: str) -> int:
    try:
        number = Decimal(part.replace(",", "."))
        if not number.is_finite() or abs(number) > 360:
            raise InvalidOperation
    except ArithmeticError:
        raise BadCell("cell_degrees", given=shown(part)) from None
    return int((number * E7).to_integral_value())
