# SPDX-License-Identifier: AGPL-3.0-or-later
"""A filter as SQL. Each has two forms, which must agree; property tests hold them to it.

One finds: an expression of full-text search (`match`, `source`). The other checks a row that was found in some other
way: a condition on `elements` (as `e`) and `states` (as `s`), or, where that can tell, on an entry's mask. All values
are bound, never written into the SQL, so that SQLite compiles each shape of question once.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from convergences_node.index.filters import METRES_A_DEGREE, Filter, Group
from convergences_node.index.masks import is_sure, mask_of
from convergences_node.index.query import E7, Circle
from convergences_node.index.text import any_tag, any_word

CHECKS_MAX = 64
"""Tags compared one by one in SQL; more are given as a list."""

Value = int | float | str


@dataclass(slots=True)
class Conditions:
    """Conditions of SQL joined by AND, with their values in order."""

    parts: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def add(self, part: str, *values: Value) -> None:
        self.parts.append(part)
        self.values.extend(values)

    def extend(self, other: Conditions) -> None:
        self.parts += other.parts
        self.values += other.values

    @property
    def sql(self) -> str:
        return " AND ".join(self.parts) or "1"


# ------------------------------------------------------------------------------------------------------------- finding
def match(wanted: Filter, *, column: str = "") -> str:
    """The full-text expression that finds the tags, the squares and the words (in one column, if it is named)."""
    text = wanted.text
    parts = [term.match(column) for term in text.wanted] if text is not None else []
    if wanted.squares:
        parts.append(any_word(wanted.squares))
    parts += [any_tag(group.tags) for group in _matched(wanted)]
    found = " AND ".join(parts)
    if text is not None and text.unwanted:
        found = f"({found})" + "".join(f" NOT {term.match()}" for term in text.unwanted)
    return found


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: `FROM {tables} WHERE {where}`, with the values that these bind, in order."""

    tables: str
    where: str
    values: tuple[Value, ...]
    row: str
    """The row, in the terms of these tables."""


def source(wanted: Filter, *, column: str = "", joined: bool = False) -> Source:
    """All rows that match. `column`: words are looked for there only; `joined`: `elements` is asked for as `e`."""
    if wanted.rows is not None:
        conditions = check_all(wanted)
        # Where words are looked for, most rows lack them, and need no second look somewhere else in the file.
        looks = ("states s", "elements e") if wanted.text is not None else ("elements e", "states s")
        tables = "json_each(?) j" + "".join(f" CROSS JOIN {table} ON {table[-1]}.row = j.value" for table in looks)
        where = conditions.sql
        return Source(tables, where, (json.dumps(wanted.rows), *conditions.values), "e.row")
    conditions = check_found(wanted)
    tables = "words w"
    if conditions.parts or joined:
        tables += " CROSS JOIN elements e ON e.row = w.rowid"
    return Source(
        tables, f"words MATCH ? AND {conditions.sql}", (match(wanted, column=column), *conditions.values), "w.rowid"
    )


def _matched(wanted: Filter) -> list[Group]:
    """The groups that full-text search looks for. Beside words and squares, what is merely listed is not worth a list
    of everything; nor is, beside words, what half of all elements have: every second row that the words find passes.
    Beside squares, whose rows are looked at anyway, only the rarest group is worth its list."""
    groups = list(wanted.groups)
    if wanted.text is not None or wanted.squares:
        groups = [group for group in groups if not (group.listed or (group.common and wanted.text is not None))]
    return [min(groups, key=lambda group: group.count)] if groups and wanted.squares else groups


def check_found(wanted: Filter) -> Conditions:
    """What full-text search has not checked already."""
    conditions = Conditions()
    matched = _matched(wanted)
    _check_tags(conditions, [group for group in wanted.groups if group not in matched])
    _check_rest(conditions, wanted)
    return conditions


# ------------------------------------------------------------------------------------------------------------ checking
def check_all(wanted: Filter, done: Sequence[Group] = (), *, in_window: bool = False) -> Conditions:
    """Everything, but for groups that were seen to already, and for the dates if the row was found by these."""
    conditions = Conditions()
    _check_tags(conditions, [group for group in wanted.groups if group not in done])
    _check_rest(conditions, wanted, in_window=in_window)
    _check_text(conditions, wanted)
    return conditions


