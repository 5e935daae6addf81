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
from collections.abc import Sequence
from dataclasses import dataclass
from sys import intern
from typing import cast

import msgspec

from convergences_node.index.conditions import source
from convergences_node.index.dated import listed_count, rows_in_lists, unsure_in_lists
from convergences_node.index.filters import Filter, Group
from convergences_node.index.reading import column_of
from convergences_node.index.remembered import Tags, TagsByRow
from convergences_node.index.row import LAST_BITS
from convergences_node.index.search import count

WHOLE_MAX = 1_500
"""Elements that are all looked at, in a millisecond or so."""
LISTED_WHOLE_MAX = 600
"""Matches along the dates that are all counted: each is somewhere else in the file."""
SAMPLE = 320
"""Matches that are counted of more than that: a tenth of them is then told to three hundredths, nineteen times in
twenty."""
SAMPLE_LEAST = 80
"""With fewer, more are drawn: a tenth is then told to six hundredths."""
DRAWN_MORE = 4
"""Times as many, each time."""
WALKED_MAX = 6_000
"""Entries of a list among which matches are drawn, in a third of a millisecond; of a longer list, the first ones."""
LOOKED_AT_ONCE = 500
"""Elements that one statement looks at, where some of them may not match."""
PARTS = LAST_BITS + 1

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Sample:
    """The tags of some matches, each of which stands for `each` of them."""

    tags: list[Tags]
    whole: bool = True
    each: float = 1.0

    @property
    def total(self) -> int:
        """About how many matches there are."""
        return round(len(self.tags) * self.each)


def sample_of(db: sqlite3.Connection, wanted: Filter, about: int | None = None) -> Sample:
    """Tags of the matches, of which there are `about` so many, if that was counted before."""
    kept = wanted.looked.tags
    if _are_in_lists(wanted):
        return _from_lists(db, wanted, count(db, wanted)[0] if about is None else about)
    # No more can match than have the rarest tag, and words are mostly rarer; what dates and places leave of all these
    # is seen when they are drawn.
    few = wanted.text is not None or wanted.count_max <= WHOLE_MAX
    parts = PARTS if few else max(1, PARTS * SAMPLE // wanted.count_max)
    while len(rows := _rows(db, wanted, parts)) < SAMPLE_LEAST and parts < PARTS:
        parts = min(PARTS, parts * DRAWN_MORE)
    if parts < PARTS:
        return Sample(tags_of(db, rows, kept), whole=False, each=PARTS / parts)
    return Sample(tags_of(db, rows[:WHOLE_MAX], kept), whole=len(rows) <= WHOLE_MAX)


def sample_of_rows(db: sqlite3.Connection, wanted: Filter, rows: Sequence[int]) -> Sample:
    """The tags of matches that are known already."""
    return Sample(tags_of(db, rows, wanted.looked.tags))


def tags_of(db: sqlite3.Connection, rows: Sequence[int], kept: TagsByRow) -> list[Tags]:
    """The tags of these rows, in their order. Elements are looked at once: each of them is somewhere else in the
    file."""
    found = list(map(kept.get, rows))
    if None in found:
        missing = [row for row, tags in zip(rows, found, strict=True) if tags is None]
        select = "SELECT e.tags AS tags FROM json_each(?) j CROSS JOIN elements e ON e.row = j.value"
        texts = column_of(db, "tags", select, (_encode(missing).decode(),))
        new = {row: tuple(map(intern, text.split())) for row, text in zip(missing, texts, strict=True)}
        kept.update(new)
        found = [new[row] if tags is None else tags for row, tags in zip(rows, found, strict=True)]
    return cast(list[Tags], found)


def _are_in_lists(wanted: Filter) -> bool:
    """Whether the lists by date are the way: not where the rarest tag alone has few elements."""
    elsewhere = wanted.text is not None or wanted.rows is not None or wanted.boxes
    return wanted.window is not None and not elsewhere and wanted.count_max > WHOLE_MAX


def _from_lists(db: sqlite3.Connection, wanted: Filter, about: int) -> Sample:
    if about > LISTED_WHOLE_MAX:
        within_reach = about * min(1.0, WALKED_MAX / listed_count(wanted))
        parts = max(1, int(PARTS * SAMPLE / within_reach))
        # What a mask lets pass may not match: then fewer are counted, rather than more looked at.
        for looked_at in (SAMPLE, SAMPLE * DRAWN_MORE):
            tags = _in_lists(db, wanted, parts, looked_at)
            if len(tags) >= SAMPLE_LEAST:
                return Sample(tags, whole=False, each=about / len(tags))
    tags = _in_lists(db, wanted, PARTS, -1)
    return Sample(tags[:WHOLE_MAX], whole=len(tags) <= WHOLE_MAX)


def _in_lists(db: sqlite3.Connection, wanted: Filter, parts: int, looked_at: int) -> list[Tags]:
    """The tags of the matches in a window, in these parts of all rows: of each list, of the first so many entries that
    their masks let pass; or of all, if that is negative, until there are more than are counted."""
    unsure, kept = unsure_in_lists(wanted), wanted.looked.tags
    if not unsure:
        return tags_of(db, rows_in_lists(db, wanted, parts, looked_at if looked_at >= 0 else WHOLE_MAX + 1), kept)
    rows, found = rows_in_lists(db, wanted, parts, looked_at), []  # type: list[int], list[Tags]
    for start in range(0, len(rows), LOOKED_AT_ONCE):
        some = tags_of(db, rows[start : start + LOOKED_AT_ONCE], kept)
        found += [tags for tags in some if all(_has(tags, group) for group in unsure)]
        if looked_at < 0 and len(found) > WHOLE_MAX:
            break
    return found


def _has(tags: Tags, group: Group) -> bool:
    return any(str(tag) in tags for tag in group.tags)


def _rows(db: sqlite3.Connection, wanted: Filter, parts: int) -> list[int]:
    """The matches whose rows are in so many of the parts of all rows, and no more than are counted."""
    found = source(wanted)
    select = (
        f"SELECT {found.row} AS row FROM {found.tables} WHERE {found.where} AND {found.row} & {LAST_BITS} < ?"
        f" ORDER BY {found.row} DESC LIMIT ?"
    )
    return column_of(db, "row", select, [*found.values, parts, WHOLE_MAX + 1])
