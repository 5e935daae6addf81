# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every element that has a page of its own, in the order of birth, some at a time: what a site map lists."""

# ruff: noqa: S608 - only question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from convergences_node.index.reading import rows_of
from convergences_node.index.row import element_of


class Address(msgspec.Struct, frozen=True):
    """An element, and when its current record was written by its author's clock."""

    id: str
    time: int


def count_of(db: sqlite3.Connection, kinds: Sequence[str]) -> int:
    """How many elements of these kinds there are."""
    marks = ", ".join("?" * len(kinds))
    (count,) = db.execute(
        "SELECT coalesce(sum(c.n), 0) FROM counts c JOIN tags t USING (tag)"
        f" WHERE c.territory = 0 AND t.facet = 'kind' AND t.value IN ({marks})",
        kinds,
    ).fetchone()
    return int(count)


def addresses_of(db: sqlite3.Connection, kinds: Sequence[str], skipped: int, most: int) -> list[Address]:
    """Some of these elements, the oldest first, after so many that are skipped."""
    marks = ", ".join("?" * len(kinds))
    select = (
        "SELECT e.id, s.time FROM (SELECT row, id FROM elements"
        f" WHERE kind IN ({marks}) ORDER BY row LIMIT ? OFFSET ?) e JOIN states s USING (row)"
    )
    rows = rows_of(db, ("hex(id)", "time"), select, [*kinds, most, skipped])
    return [Address(str(element_of(bytes.fromhex(id_))), time) for id_, time in rows]
