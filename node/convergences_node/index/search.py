# SPDX-License-Identifier: AGPL-3.0-or-later
"""The room where questions become SQL. `find` gives one page of rows in the order asked for, and where it ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from convergences_node.index import cursors
from convergences_node.index.filters import Conditions, Filter, check_rest, match
from convergences_node.index.query import Query

UNDATED = cursors.SECOND_MAX + 1
"""The date by which undated elements are sorted: after all others."""
COUNT_MAX = 1_000
"""Matches counted one by one; beyond, an answer says "at least"."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of rows."""

    rows: tuple[int, ...]
    cursor: str | None
    total: int
    exact: bool
    bounded: bool = False


def find(db: sqlite3.Connection, query: Query, wanted: Filter) -> Found:
    """The rows of one page."""
    if wanted.impossible or wanted.rows == ():
        return Found((), None, 0, True)
    place = cursors.read(query.cursor) if query.cursor else None
    conditions = Conditions()
    conditions.add("words MATCH ?", match(wanted))
    check_rest(conditions, wanted)
    if wanted.rows is not None:
        conditions.add(f"e.row IN ({', '.join(map(str, wanted.rows))})")
    key, down = _key(query, wanted)
    sign = "<" if down else ">"
    count = Conditions(list(conditions.parts), list(conditions.values))
    if place is not None:
        conditions.add(f"({key}, e.row) {sign} (?, ?)", place.key, place.row)
    way = "DESC" if down else "ASC"
    source = "FROM words w CROSS JOIN elements e ON e.row = w.rowid"
    rows = db.execute(
        f"SELECT e.row, {key} {source} WHERE {conditions.sql} ORDER BY 2 {way}, 1 {way} LIMIT {query.limit + 1}",
        conditions.values,
    ).fetchall()
    (total,) = db.execute(
        f"SELECT count(*) FROM (SELECT 1 {source} WHERE {count.sql} LIMIT {COUNT_MAX + 1})", count.values
    ).fetchone()
    page, more = rows[: query.limit], len(rows) > query.limit
    cursor = cursors.write(query, 0, page[-1][1], page[-1][0]) if more else None
    return Found(tuple(row for row, _ in page), cursor, min(total, COUNT_MAX), total <= COUNT_MAX)


def _key(query: Query, wanted: Filter) -> tuple[str, bool]:
    """What rows are sorted by, and whether downwards."""
    order = query.order
    if order == "name":
        return "e.name_key", False
    if order == "date":
        if wanted.window is None:
            return f"coalesce(e.first, {UNDATED})", False
        first, last = wanted.window
        return (
            "CASE e.recurs WHEN 0 THEN e.first ELSE (SELECT min(o.first) FROM occurrences o WHERE o.row = e.row"
            f" AND o.first <= {last} AND o.last >= {first}) END",
            False,
        )
    return "e.row", True


def rows_of(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, tuple[object, ...]]:
    """What a card shows of each row."""
    found = db.execute(
        "SELECT e.row, e.id, e.kind, e.log, e.idx, e.first, e.last, e.recurs, e.lat, e.lon, s.time, s.fields"
        f" FROM elements e JOIN states s USING (row) WHERE e.row IN ({', '.join('?' * len(rows))})",
        rows,
    )
    return {row[0]: row for row in found}
