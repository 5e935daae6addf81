# SPDX-License-Identifier: AGPL-3.0-or-later
"""The room where questions become SQL: one page of rows in the order asked for, and the place where it ended.

There are few ways to go, chosen by the order and by how many elements can match:

- *newest*: full-text search gives rows from the newest on, and stops when the page is full;
- a small place: all that is in it is looked at, counted, and sorted if need be (near.py);
- *relevance*: a bounded number of candidates is weighed (ranking.py);
- few matches, by date or name: all are gathered and sorted;
- many matches by date: the lists of `dated`, in the order of dates, each row checked (dated.py);
- many matches by name: the index of names, each row checked.

Whatever the way, the same question gives the same order, and ties are settled by the row.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from convergences_node.index import cursors
from convergences_node.index.conditions import check_all, match, source
from convergences_node.index.cursors import Place
from convergences_node.index.dated import by_date, date_key, estimate
from convergences_node.index.filters import Filter
from convergences_node.index.near import find_near, newest
from convergences_node.index.query import Query
from convergences_node.index.ranking import by_relevance
from convergences_node.index.reading import column_of, rows_of
from convergences_node.index.text import any_tag

SORTED_MAX = 1_000
"""Matches that are gathered and sorted; with more of them, an order that is kept in the file is followed."""
COUNT_MAX = 500
"""Matches counted one by one; where there may be more, their number is estimated."""
SAMPLE_MAX = 100
"""Elements looked at for an estimate, which is then good to a fifth or so."""

AROUND_MAX = 20_000
"""Elements that may be around a place for all of them to be counted; else an answer says "at least"."""

Keyed = Sequence[tuple[int, int | str]]
"""Rows, each with its sort key."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of rows, and how many match in all."""

    rows: tuple[int, ...]
    cursor: str | None
    total: int
    exact: bool
    bounded: bool = False
    matches: Sequence[int] | None = None
    """The rows of all that match, where they were all gathered to find this page."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a way of searching gives: rows from the place on, at least a page if there is one, and what it counted."""

    keyed: Keyed
    total: int
    exact: bool
    bounded: bool = False
    rows: Sequence[int] | None = None
    """The rows of all that match, where `keyed` are only those of the page and one more."""


def find(db: sqlite3.Connection, query: Query, wanted: Filter) -> Found:
    """One page of the rows that match."""
    if wanted.impossible or wanted.rows == ():
        return Found((), None, 0, True)
    place = cursors.read(query.cursor) if query.cursor else None
    part = _part(db, query, wanted, place)
    page = part.keyed[: query.limit]
    total, exact = (place.total, place.exact) if place is not None else (part.total, part.exact)
    cursor = None
    if len(part.keyed) > len(page):
        row, key = page[-1]
        cursor = cursors.write(query, key, row, total, exact)
    elif place is None and not part.bounded:
        total, exact = len(page), True
    return Found(tuple(row for row, _ in page), cursor, total, exact, part.bounded, _gathered(part, place))


def _gathered(part: _Part, place: Place | None) -> Sequence[int] | None:
    """The rows of all that match, if they were all gathered for the first page."""
    if part.rows is not None:
        return part.rows
    is_all = place is None and part.exact and len(part.keyed) == part.total
    return [row for row, _ in part.keyed] if is_all else None


def _part(db: sqlite3.Connection, query: Query, wanted: Filter, place: Place | None) -> _Part:
    """Choose a way. The first page counts what it can while it is there; the next ones are told by their cursor."""
    limit = query.limit + 1
    if query.order == "relevance":
        best, total, bounded = by_relevance(db, wanted, place)
        return _Part(best, total, not bounded, bounded)
    if (near := _near(db, query, wanted, place)) is not None:
        return near
    if query.order == "newest":
        asked = limit if place is not None or _is_wide(wanted) else max(limit, COUNT_MAX + 1)
        return _counted(wanted, _by_row(db, wanted, place, asked), asked)
    in_lists = query.order == "date" and wanted.text is None and not wanted.squares
    if wanted.rows is not None or (not in_lists and _are_few(db, wanted)):
        return _counted(wanted, _sorted(db, query, wanted, place), COUNT_MAX + 1)
    keyed = by_date(db, wanted, place, limit) if query.order == "date" else _by_name(db, wanted, place, limit)
    walked = keyed if query.order == "date" else ()
    return _Part(keyed, *(count(db, wanted, walked) if place is None and len(keyed) == limit else (0, False)))


def _near(db: sqlite3.Connection, query: Query, wanted: Filter, place: Place | None) -> _Part | None:
    """All that is in a place, where that is little."""
    if not wanted.boxes or wanted.text is not None or wanted.rows is not None:
        return None
    rows = find_near(db, wanted)
    if rows is None:
        return None
    if query.order == "newest":
        page = newest(rows if place is None else [row for row in rows if row < place.row], query.limit + 1)
        return _Part([(row, row) for row in page], len(rows), True, rows=rows)
    return _Part(_sorted(db, query, replace(wanted, rows=tuple(rows)), place), len(rows), True)


