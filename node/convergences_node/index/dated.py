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
from itertools import chain, islice, product

from convergences_node.index.conditions import Conditions, Value, check_all, check_masks, source, sure_of
from convergences_node.index.cursors import SECOND_MAX, Place
from convergences_node.index.filters import Filter, Group
from convergences_node.index.reading import column_of, numbers_of, rows_of
from convergences_node.index.remembered import Looked
from convergences_node.index.row import LAST_BITS, SPANS

NEVER = SECOND_MAX + 1
"""The date of what has none: after all others."""
LISTS_MAX = 16
"""Lists followed at once; a group of more tags is checked instead, and another one followed."""

COUNTED_MAX, COUNTED_MORE = 250, 2_000
"""Entries of one list that are counted for an estimate; beyond, as many a day are expected as up to there. More of them
where all of the first ones begin at the same second."""

_BESIDE = "EXISTS (SELECT 1 FROM dated x WHERE x.tag = ? AND x.span = d.span AND x.first = d.first AND x.row = d.row)"
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
        lists = [_list(db, wanted, group, tag, span, place, limit) for tag in group.tags for span in wanted.spans]
        found = lists[0] if len(lists) == 1 else list(islice(_each_once(heapq.merge(*lists)), limit))
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
    bounds = _bounds(wanted.window, span)
    others = [other for other in wanted.groups if other is not group]
    bounds.extend(check_masks(others, "d"))
    sure = sure_of(others)
    # Another tag whose list is in the same order is looked for there: half as dear as to look at the element itself.
    beside = [other for other in others if other not in sure and other.dated and len(other.tags) == 1]
    for other in beside:
        bounds.add(_BESIDE, other.tags[0])
    done = [group, *sure, *beside]
    if wanted.window is None or span < len(SPANS):
        # What is in these classes happens once, when the list says: nothing more is to be looked up of its dates.
        return _select(db, (tag, span), bounds, check_all(wanted, done, in_window=True), place, limit)
    first, last = wanted.window
    return _select_by_occurrence(db, (tag, span), bounds, check_all(wanted, done), (last, first), place, limit)


def _bounds(window: tuple[int, int] | None, span: int) -> Conditions:
    """The part of a list that touches the window."""
    bounds = Conditions()
    if window is not None:
        first, last = window
        if span < len(SPANS):
            bounds.add("d.first >= ?", first - SPANS[span])
        bounds.add("d.last >= ?", first)
        if last < SECOND_MAX:
            bounds.add("d.first <= ?", last)
    return bounds


def estimate(db: sqlite3.Connection, wanted: Filter, page: Sequence[tuple[int, int | str]]) -> int | None:
    """About how many match, from how far along the lists the first page went to be full; None if no dates are asked
    for. Entries are counted without looking at their elements, and only the first ones of a long list."""
    if wanted.window is None:
        return None
    row, key = page[-1]
    assert isinstance(key, int)
    group = _followed(wanted.groups)
    lists = product(group.tags, wanted.spans)
    stretches = [_stretch(db, wanted.window, each, (key, row), wanted.looked) for each in lists]
    passed, listed = (sum(each) for each in zip(*stretches, strict=True))
    return max(len(page), int(len(page) * listed / max(passed, 1)))


def rows_in_lists(db: sqlite3.Connection, wanted: Filter, parts: int, most: int) -> list[int]:
    """The rows in a window that end in bits below `parts` (sampling.py), the soonest of each list: so many of those
    that their masks let pass; all of them, if that is negative. Whether they have the tags of the groups that are not
    sure (`unsure_in_lists`) is left to see."""
    group = _followed(wanted.groups)
    lists = product(group.tags, wanted.spans)
    rows = chain.from_iterable(_rows_in_list(db, wanted, group, each, (parts, most)) for each in lists)
    return list(dict.fromkeys(rows))


def unsure_in_lists(wanted: Filter) -> list[Group]:
    """The groups of which a mask does not tell whether an entry of the lists has them."""
    done = [_followed(wanted.groups), *sure_of(wanted.groups)]
    return [group for group in wanted.groups if group not in done]


