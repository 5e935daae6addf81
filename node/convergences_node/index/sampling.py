# SPDX-License-Identifier: AGPL-3.0-or-later
"""The matches whose tags are counted: all of them where they are few, else some that are spread over all of them.

A row ends in six bits of its element's uuid, which are as good as drawn by lot: the rows whose last bits are below a
number are that part of any set, in any order, and asking for them costs no more than walking a list. So what is
counted is not the newest matches or the soonest, among which a year, a town or an import may be all there is
(docs/decisions/0037-counts-of-a-part.md).
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from convergences_node.index.conditions import source
from convergences_node.index.dated import listed_count, tags_in_lists
from convergences_node.index.filters import Filter
from convergences_node.index.reading import column_of
from convergences_node.index.row import LAST_BITS

WHOLE_MAX = 500
"""Matches that are all counted."""
SAMPLE = 320
"""Matches that are counted of more than that: a tenth of them is then told to three hundredths, nineteen times in
twenty."""
SAMPLE_LEAST = 80
"""With fewer, there were not as many matches as was thought, and all of them are counted."""
WALKED_MAX = 6_000
"""Entries of a list among which matches are drawn, in a third of a millisecond; of a longer list, the first ones."""
PARTS = LAST_BITS + 1


@dataclass(frozen=True, slots=True)
class Sample:
    """The tags of some matches, or of all."""

    tags: list[str]
    whole: bool


def sample_of(db: sqlite3.Connection, wanted: Filter, about: int) -> Sample:
    """Tags of the matches, of which there are `about` so many."""
    in_lists = _are_in_lists(wanted)
    if about > WHOLE_MAX:
        listed = listed_count(wanted) if in_lists else wanted.count_max
        within_reach = about * min(1.0, WALKED_MAX / listed)
        tags = _tags(db, wanted, in_lists, max(1, int(PARTS * SAMPLE / within_reach)), SAMPLE)
        if len(tags) >= SAMPLE_LEAST:
            return Sample(tags, whole=False)
    tags = _tags(db, wanted, in_lists, PARTS, WHOLE_MAX + 1)
    return Sample(tags[:WHOLE_MAX], whole=len(tags) <= WHOLE_MAX)


def _are_in_lists(wanted: Filter) -> bool:
    """Whether the lists by date are the way: not where the rarest tag alone has few elements."""
    elsewhere = wanted.text is not None or wanted.rows is not None or wanted.boxes
    return wanted.window is not None and not elsewhere and wanted.count_max > WHOLE_MAX


def _tags(db: sqlite3.Connection, wanted: Filter, in_lists: bool, parts: int, most: int) -> list[str]:
    """The tags of the matches whose rows are in so many of the parts of all rows."""
    if in_lists:
        return tags_in_lists(db, wanted, parts, most)
    found = source(wanted, joined=True)
    select = (
        f"SELECT e.tags AS tags FROM {found.tables} WHERE {found.where} AND {found.row} & {LAST_BITS} < ?"
        f" ORDER BY {found.row} DESC LIMIT ?"
    )
    return column_of(db, "tags", select, [*found.values, parts, most])
