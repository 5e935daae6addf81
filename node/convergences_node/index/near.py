# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is in a small place: all of it is looked at, along the bands of points, so that it is counted exactly too.

Where there is too much around, squares are searched from the newest on instead (`conditions.source`).
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import msgspec

from convergences_node.index.bands import bands_of
from convergences_node.index.conditions import Conditions, check_all, check_masks, sure_of
from convergences_node.index.crowds import are_few
from convergences_node.index.filters import Filter
from convergences_node.index.query import Box
from convergences_node.index.reading import column_of

POINTS_MAX = 5_000
"""Points looked at: a millisecond, at most."""
SAMPLE = 32
"""Rows from which it is told how new the newest are."""
OUTLINES_MAX = 2_000
"""Outlines looked at, which is all that there are: the territories', mostly."""

_ALONG = """
    FROM json_each(?) k CROSS JOIN json_each(?) b
    CROSS JOIN points p ON p.kind = k.value AND p.band = b.value AND p.lon BETWEEN ? AND ?
"""
_BOUNDED = f"(SELECT p.row AS row, p.lat AS lat, p.mask AS mask {_ALONG} LIMIT ?)"
_TOUCHES = "(o.north >= ? AND o.south <= ? AND o.east >= ? AND o.west <= ?)"
_decode = msgspec.json.Decoder(list[int]).decode


def find_near(db: sqlite3.Connection, wanted: Filter) -> list[int] | None:
    """All rows that match, in no order; None where there is too much around to look at all of it."""
    if not wanted.boxes or (found := _points(db, wanted)) is None or (shapes := _outlines(db, wanted)) is None:
        return None
    others = replace(wanted, boxes=())
    rows = _those(db, found, check_all(others, done=sure_of(wanted.groups)))
    return rows + _those(db, shapes, check_all(others)) if shapes else rows


def newest(rows: list[int], most: int) -> list[int]:
    """The largest of these rows, the largest first: `sorted(rows, reverse=True)[:most]`, for less where they are many.

    What a sample says of them sets most aside; whether enough are left is looked at, so that it need not be a good one.
    """
    if len(rows) > SAMPLE * 2:
        sample = sorted(rows[:SAMPLE], reverse=True)
        least = sample[min(SAMPLE - 1, 2 * most * SAMPLE // len(rows) + 1)]
        some = [row for row in rows if row >= least]
        rows = some if len(some) >= most else rows
    return sorted(rows, reverse=True)[:most]


def _points(db: sqlite3.Connection, wanted: Filter) -> list[int] | None:
    """The points inside, as far as their masks can tell."""
    found: list[int] = []
    for box in wanted.boxes:
        bands = bands_of(box)
        some = None if bands is None else _points_in(db, wanted, box, bands)
        if some is None:
            return None
        found += some
    return found


def _points_in(db: sqlite3.Connection, wanted: Filter, box: Box, bands: range) -> list[int] | None:
    passes = check_masks(wanted.groups, "p")
    passes.add("p.lat BETWEEN ? AND ?", box.south, box.north)
    along = (json.dumps(wanted.kinds), json.dumps(list(bands)), box.west, box.east)
    if are_few(db, wanted.kinds, box, POINTS_MAX, wanted.looked):
        sql = f"SELECT json_group_array(p.row) {_ALONG} WHERE {passes.sql}"
        return _decode(db.execute(sql, [*along, *passes.values]).fetchone()[0])
    sql = f"SELECT count(*), json_group_array(p.row) FILTER (WHERE {passes.sql}) FROM {_BOUNDED} p"
    looked_at, rows = db.execute(sql, [*passes.values, *along, POINTS_MAX + 1]).fetchone()
    return _decode(rows) if looked_at <= POINTS_MAX else None


def _outlines(db: sqlite3.Connection, wanted: Filter) -> list[int] | None:
    """What has an outline that touches the place, and no point."""
    edges = [edge for box in wanted.boxes for edge in (box.south, box.north, box.west, box.east)]
    touches = " OR ".join([_TOUCHES] * len(wanted.boxes))
    sql = f"SELECT count(*), json_group_array(o.row) FILTER (WHERE {touches}) FROM (SELECT * FROM outlines LIMIT ?) o"
    looked_at, rows = db.execute(sql, [*edges, OUTLINES_MAX + 1]).fetchone()
    return _decode(rows) if looked_at <= OUTLINES_MAX else None


def _those(db: sqlite3.Connection, rows: list[int], checks: Conditions) -> list[int]:
    """Those of these rows that pass."""
    if not rows or not checks.parts:
        return rows
    sql = f"SELECT e.row AS row FROM json_each(?) j CROSS JOIN elements e ON e.row = j.value WHERE {checks.sql}"
    return column_of(db, "row", sql, [json.dumps(rows), *checks.values])
