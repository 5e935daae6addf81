# SPDX-License-Identifier: AGPL-3.0-or-later
"""Words of which one is rare: what has the rare one is looked at, element by element, instead of crossing the lists.

Full-text search crosses lists by walking along both, and of a long one reads most pages for a few hundred rows of the
other: a word that two hundred of a million elements have, beside one that fifty thousand have, took 2 ms. Whether a
word is rare costs one short read, for its list is cut there (docs/decisions/0100-reading-speed.md).
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from convergences_node.index.filters import Filter
from convergences_node.index.reading import column_of

RARE_MAX = 256
"""Elements that are looked at, in half a millisecond; a word that more of them have is not rare."""

_NEWEST = "SELECT w.rowid AS row FROM words w WHERE words MATCH ? ORDER BY w.rowid DESC LIMIT ?"


def narrowed(db: sqlite3.Connection, wanted: Filter) -> Filter:
    """The same filter, to be looked for only among what has the first of its words that is rare."""
    text = wanted.text
    if text is None or wanted.rows is not None or wanted.impossible or len(text.wanted) < 2:
        return wanted
    for term in text.wanted:
        rows = column_of(db, "row", _NEWEST, (term.match(), RARE_MAX + 1))
        if len(rows) <= RARE_MAX:
            return replace(wanted, rows=tuple(rows), had=(term,))
    return wanted
