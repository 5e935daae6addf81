# SPDX-License-Identifier: AGPL-3.0-or-later
"""The order of dates, where too many elements match for all to be gathered and sorted.

`dated` lists what happens at a date by tag, in the order of beginnings, in three classes by how long things last. The
lists of the rarest tags asked for are followed and each row is checked for the rest. What lasts longer than a month, or
recurs, is in a class of its own, which is looked through whole, for its order in a window is another: a recurring
action stands at its next occurrence there.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from convergences_node.index.cursors import SECOND_MAX, SECOND_MIN, Place
from convergences_node.index.filters import Filter, Group, Value, check_all, source
from convergences_node.index.row import SPANS

NEVER = SECOND_MAX + 1
"""The date of what has none: after all others."""
LISTS_MAX = 16
"""Lists followed at once; a group of more tags is checked instead, and another one followed."""

_OCCURRENCE = "(SELECT min(o.first) FROM occurrences o WHERE o.row = e.row AND o.first <= ? AND o.last >= ?)"


def date_key(wanted: Filter) -> tuple[str, Sequence[Value]]:
    """The date an element is sorted by: its beginning, or in a window its next occurrence there."""
    if wanted.window is None:
        return f"coalesce(e.first, {NEVER})", []
    first, last = wanted.window
    return f"CASE e.recurs WHEN 0 THEN e.first ELSE {_OCCURRENCE} END", [last, first]


def by_date(db: sqlite3.Connection, wanted: Filter, place: Place | None, limit: int) -> list[tuple[int, int | str]]:
    """Rows with their dates, from `place` on, in order; undated ones at the end unless dates are asked for."""
    found: list[tuple[int, int]] = []
    if place is None or place.key != NEVER:
        group = _followed(wanted.groups)
        lists = [
            _list(db, wanted, group, tag, span, place, limit) for tag in group.tags for span in range(len(SPANS) + 1)
        ]
        found = list(islice(_each_once(heapq.merge(*lists)), limit))
    rows: list[tuple[int, int | str]] = [(row, key) for key, row in found]
    if len(rows) < limit and wanted.window is None:
        rows += _undated(db, wanted, place, limit - len(rows))
    return rows


def _followed(groups: Sequence[Group]) -> Group:
    """The rarest group that is listed by date and has not too many lists."""
    choice = [group for group in groups if group.dated and len(group.tags) <= LISTS_MAX]
    return min(choice or [group for group in groups if group.dated], key=lambda group: group.count)


def _list(
    db: sqlite3.Connection, wanted: Filter, group: Group, tag: int, span: int, place: Place | None, limit: int
) -> list[tuple[int, int]]:
    """The first rows of one list that pass, as (date, row)."""
    conditions = check_all(wanted, done=group)
    values: list[Value] = []
    key = "d.first"
    bounds = ""
    if wanted.window is not None:
        first, last = wanted.window
        least = first - SPANS[span] if span < len(SPANS) else SECOND_MIN
        bounds = " AND d.first >= ? AND d.first <= ? AND d.last >= ?"
        values += [least, last, first]
        if span == len(SPANS):
            key = f"CASE e.recurs WHEN 0 THEN d.first ELSE {_OCCURRENCE} END"
            return _whole_list(db, wanted, tag, span, key, [last, first], bounds, values, conditions, place, limit)
    if place is not None:
        bounds += " AND (d.first, d.row) > (?, ?)"
        values += [place.key, place.row]
    join = _joins(conditions.sql)
    rows = db.execute(
        f"SELECT d.first, d.row FROM dated d{join} WHERE d.tag = ? AND d.span = ?{bounds} AND {conditions.sql}"
        " ORDER BY d.first, d.row LIMIT ?",
        [tag, span, *values, *conditions.values, limit],
    )
    return rows.fetchall()


def _whole_list(db, wanted, tag, span, key, key_values, bounds, values, conditions, place, limit):  # type: ignore
    after, after_values = (" WHERE (key, row) > (?, ?)", [place.key, place.row]) if place is not None else ("", [])
    join = _joins(key + conditions.sql)
    rows = db.execute(
        f"SELECT key, row FROM (SELECT {key} AS key, d.row AS row FROM dated d{join}"
        f" WHERE d.tag = ? AND d.span = ?{bounds} AND {conditions.sql}){after} ORDER BY key, row LIMIT ?",
        [*key_values, tag, span, *values, *conditions.values, *after_values, limit],
    )
    return rows.fetchall()


def _joins(sql: str) -> str:
    """The tables that these conditions look at."""
    join = " CROSS JOIN elements e ON e.row = d.row" if "e." in sql else ""
    return join + (" CROSS JOIN states s ON s.row = d.row" if "s." in sql else "")


def _undated(
    db: sqlite3.Connection, wanted: Filter, place: Place | None, limit: int
) -> Iterator[tuple[int, int | str]]:
    """Those that happen at no date, in the order of rows."""
    found = source(wanted, joined=True)
    after = f" AND {found.row} > ?" if place is not None and place.key == NEVER else ""
    for (row,) in db.execute(
        f"SELECT {found.row} FROM {found.tables} WHERE {found.where}{after} AND e.first IS NULL"
        f" ORDER BY {found.row} LIMIT ?",
        [*found.values, *([place.row] if place is not None and after else []), limit],
    ):
        yield row, NEVER


def _each_once(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sorted pairs without those that come twice: an element may be in several of the lists."""
    last = None
    for pair in pairs:
        if pair != last:
            yield pair
        last = pair
