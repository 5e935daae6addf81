# SPDX-License-Identifier: AGPL-3.0-or-later
"""A question with its names looked up: the tags, words, squares and seconds that SQL can compare.

Every filter has two forms. One finds: an expression of full-text search. The other checks a row that was found in some
other way: a condition on `elements` (as `e`) and `states` (as `s`). They must agree; property tests hold them to it.
All values are bound, never written into the SQL, so that SQLite compiles each shape of question once.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from convergences_node.index.cells import cover
from convergences_node.index.known import Known
from convergences_node.index.lines import DATED_FACETS
from convergences_node.index.masks import is_sure, mask_of
from convergences_node.index.query import E7, Box, Circle, Query
from convergences_node.index.reading import rows_of
from convergences_node.index.row import LISTED
from convergences_node.index.text import Text, any_tag, any_word, read_text

METRES_A_DEGREE = 111_194.93
"""On a sphere of 6,371 km, which is within 0.5 % of the Earth."""
HALF_TURN = 180 * E7
PAIRS_MAX = 4
"""Pairs of territory and kind looked for as such; with more, the two are looked for apart."""
CHECKS_MAX = 64
"""Tags compared one by one in SQL; more are given as a list."""

Value = int | float | str

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Group:
    """An element passes if it has any of these tags."""

    tags: tuple[int, ...]
    count: int
    """How many elements have them, each counted once a tag."""
    dated: bool
    """Whether they are also listed by date."""
    listed: bool = False
    """It only keeps out what has no name; text does so too, mostly, and is rarer."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What SQL is to compare. `rows`, when given, is all that is looked at."""

    groups: tuple[Group, ...]
    text: Text | None = None
    boxes: tuple[Box, ...] = ()
    circle: Circle | None = None
    window: tuple[int, int] | None = None
    moment: tuple[int, int] | None = None
    rows: tuple[int, ...] | None = None
    kinds: tuple[int, ...] = ()
    """The tags of the kinds asked for; of all kinds, if none are."""
    spans: tuple[int, ...] = ()
    """Classes of `dated` worth looking through."""
    impossible: bool = False

    @property
    def squares(self) -> tuple[str, ...]:
        """Words of which everything in the boxes has one; none where these are too large for that."""
        return _squares(self.boxes) if self.boxes else ()

    @property
    def rest(self) -> bool:
        """Whether there is something that full-text search cannot say."""
        return bool(self.boxes or self.window or self.moment or self.rows is not None or self.circle)

    @property
    def count_max(self) -> int:
        """No more elements than this can match."""
        return min(group.count for group in self.groups)


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


@lru_cache(maxsize=64)
def _squares(boxes: tuple[Box, ...]) -> tuple[str, ...]:
    return tuple(cover(boxes) or ())


def make_filter(db: sqlite3.Connection, query: Query, known: Known, rows: Sequence[int] | None = None) -> Filter:
    """The filter of a question."""
    groups = tuple(_groups(db, query, known))
    text = read_text(query.text, known.name_tags, known.themes_named) if query.text else None
    boxes = tuple(_boxes(query))
    return Filter(
        groups=groups,
        text=text,
        boxes=boxes,
        circle=query.circle,
        window=query.window,
        moment=query.moment,
        rows=None if rows is None else tuple(rows),
        kinds=tuple(known.kind_tags[kind] for kind in query.kinds or known.kind_tags if kind in known.kind_tags),
        spans=tuple(known.spans),
        # Words were asked for, but what was typed holds none (only signs): that finds nothing, not everything.
        impossible=any(not group.tags for group in groups) or (text is None and bool(query.text.strip())),
    )