def _is_wide(wanted: Filter) -> bool:
    """Whether to count a place would mean looking at thousands of elements around it."""
    return bool(wanted.squares) and wanted.count_max > AROUND_MAX


def _counted(wanted: Filter, keyed: Keyed, asked: int) -> _Part:
    """The rows that were read are the count, if they are fewer than were asked for; one tag's count is kept."""
    if (kept := _kept_count(wanted)) is not None:
        return _Part(keyed, kept, True)
    return _Part(keyed, min(len(keyed), asked - 1), len(keyed) < asked)


def _kept_count(wanted: Filter) -> int | None:
    alone = wanted.text is None and not wanted.rest and len(wanted.groups) == 1 and len(wanted.groups[0].tags) == 1
    return wanted.groups[0].count if alone else None


def count(db: sqlite3.Connection, wanted: Filter, walked: Keyed = ()) -> tuple[int, bool]:
    """How many match, and whether that is exact: it is, if there are few or one tag is all that is asked for. `walked`:
    the first page by date, if it was read already."""
    if (kept := _kept_count(wanted)) is not None:
        return kept, True
    if wanted.text is None and wanted.rows is None and not wanted.squares and wanted.count_max > COUNT_MAX:
        guess = estimate(db, wanted, walked) if walked else None
        return _estimate(db, wanted) if guess is None else guess, False
    found = source(wanted)
    (total,) = db.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {found.tables} WHERE {found.where} LIMIT ?)",
        [*found.values, COUNT_MAX + 1],
    ).fetchone()
    return min(total, COUNT_MAX), total <= COUNT_MAX


def _estimate(db: sqlite3.Connection, wanted: Filter) -> int:
    """About how many match: as many of the rarest tag's elements as of a sample of them, its newest ones."""
    rarest = min(wanted.groups, key=lambda group: group.count)
    conditions = check_all(wanted, done=[rarest])
    passed, looked_at = db.execute(
        f"SELECT total({conditions.sql}), count(*) FROM"
        " (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?) w"
        " CROSS JOIN elements e ON e.row = w.rowid",
        [*conditions.values, any_tag(rarest.tags), SAMPLE_MAX],
    ).fetchone()
    return int(rarest.count * passed / max(looked_at, 1))


def _by_row(db: sqlite3.Connection, wanted: Filter, place: Place | None, limit: int) -> Keyed:
    """From the newest on."""
    found = source(wanted)
    after = f" AND {found.row} < ?" if place is not None else ""
    select = (
        f"SELECT {found.row} AS row FROM {found.tables} WHERE {found.where}{after} ORDER BY {found.row} DESC LIMIT ?"
    )
    rows = column_of(db, "row", select, [*found.values, *([place.row] if place is not None else []), limit])
    return [(row, row) for row in rows]


def _are_few(db: sqlite3.Connection, wanted: Filter) -> bool:
    """Whether at most SORTED_MAX elements match, before place and dates are looked at."""
    if wanted.count_max <= SORTED_MAX:
        return True
    if wanted.text is None and not wanted.squares and len(wanted.groups) == 1:
        return False
    sql = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    (total,) = db.execute(sql, (match(wanted), SORTED_MAX + 1)).fetchone()
    return int(total) <= SORTED_MAX


def _sorted(db: sqlite3.Connection, query: Query, wanted: Filter, place: Place | None) -> Keyed:
    """All that match, sorted by date or name (or row: those that a walk found are few)."""
    found = source(wanted, joined=True)
    key, values = ("e.name_key", ()) if query.order == "name" else date_key(wanted)
    after = " WHERE (key, row) > (?, ?)" if place is not None else ""
    select = f"SELECT e.row AS row, {key} AS key FROM {found.tables} WHERE {found.where}"
    select = f"SELECT row, key FROM ({select}){after} ORDER BY key, row"
    given = [*values, *found.values, *([place.key, place.row] if place else [])]
    return [(row, key) for row, key in rows_of(db, ("row", "key"), select, given)]


def _by_name(db: sqlite3.Connection, wanted: Filter, place: Place | None, limit: int) -> Keyed:
    """Along the index of names."""
    conditions = check_all(wanted)
    if place is not None:
        conditions.add("(e.name_key, e.row) > (?, ?)", place.key, place.row)
    join = " CROSS JOIN states s ON s.row = e.row" if wanted.text is not None else ""
    select = (
        f"SELECT e.row AS row, e.name_key AS key FROM elements e INDEXED BY elements_by_name{join}"
        f" WHERE {conditions.sql} ORDER BY e.name_key, e.row LIMIT ?"
    )
    return [(row, key) for row, key in rows_of(db, ("row", "key"), select, [*conditions.values, limit])]
