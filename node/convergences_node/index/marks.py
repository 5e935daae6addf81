# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a question finds as marks on a map: little of each, so that thousands are sent at once and looked at in time."""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from convergences_node.index.conditions import source
from convergences_node.index.filters import Filter
from convergences_node.index.folding import Groups
from convergences_node.index.row import element_of

MARKS_MAX = 2_000
"""Marks in one answer, the newest ones: about 60 KB compressed. A smaller box shows the others."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """An element that has a point: as an array, for its names would weigh more than it does."""

    id: str
    kind: str
    name: str
    lat: int
    """In 1e-7 degree, as the longitude."""
    lon: int
    began: int | None
    """The first second it exists, as far as is known."""
    ended: int | None
    """The last one."""


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """The marks of an answer, newest first."""

    marks: tuple[Mark, ...]
    complete: bool
    """False when there are more than one answer holds."""


def marks_of(db: sqlite3.Connection, wanted: Filter, groups: Groups) -> Marks:
    """What matches and has a point; of elements that are the same (`groups`), the oldest has the mark."""
    if wanted.impossible or wanted.rows == ():
        return Marks(marks=(), complete=True)
    found = source(wanted, joined=True)
    rows = db.execute(
        "SELECT e.id, e.kind, coalesce(json_extract(s.fields, '$.name'), ''), e.lat, e.lon, e.began, e.ended FROM"
        f" (SELECT {found.row} AS row FROM {found.tables} WHERE {found.where} AND e.lat IS NOT NULL"
        f" ORDER BY {found.row} DESC LIMIT ?) f"
        " CROSS JOIN elements e ON e.row = f.row CROSS JOIN states s ON s.row = f.row",
        (*found.values, MARKS_MAX + 1),
    ).fetchall()
    marks = tuple(Mark(str(element_of(id_)), *rest) for id_, *rest in rows[:MARKS_MAX])
    return Marks(marks=_folded(marks, groups) if groups else marks, complete=len(rows) <= MARKS_MAX)


def _folded(marks: Sequence[Mark], groups: Groups) -> tuple[Mark, ...]:
    # Newest first: the last one of a group is its oldest.
    kept = {groups[mark.id]: mark.id for mark in marks if mark.id in groups}
    return tuple(mark for mark in marks if mark.id not in groups or kept[groups[mark.id]] == mark.id)