def check_masks(groups: Sequence[Group], table: str) -> Conditions:
    """What the masks of `table` can tell of these groups: all of it, for those that are sure (`sure_of`)."""
    found = Conditions()
    if all_of := mask_of(group.tags[0] for group in groups if len(group.tags) == 1):
        found.add(f"{table}.mask & ? = ?", all_of, all_of)
    for group in groups:
        if len(group.tags) != 1:
            found.add(f"{table}.mask & ? <> 0", mask_of(group.tags))
    return found


def sure_of(groups: Sequence[Group]) -> list[Group]:
    """The groups that need no look at the element, once its mask has passed."""
    return [group for group in groups if is_sure(group.tags)]


def _check_tags(found: Conditions, groups: Sequence[Group]) -> None:
    for group in groups:
        if len(group.tags) <= CHECKS_MAX:
            part = " OR ".join(["instr(e.tags, ?)"] * len(group.tags))
            found.add(f"({part})", *[f" {tag} " for tag in group.tags])
        else:
            found.add(
                "EXISTS (SELECT 1 FROM json_each(?) j WHERE instr(e.tags, ' ' || j.value || ' '))",
                json.dumps(group.tags),
            )


def _check_text(found: Conditions, wanted: Filter) -> None:
    """The words, in the normalised text of `states`; a phrase does not run from one column into the next."""
    text = wanted.text
    for term in (*text.wanted, *text.unwanted) if text is not None else ():
        if term in wanted.had:
            continue
        # Most texts do not even have the letters of a word: those are not copied to put spaces around them.
        spaced = "(instr(s.{0}, ?) AND instr(' ' || s.{0} || ' ', ?))"
        parts = [spaced.format(column) for column in "abc"] + ["instr(e.tags, ?)"] * len(term.instead)
        values = [term.spaced.strip(), term.spaced] * 3 + [f" {tag} " for tag in term.instead]
        found.add(f"{'NOT ' if term.negative else ''}({' OR '.join(parts)})", *values)


def _check_rest(found: Conditions, wanted: Filter, *, in_window: bool = False) -> None:
    """Place, dates and existence: what no tag says."""
    if wanted.boxes:
        inside = " OR ".join(["(e.lat BETWEEN ? AND ? AND e.lon BETWEEN ? AND ?)"] * len(wanted.boxes))
        touches = " OR ".join(["(o.north >= ? AND o.south <= ? AND o.east >= ? AND o.west <= ?)"] * len(wanted.boxes))
        edges = [edge for box in wanted.boxes for edge in (box.south, box.north, box.west, box.east)]
        outline = f"e.lat IS NULL AND EXISTS (SELECT 1 FROM outlines o WHERE o.row = e.row AND ({touches}))"
        found.add(f"({inside} OR ({outline}))", *edges, *edges)
    if wanted.circle is not None:
        _check_circle(found, wanted.circle)
    if wanted.window is not None and not in_window:
        first, last = wanted.window
        found.add("e.first <= ? AND e.last >= ?", last, first)
        found.add(
            "(e.recurs = 0 OR EXISTS (SELECT 1 FROM occurrences o"
            " WHERE o.row = e.row AND o.first <= ? AND o.last >= ?))",
            last,
            first,
        )
    if wanted.moment is not None:
        first, last = wanted.moment
        found.add("(e.began IS NULL OR e.began <= ?) AND (e.ended IS NULL OR e.ended >= ?)", last, first)


def _check_circle(found: Conditions, circle: Circle) -> None:
    """At most so far from the centre. Plain arithmetic: across some hundreds of kilometres a parallel's length changes
    with latitude, which the second term of its cosine follows to 0.1 %."""
    angle = math.radians(circle.lat / E7)
    shrink = "(? - ? * (e.lat - ?))"
    shrinking: tuple[Value, ...] = (math.cos(angle), math.sin(angle) * math.radians(0.5) / E7, circle.lat)
    east = f"((e.lon - ?) * {shrink})"
    found.add(
        f"e.lat IS NOT NULL AND (e.lat - ?) * 1.0 * (e.lat - ?) + {east} * {east} <= ?",
        circle.lat,
        circle.lat,
        *(circle.lon, *shrinking) * 2,
        (circle.metres * E7 / METRES_A_DEGREE) ** 2,
    )
