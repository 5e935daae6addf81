# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every element of some kinds, some at a time in the order of birth, with its links: what a whole list is made of.

A list of a hundred thousand elements takes seconds to write and must not hold a transaction that long, so it is read in
portions, each from where the last one ended. An element keeps its row for life: whatever was there from beginning to
end is given exactly once, however much is written meanwhile.
"""

# ruff: noqa: S608 - only question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from convergences_protocol.element import ElementId
from convergences_protocol.kinds import KINDS

from convergences_node.index.details import Detail, details_of
from convergences_node.index.items import items_of
from convergences_node.index.known import Known
from convergences_node.index.plan import plan_of
from convergences_node.index.reading import column_of
from convergences_node.index.row import element_of, id_of
from convergences_node.index.views import Item

PORTION = 200
"""Elements read at once: at most 13 MB of bodies, a megabyte as records are."""
LINKS_MAX = 2_000
"""Links told of one element; the relations that are beyond are elements of their own, and are listed as such."""
RELATING = tuple(name for name in KINDS if plan_of(name).is_relation)
"""The kinds that say something of two others."""


class Link(msgspec.Struct, frozen=True):
    """What a relation that holds now says of an element."""

    predicate: str
    other: str
    outgoing: bool
    """True when the element is the subject."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Some elements, all that their records say, and where the next ones begin."""

    items: Sequence[Item]
    details: Mapping[str, Detail]
    links: Mapping[str, Sequence[Link]]
    after: int | None
    """Give it back for the next portion; None: this was the last one."""


def listing_of(
    db: sqlite3.Connection,
    kinds: Sequence[str],
    known: Known,
    after: int = -1,
    moment: int | None = None,
    most: int = PORTION,
) -> Listing:
    """The next elements of these kinds; with the links that hold at a moment (Unix seconds), if one is given."""
    marks = ", ".join("?" * len(kinds))
    select = f"SELECT row FROM elements WHERE kind IN ({marks}) AND row > ? ORDER BY row LIMIT ?"
    rows = column_of(db, "row", select, [*kinds, after, most])
    items = items_of(db, rows) if rows else []
    elements = [ElementId.parse(item.id) for item in items]
    return Listing(
        items=items,
        details=details_of(db, elements, known),
        links={} if moment is None else links_of(db, elements, moment),
        after=rows[-1] if len(rows) == most else None,
    )


def listing_of_elements(db: sqlite3.Connection, elements: Sequence[ElementId], moment: int) -> Listing:
    """These elements, those that are there, as in a portion of a whole list; without the names of what they mention."""
    marks = ", ".join("?" * len(elements))
    select = f"SELECT row FROM elements WHERE id IN ({marks}) ORDER BY row"
    rows = [row for (row,) in db.execute(select, [id_of(element) for element in elements])]
    return Listing(
        items=items_of(db, rows) if rows else [],
        details=details_of(db, elements, Known(territory_tags={})),
        links=links_of(db, elements, moment),
        after=None,
    )


def links_of(db: sqlite3.Connection, elements: Sequence[ElementId], moment: int) -> Mapping[str, Sequence[Link]]:
    """What the relations that hold at a moment say of each of these elements, from both sides, in a fixed order."""
    found: dict[str, list[Link]] = defaultdict(list)
    ids = [id_of(element) for element in elements]
    for end, other in (("subject", "object"), ("object", "subject")):
        for own, predicate, far in db.execute(
            f"SELECT DISTINCT g.{end}, g.predicate, g.{other} FROM edges g JOIN elements r ON r.row = g.row"
            f" WHERE g.{end} IN ({', '.join('?' * len(ids))}) AND r.kind IN ({', '.join('?' * len(RELATING))})"
            " AND coalesce(g.began, ?) <= ? AND coalesce(g.ended, ?) >= ? ORDER BY 1, 2, 3",
            [*ids, *RELATING, moment, moment, moment, moment],
        ):
            links = found[str(element_of(own))]
            if len(links) < LINKS_MAX:
                links.append(Link(predicate, str(element_of(far)), end == "subject"))
    return found


def held_of(db: sqlite3.Connection, kinds: Sequence[str]) -> int:
    """How many elements of these kinds there are, those that have no name too."""
    marks = ", ".join("?" * len(kinds))
    (count,) = db.execute(f"SELECT count(*) FROM elements WHERE kind IN ({marks})", kinds).fetchone()
    return int(count)


def types_of(db: sqlite3.Connection) -> Mapping[tuple[str, str], int]:
    """How many elements there are by kind and type; a relation's type is its predicate, and empty is none."""
    marks = ", ".join("?" * len(RELATING))
    rows = db.execute(
        f"SELECT e.kind, coalesce(CASE WHEN e.kind IN ({marks})"
        " THEN (SELECT json_extract(s.fields, '$.predicate') FROM states s WHERE s.row = e.row)"
        " ELSE (SELECT json_extract(c.card, '$.type') FROM cards c WHERE c.row = e.row) END, ''), count(*)"
        " FROM elements e GROUP BY 1, 2 ORDER BY 1, 2",
        RELATING,
    )
    return {(kind, type_): count for kind, type_, count in rows}