def _rows_in_list(
    db: sqlite3.Connection, wanted: Filter, group: Group, of: tuple[int, int], bounded: tuple[int, int]
) -> list[int]:
    """The same of one list."""
    parts, most = bounded
    bounds = _bounds(wanted.window, of[1])
    bounds.extend(check_masks([other for other in wanted.groups if other is not group], "d"))
    select = (
        f"SELECT d.row AS row FROM dated d WHERE d.tag = ? AND d.span = ? AND d.row & {LAST_BITS} < ? AND {bounds.sql}"
        " LIMIT ?"
    )
    checks = check_all(wanted, wanted.groups, in_window=of[1] < len(SPANS))
    if checks.parts:
        select = f"SELECT d.row AS row FROM ({select}) d{_joins('e.' + checks.sql)} WHERE {checks.sql}"
    return numbers_of(db, "row", select, [*of, parts, *bounds.values, most, *checks.values])


def listed_count(wanted: Filter) -> int:
    """How many elements are in the lists that are followed for a window."""
    return _followed(wanted.groups).count


def _stretch(
    db: sqlite3.Connection, window: tuple[int, int], of: tuple[int, int], place: tuple[int, int], looked: Looked
) -> tuple[float, float]:
    """How many entries of a list in the window come before the place where a page ended, and about how many in all."""
    counted, moments, first, last, end = _counted(db, window, of, COUNTED_MAX, looked)
    if counted == COUNTED_MAX and moments == 1:
        # All of them begin at once, as on the first day of a season: how many a day there are is seen further on.
        counted, moments, first, last, end = _counted(db, window, of, COUNTED_MORE, looked)
    begin, row = place
    entries, given = _entries((window[0], begin), *of)
    select = f"SELECT count(*) FROM ({entries} AND (d.first < ? OR d.row <= ?) LIMIT ?)"
    (passed,) = db.execute(select, [*given, begin, row, COUNTED_MORE]).fetchone()
    if counted < COUNTED_MAX or moments == 1:
        return passed, counted
    # So many moments are one fewer stretches between them, and of the last moment there may be more.
    seconds = (last - first) * moments / (moments - 1)
    return passed, counted + (end - last) * counted / seconds


def _counted(
    db: sqlite3.Connection, window: tuple[int, int], of: tuple[int, int], most: int, looked: Looked
) -> tuple[int, int, int, int, int]:
    """Up to so many entries of a list in the window: how many, at how many moments they begin, the first and the last
    of these, and when the last of all begins."""
    if (known := looked.stretches.get((window, of, most))) is not None:
        return known
    entries, given = _entries(window, *of)
    found: tuple[int, int, int, int, int] = db.execute(
        "SELECT count(*), count(DISTINCT first), min(first), max(first),"
        " (SELECT max(d.first) FROM dated d WHERE d.tag = ? AND d.span = ? AND d.first <= ?)"
        f" FROM ({entries} ORDER BY d.first LIMIT ?)",
        [*of, window[1], *given, most],
    ).fetchone()
    looked.stretches[window, of, most] = found
    return found


def _entries(window: tuple[int, int], tag: int, span: int) -> tuple[str, list[Value]]:
    """The part of one list that touches the window, with the values that this binds."""
    bounds = _bounds(window, span)
    select = f"SELECT d.first AS first FROM dated d WHERE d.tag = ? AND d.span = ? AND {bounds.sql}"
    return select, [tag, span, *bounds.values]


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
    select = (
        f"SELECT d.first AS first, d.row AS row FROM dated d{_joins(checks.sql)}"
        f" WHERE d.tag = ? AND d.span = ? AND {bounds.sql} AND {checks.sql} ORDER BY d.first, d.row LIMIT ?"
    )
    found = rows_of(db, ("first", "row"), select, [*of, *bounds.values, *checks.values, limit])
    return [(first, row) for first, row in found]


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
    select = (
        f"SELECT key, row FROM (SELECT CASE e.recurs WHEN 0 THEN d.first ELSE {_OCCURRENCE} END AS key, d.row AS row"
        f" FROM dated d{_joins('e.' + checks.sql)} WHERE d.tag = ? AND d.span = ? AND {bounds.sql} AND {checks.sql})"
        f"{after} ORDER BY key, row LIMIT ?"
    )
    begin = [place.key, place.row] if place is not None else []
    found = rows_of(db, ("key", "row"), select, [*window, *of, *bounds.values, *checks.values, *begin, limit])
    return [(key, row) for key, row in found]


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
    select = (
        f"SELECT {found.row} AS row FROM {found.tables} WHERE {found.where}{after} AND e.first IS NULL"
        f" ORDER BY {found.row} LIMIT ?"
    )
    given = [*found.values, *([place.row] if place is not None and after else []), limit]
    for row in column_of(db, "row", select, given):
        yield row, NEVER


def _each_once(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sorted pairs without those that come twice: an element may be in several of the lists."""
    last = None
    for pair in pairs:
        if pair != last:
            yield pair
        last = pair
