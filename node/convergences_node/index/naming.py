# SPDX-License-Identifier: AGPL-3.0-or-later
"""Elements by what people call them: by name, or by the moment of their birth, which no other change touches.

Both are bounded look-ups in what the index orders anyway: names by `elements_by_name`, births by the rows themselves.
"""

# ruff: noqa: S608 - only question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from convergences_node.index.items import items_of
from convergences_node.index.normalise import sort_key
from convergences_node.index.reading import column_of
from convergences_node.index.row import birth_of, element_of
from convergences_node.index.views import Item

NAMED_MAX = 2
"""Enough to know whether a name is one element's alone."""
APART_MAX = 4_096
"""How far from the row of its birth an element may be, where many were born at once: the rows of an import."""


def named(db: sqlite3.Connection, kinds: Sequence[str], name: str) -> list[Item]:
    """The oldest elements of these kinds with this name, however it is accented, spaced and spelled in capitals."""
    marks = ", ".join("?" * len(kinds))
    select = (
        "SELECT row FROM elements INDEXED BY elements_by_name"
        f" WHERE name_key = ? AND kind IN ({marks}) ORDER BY row LIMIT ?"
    )
    return items_of(db, column_of(db, "row", select, [sort_key(name), *kinds, NAMED_MAX]))


def born(db: sqlite3.Connection, kinds: Sequence[str], birth: int) -> list[Item]:
    """The elements of these kinds whose ids say that they were born then: nearly always one, or none."""
    marks = ", ".join("?" * len(kinds))
    select = f"SELECT row, id FROM elements WHERE row >= ? AND row < ? AND kind IN ({marks}) ORDER BY row"
    rows = db.execute(select, (birth, birth + APART_MAX, *kinds)).fetchall()
    return items_of(db, [row for row, id_ in rows if birth_of(element_of(id_).uuid) == birth])
