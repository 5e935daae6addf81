# SPDX-License-Identifier: AGPL-3.0-or-later
"""The order of dates, where too many elements match for all to be gathered and sorted.

`dated` lists what happens at a date by tag, in the order of beginnings, in three classes by how long things last. The
lists of the rarest tags asked for are followed and each row is checked for the rest. What lasts longer than a month, or
recurs, is in a class of its own, which is looked through whole, for its order in a window is another: a recurring
action stands at its next occurrence there.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from convergences_node.index.cursors import SECOND_MAX, Place
from convergences_node.index.filters import Conditions, Filter, Group, Value, check_all, source
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
    checks = check_all(wanted, done=group)
    if wanted.window is None:
        return _select(db, (tag, span), Conditions(), checks, place, limit)
    first, last = wanted.window
    bounds = Conditions()
    if span < len(SPANS):
        bounds.add("d.first >= ?", first - SPANS[span])
    bounds.add("d.first <= ? AND d.last >= ?", last, first)
    if span < len(SPANS):
        return _select(db, (tag, span), bounds, checks, place, limit)
    return _select_by_occurrence(db, (tag, span), bounds, checks, (last, first), place, limit)


def _select(
    db: sqlite3.Connection,
    of: tuple[int, int],
    bounds: Conditions,
    checks: Conditions,
    place: Place | None,
    limit: int,
) -> list[tuple[int, int]]:
    """Along a list, from the place on, until enough rows have passed."""
    if place is not None:
        bounds.add("(d.first, d.row) > (?, ?)", place.key, place.row)
    return db.execute(
        f"SELECT d.first, d.row FROM dated d{_joins(checks.sql)}"
        f" WHERE d.tag = ? AND d.span = ? AND {bounds.sql} AND {checks.sql} ORDER BY d.first, d.row LIMIT ?",
        [*of, *bounds.values, *checks.values, limit],
    ).fetchall()


def _select_by_occurrence(
    db: sqlite3.Connection,
    of: tuple[int, int],
    bounds: Conditions,
    checks: Conditions,
    window: tuple[int, int],
    place: Place | None,
    limit: int,
) -> list[tuple[int, int]]:
    """A whole list, in the order in which its elements next happen."""
    after = " WHERE (key, row) > (?, ?)" if place is not None else ""
    return db.execute(
        f"SELECT key, row FROM (SELECT CASE e.recurs WHEN 0 THEN d.first ELSE {_OCCURRENCE} END AS key, d.row AS row"
        f" FROM dated d{_joins('e.' + checks.sql)} WHERE d.tag = ? AND d.span = ? AND {bounds.sql} AND {checks.sql})"
        f"{after} ORDER BY key, row LIMIT ?",
        [*window, *of, *bounds.values, *checks.values, *([place.key, place.row] if place is not None else []), limit],
    ).fetchall()


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