def _groups(db: sqlite3.Connection, query: Query, known: Known) -> Iterator[Group]:
    """The tags asked for. One kind in one territory is one tag, or two long lists would be crossed each time."""
    wanted = list(_names(query, known))
    select = (
        "SELECT j.key AS place, t.tag AS tag,"
        " (SELECT total(n) FROM counts c WHERE c.territory IN (-1, 0) AND c.tag = t.tag) AS n"
        " FROM json_each(?) j CROSS JOIN json_each(j.value, '$[1]') v"
        " CROSS JOIN tags t ON t.facet = json_extract(j.value, '$[0]') AND t.value = v.value ORDER BY t.tag"
    )
    found: list[dict[int, int]] = [{} for _ in wanted]
    for place, tag, count in rows_of(db, ("place", "tag", "n"), select, (_encode(wanted).decode(),)):
        found[place][tag] = int(count)
    for (facet, values), tags in zip(wanted, found, strict=True):
        listed = (facet, *values) == LISTED
        yield Group(tuple(tags), sum(tags.values()), facet in DATED_FACETS, listed)


def _names(query: Query, known: Known) -> Iterator[tuple[str, Sequence[str]]]:
    """The facets asked for, each with its values. A name from outside never reaches the tags that are the search's own,
    which no field is called."""
    codes = [code for code in known.within(query.territories) if code in known.territory_tags]
    if query.kinds and codes and len(query.kinds) * len(codes) <= PAIRS_MAX:
        yield "territory kind", [f"{code} {kind}" for kind in query.kinds for code in codes]
    else:
        if query.territories:
            yield "territory", codes
        if query.kinds:
            yield "kind", query.kinds
    if not query.kinds:
        yield LISTED[0], LISTED[1:]
    if query.themes:
        yield "themes", known.themes(query.themes)
    by_field: dict[str, list[str]] = {}
    for name, value in query.facets:
        by_field.setdefault(name, []).append(value)
    yield from by_field.items()


def _boxes(query: Query) -> Iterator[Box]:
    """The boxes outside of which nothing is looked for; none crosses the antimeridian."""
    if query.box is not None:
        box = query.box
        if box.west <= box.east:
            yield box
        else:
            yield Box(box.west, box.south, HALF_TURN, box.north)
            yield Box(-HALF_TURN, box.south, box.east, box.north)
    elif query.circle is not None:
        yield around(query.circle)


POLE_NARROWING = 1e-6
"""Closer to a pole than this, a metre is any number of degrees of longitude."""


def around(circle: Circle) -> Box:
    """A box that holds a circle. Near a pole or the antimeridian it is as wide as the world."""
    height = math.ceil(circle.metres / METRES_A_DEGREE * E7)
    widest = min(abs(circle.lat) + height, 90 * E7) / E7
    narrowing = math.cos(math.radians(widest))
    width = height / narrowing if narrowing > POLE_NARROWING else HALF_TURN
    south, north = max(circle.lat - height, -90 * E7), min(circle.lat + height, 90 * E7)
    if width >= HALF_TURN or circle.lon - width < -HALF_TURN or circle.lon + width > HALF_TURN:
        return Box(-HALF_TURN, south, HALF_TURN, north)
    return Box(math.floor(circle.lon - width), south, math.ceil(circle.lon + width), north)


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
        tables = "json_each(?) j CROSS JOIN elements e ON e.row = j.value CROSS JOIN states s ON s.row = e.row"
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
    of everything; beside squares, whose rows are looked at anyway, only the rarest group is worth its list."""
    groups = [group for group in wanted.groups if not (group.listed and (wanted.text is not None or wanted.squares))]
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
    _check_text(conditions, wanted.text)
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


def _check_text(found: Conditions, text: Text | None) -> None:
    """The words, in the normalised text of `states`; a phrase does not run from one column into the next."""
    for term in (*text.wanted, *text.unwanted) if text is not None else ():
        parts = [f"instr(' ' || s.{column} || ' ', ?)" for column in "abc"] + ["instr(e.tags, ?)"] * len(term.instead)
        values = [term.spaced] * 3 + [f" {tag} " for tag in term.instead]
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
