# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which columns of a table say where things are: a pair of coordinates, one cell that holds both, an INSEE code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convergences_protocol.kinds import KINDS

from convergences_node.imports.cell_points import is_in_france
from convergences_node.imports.cells import clean
from convergences_node.imports.mapping import Column

from .sample import SAMPLES, Guess, Table, accepted
from .words import best, special_words

CONFIDENCE_MIN = 0.4
LIKELY_MAX = 10
"""Columns that are tried as a latitude, and as a longitude."""


def point_of(table: Table) -> Guess | None:
    """A latitude and a longitude, metres of Lambert-93, or one cell that holds both."""
    words = special_words()
    found: Guess | None = None
    norths = _called(table, words["latitude"])
    easts = _called(table, words["longitude"])
    for first, second in ((first, second) for first in norths for second in easts if first != second):
        one = _pair(table, first, second, min(norths[first], easts[second]))
        if one is not None and (found is None or one.confidence > found.confidence):
            found = one
    for column in table.columns:
        if (called := best(column, words["point"])) > CONFIDENCE_MIN:
            one = _point(table, column, called)
            if one is not None and (found is None or one.confidence > found.confidence):
                found = one
    return found


def _point(table: Table, column: str, called: float) -> Guess | None:
    """One cell for both degrees."""
    made = Column(column=column, bad="leave_out")
    said, share = accepted(KINDS["place"].by_name["location"], made, table.values(column) or [None])
    return Guess("location", made, round(called * share, 2), said) if share else None


def _called(table: Table, words: Sequence[str]) -> dict[str, float]:
    """The columns that may be called by one of these, and how surely; the likeliest ten."""
    scored = {column: best(column, words) for column in table.columns}
    likely = sorted((column for column in scored if scored[column] >= CONFIDENCE_MIN), key=lambda one: -scored[one])
    return {column: scored[column] for column in likely[:LIKELY_MAX]}


def _pair(table: Table, first: str, second: str, called: float) -> Guess | None:
    north, east = table.numbers(first), table.numbers(second)
    if not north or not east:
        return None
    said = tuple(f"{a} {b}" for a, b in zip(north[:SAMPLES], east[:SAMPLES], strict=False))
    if all(6_000_000 < one < 7_300_000 for one in north) and all(0 < one < 1_400_000 for one in east):
        made = Column(columns=[second, first], transform="lambert93", bad="leave_out")
        return Guess("location", made, round(called, 2), said)
    straight, swapped = _in_france(north, east), _in_france(east, north)
    order = [second, first] if swapped > straight else [first, second]
    share = max(straight, swapped, 0.5 if all(abs(one) <= 90 for one in north) else 0.0)
    return Guess("location", Column(columns=order, bad="leave_out"), round(called * share, 2), said)


def _in_france(latitudes: Sequence[float], longitudes: Sequence[float]) -> float:
    pairs = list(zip(latitudes, longitudes, strict=False))
    return sum(is_in_france(lat * 1e7, lon * 1e7) for lat, lon in pairs) / max(1, len(pairs))


def point_from(table: Table, columns: Sequence[str]) -> Guess | None:
    """The columns that somebody has chosen: latitude and longitude in either order, metres, or one cell for both."""
    if len(columns) == 1:
        return _point(table, columns[0], 1.0)
    both = [_pair(table, *order, 1.0) for order in ((columns[0], columns[1]), (columns[1], columns[0]))]
    return max(
        (one for one in both if one is not None and one.confidence), key=lambda one: one.confidence, default=None
    )


def town_from(table: Table, column: str) -> Guess | None:
    """A column of INSEE codes, or of names, that somebody has chosen."""
    values = [clean(value) for value in table.values(column)]
    if not values:
        return None
    share = sum(table.known.by_code(value) is not None for value in values) / len(values)
    return Guess(
        "town", Column(column=column, transform="commune", bad="leave_out"), round(share, 2), tuple(values[:SAMPLES])
    )


def town_of(table: Table) -> Guess | None:
    """The column of INSEE codes: by its name, and because its values are codes of communes."""
    found: Guess | None = None
    for column in table.columns:
        called = best(column, special_words()["town"])
        one = town_from(table, column) if called >= CONFIDENCE_MIN else None
        if one is None:
            continue
        one = replace(one, confidence=round(called * one.confidence, 2))
        if one.confidence >= CONFIDENCE_MIN and (found is None or one.confidence > found.confidence):
            found = one
    return found
