# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lambert-93, the projection of French official data, back to degrees (EPSG:2154; IGN, NTG 71, algorithm 4).

A conformal conic projection on the ellipsoid GRS 80; exact to less than a centimetre in mainland France.
"""

from math import atan, atan2, exp, hypot, log, pi, radians, sin, sqrt, tan

A = 6_378_137.0
"""Half the long axis of GRS 80, in metres."""
E = sqrt(2 / 298.257222101 - (1 / 298.257222101) ** 2)
"""Its first eccentricity."""
FALSE_EAST, FALSE_NORTH = 700_000.0, 6_600_000.0
MERIDIAN = radians(3)
ORIGIN, SOUTH, NORTH = radians(46.5), radians(44), radians(49)
ROUNDS = 12
"""Each round of the last step gains more than two digits."""


def _isometric(latitude: float) -> float:
    """The isometric latitude."""
    return log(tan(pi / 4 + latitude / 2) * ((1 - E * sin(latitude)) / (1 + E * sin(latitude))) ** (E / 2))


def _radius(latitude: float) -> float:
    """Of the parallel, over the half axis."""
    return sqrt(1 - sin(latitude) ** 2) / sqrt(1 - (E * sin(latitude)) ** 2)


_N = log(_radius(NORTH) / _radius(SOUTH)) / (_isometric(SOUTH) - _isometric(NORTH))
_C = A * _radius(SOUTH) / _N * exp(_N * _isometric(SOUTH))
_POLE = FALSE_NORTH + _C * exp(-_N * _isometric(ORIGIN))


def degrees_of_lambert93(east: float, north: float) -> tuple[float, float]:
    """Latitude and longitude, in degrees, of a point in metres."""
    across, down = east - FALSE_EAST, _POLE - north
    longitude = MERIDIAN + atan2(across, down) / _N
    isometric = -log(hypot(across, down) / _C) / _N
    latitude = 2 * atan(exp(isometric)) - pi / 2
    for _ in range(ROUNDS):
        bent = ((1 + E * sin(latitude)) / (1 - E * sin(latitude))) ** (E / 2)
        latitude = 2 * atan(bent * exp(isometric)) - pi / 2
    return latitude * 180 / pi, longitude * 180 / pi
