# SPDX-License-Identifier: AGPL-3.0-or-later
"""More about elements that were found: all their fields, every time they happen in some days, who is behind them, and
the outlines of territories.

An answer's items hold what a card shows. An agenda asks when a weekly workshop happens, an export asks for all that the
records say; each asks once for a whole page of elements.
"""

# ruff: noqa: S608 - only question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from convergences_protocol.element import ElementId

from convergences_node.index import cursors
from convergences_node.index.items import items_of
from convergences_node.index.known import Known
from convergences_node.index.query import Query
from convergences_node.index.row import element_of, id_of
from convergences_node.index.views import Item

OCCURRENCES_SHOWN_MAX = 2_000
"""Of all the elements asked about: a month of sixty daily openings."""
OUTLINES_MAX = 500
"""Outlines on one map: the communes of a département."""
PLACE_STEP = 1 << 26
"""More entries than one log has: revisions in a territory's next log have higher numbers."""
REVISION_MAX = (1 << 31) - 1
BEHIND = ("organises", "takes_part_in")
"""How somebody is behind what happens."""
AT_ONCE = 250
"""Ids asked for in one statement."""

Range = tuple[int, int]


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """All that the current record of an element says."""

    fields: dict[str, Any]
    revision: int
    """Higher for each later record of the element, within the integers of RFC 5545."""
    labels: dict[str, str]
    """The names of the themes and territories that its fields mention, as far as they are known here."""


class OutlineView(msgspec.Struct, frozen=True, kw_only=True):
    """A territory's shape: polygons of rings, each a flat list of latitudes and longitudes in 1e-7 degree."""

    code: str
    name: str
    within: tuple[str, ...]
    outline: list[list[list[int]]]


def occurrences_of(
    db: sqlite3.Connection, elements: Iterable[ElementId], window: Range
) -> Mapping[str, Sequence[Range]]:
    """When each of these elements happens in a window, in order; nothing for those that do not recur."""
    found: dict[str, list[Range]] = defaultdict(list)
    left = OCCURRENCES_SHOWN_MAX
    for marks, some in _portions(elements):
        rows = db.execute(
            "SELECT e.id, o.first, o.last FROM elements e JOIN occurrences o USING (row)"
            f" WHERE e.id IN ({marks}) AND o.first <= ? AND o.last >= ? ORDER BY o.first LIMIT ?",
            [*some, window[1], window[0], left],
        ).fetchall()
        left -= len(rows)
        for id_, first, last in rows:
            found[str(element_of(id_))].append((first, last))
    return found


def details_of(db: sqlite3.Connection, elements: Iterable[ElementId], known: Known) -> Mapping[str, Detail]:
    """All that the records of these elements say; nothing for those that are not here."""
    found: dict[str, Detail] = {}
    for marks, some in _portions(elements):
        for id_, place, index, text in db.execute(
            f"SELECT e.id, e.place, e.idx, s.fields FROM elements e JOIN states s USING (row) WHERE e.id IN ({marks})",
            some,
        ):
            fields: dict[str, Any] = msgspec.json.decode(text)
            revision = min(place * PLACE_STEP + index, REVISION_MAX)
            found[str(element_of(id_))] = Detail(fields=fields, revision=revision, labels=_names(fields, known))
    return found


def _names(fields: Mapping[str, Any], known: Known) -> dict[str, str]:
    """From memory alone: an export has a thousand elements, and a name less is no harm in it."""
    labels = {}
    for value in fields.values():
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and (name := known.theme_names.get(text) or known.name_of(text)):
                labels[text] = name
    return labels


def outlines_of(db: sqlite3.Connection, known: Known) -> Sequence[OutlineView]:
    """The outlines that the territories' records hold, by code."""
    found = []
    for code, facts in islice(known.facts.items(), OUTLINES_MAX):
        row = db.execute("SELECT json_extract(fields, '$.outline') FROM states WHERE row = ?", (facts.row,)).fetchone()
        if row is not None and row[0] is not None:
            outline = msgspec.json.decode(row[0], type=list[list[list[int]]])
            found.append(OutlineView(code=code, name=facts.name, within=facts.within, outline=outline))
    return found


def people_behind(db: sqlite3.Connection, elements: Iterable[ElementId], most: int) -> Sequence[Item]:
    """Who organises these elements or takes part in them, those behind the most of them first."""
    behind: Counter[int] = Counter()
    named = ", ".join("?" * len(BEHIND))
    for marks, some in _portions(elements):
        for row, count in db.execute(
            "SELECT e.row, count(DISTINCT g.object) FROM edges g JOIN elements e ON e.id = g.subject"
            f" WHERE g.object IN ({marks}) AND g.predicate IN ({named}) GROUP BY e.row",
            [*some, *BEHIND],
        ):
            behind[row] += count
    rows = sorted(behind, key=lambda row: (-behind[row], row))[:most]
    return items_of(db, rows) if rows else ()


def beginning_at(query: Query, second: int) -> Query:
    """The same question in the order of dates, from a moment on: what began before is skipped, however much it is."""
    asked = msgspec.structs.replace(query, sort="date")
    cursor = cursors.write(asked, second - 1, cursors.INTEGER_MAX, 0, False)
    return msgspec.structs.replace(asked, cursor=cursor)


def _portions(elements: Iterable[ElementId]) -> Iterator[tuple[str, list[Any]]]:
    left = iter(dict.fromkeys(elements))
    while some := [id_of(element) for element in islice(left, AT_ONCE)]:
        yield ", ".join("?" * len(some)), some
