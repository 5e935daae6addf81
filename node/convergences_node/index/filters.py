# SPDX-License-Identifier: AGPL-3.0-or-later
"""A question, with its names looked up: the tags, words, boxes and seconds that SQL can compare.

Every filter exists in two forms. One finds: a full-text expression, a list in the order of dates, an R*Tree box. The
other checks a row that was found in some other way: a condition on `elements` (as `e`) and `states` (as `s`). They must
agree, and the property tests hold them to it.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from convergences_node.index.known import Known
from convergences_node.index.query import Box, Circle, Query
from convergences_node.index.row import LISTED
from convergences_node.index.tables import DATED_FACETS
from convergences_node.index.text import Text, any_tag, quoted, read_text

METRES_A_DEGREE = 111_194.93
"""On a sphere of 6,371 km, which is within 0.5 % of the Earth."""
E7 = 10_000_000
HALF_TURN = 180 * E7
IMPOSSIBLE = -1
"""A tag that nothing has."""


@dataclass(frozen=True, slots=True)
class Group:
    """An element passes if it has any of these tags; `dated`: they are also listed by date."""

    tags: tuple[int, ...]
    dated: bool


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
    impossible: bool = False


@dataclass(slots=True)
class Conditions:
    """Conditions of SQL joined by AND, with their values."""

    parts: list[str] = field(default_factory=list)
    values: list[int | float | str] = field(default_factory=list)

    def add(self, part: str, *values: int | float | str) -> None:
        self.parts.append(part)
        self.values.extend(values)

    @property
    def sql(self) -> str:
        return " AND ".join(self.parts) or "1"


def make_filter(db: sqlite3.Connection, query: Query, known: Known, rows: Sequence[int] | None = None) -> Filter:
    """The filter of a question."""
    groups = list(_groups(db, query, known))
    text = read_text(query.text, known.name_tags)
    return Filter(
        groups=tuple(groups),
        text=text,
        boxes=tuple(_boxes(query)),
        circle=query.circle,
        window=query.window,
        moment=query.moment,
        rows=None if rows is None else tuple(rows),
        # Words were asked for, but what was typed holds none (only signs): that finds nothing, not everything.
        impossible=any(not group.tags for group in groups) or (text is None and bool(query.text.strip())),
    )


def _groups(db: sqlite3.Connection, query: Query, known: Known) -> Iterator[Group]:
    """The tags asked for. A kind and some territories are one pair of tags, or the lists would be crossed each time."""
    codes = known.within(query.territories)
    if query.kinds and codes:
        pairs = [f"{code} {kind}" for kind in query.kinds for code in codes if code in known.territory_tags]
        yield Group(_tags(db, "territory kind", pairs), dated=True)
    elif query.kinds:
        yield Group(_tags(db, "kind", query.kinds), dated=True)
    else:
        if codes:
            yield Group(tuple(known.tags_of(codes)), dated=True)
        yield Group(_tags(db, LISTED[0], LISTED[1:]), dated=True)
    if query.themes:
        yield Group(_tags(db, "themes", known.themes(query.themes)), dated=True)
    by_field: dict[str, list[str]] = {}
    for name, value in query.facets:
        by_field.setdefault(name, []).append(value)
    for name, values in by_field.items():
        yield Group(_tags(db, name, values), dated=name in DATED_FACETS)


def _tags(db: sqlite3.Connection, facet: str, values: Sequence[str]) -> tuple[int, ...]:
    if len(values) == 1:
        found = db.execute("SELECT tag FROM tags WHERE facet = ? AND value = ?", (facet, values[0])).fetchall()
    else:
        marks = ", ".join("?" * len(values))
        found = db.execute(f"SELECT tag FROM tags WHERE facet = ? AND value IN ({marks})", (facet, *values)).fetchall()
    return tuple(sorted(tag for (tag,) in found))


def _boxes(query: Query) -> Iterator[Box]:
    """The box as one or two that do not cross the antimeridian."""
    if query.box is None:
        return
    box = query.box
    if box.west <= box.east:
        yield box
    else:
        yield Box(box.west, box.south, HALF_TURN, box.north)
        yield Box(-HALF_TURN, box.south, box.east, box.north)


def around(circle: Circle) -> Box:
    """A box that holds a circle. Near a pole or the antimeridian it is as wide as the world."""
    height = math.ceil(circle.metres / METRES_A_DEGREE * E7)
    widest = min(abs(circle.lat) + height, 90 * E7) / E7
    width = height / max(math.cos(math.radians(widest)), 1e-6)
    if circle.lon - width < -HALF_TURN or circle.lon + width > HALF_TURN:
        return Box(-HALF_TURN, circle.lat - height, HALF_TURN, circle.lat + height)
    return Box(math.floor(circle.lon - width), circle.lat - height, math.ceil(circle.lon + width), circle.lat + height)


# ------------------------------------------------------------------------------------------------------------- finding
def match(wanted: Filter, *, with_text: bool = True) -> str:
    """The full-text expression that finds the tags and the words."""
    parts = [any_tag(group.tags) for group in wanted.groups]
    if with_text and wanted.text is not None:
        parts = [term.match for term in wanted.text.wanted] + parts
    found = " AND ".join(parts)
    if with_text and wanted.text is not None and wanted.text.unwanted:
        found = f"({found})" + "".join(f" NOT {quoted(term.words)}" for term in wanted.text.unwanted)
    return found


# ------------------------------------------------------------------------------------------------------------ checking
def check_tags(found: Conditions, groups: Sequence[Group]) -> None:
    for group in groups:
        parts = [f"instr(e.tags, ' {tag} ')" for tag in group.tags]
        found.add(f"({' OR '.join(parts)})")


def check_text(found: Conditions, text: Text | None) -> None:
    """The words, in the normalised text of `states`; a phrase does not run from one column into the next."""
    for term in (*text.wanted, *text.unwanted) if text is not None else ():
        parts = [f"instr(' ' || s.{column} || ' ', ?)" for column in "abc"]
        parts += [f"instr(e.tags, ' {tag} ')" for tag in term.tags]
        found.add(f"{'NOT ' if term.negative else ''}({' OR '.join(parts)})", *[term.spaced] * 3)


def check_rest(found: Conditions, wanted: Filter) -> None:
    """Place, dates and existence: what no tag says."""
    if wanted.boxes:
        parts: list[str] = []
        for box in wanted.boxes:
            edges = (box.south, box.north, box.west, box.east)
            parts.append("(e.lat BETWEEN {} AND {} AND e.lon BETWEEN {} AND {})".format(*edges))
        found.add(
            f"({' OR '.join(parts)} OR (e.lat IS NULL AND e.row IN (SELECT row FROM boxes WHERE {overlap(wanted.boxes)})))"
        )
    if wanted.circle is not None:
        _check_circle(found, wanted.circle)
    if wanted.window is not None:
        first, last = wanted.window
        found.add(
            f"(e.first <= {last} AND e.last >= {first} AND (e.recurs = 0 OR EXISTS (SELECT 1 FROM occurrences o"
            f" WHERE o.row = e.row AND o.first <= {last} AND o.last >= {first})))"
        )
    if wanted.moment is not None:
        first, last = wanted.moment
        found.add(f"coalesce(e.began, {last}) <= {last} AND coalesce(e.ended, {first}) >= {first}")


def overlap(boxes: Sequence[Box]) -> str:
    """The condition of the R*Tree. It rounds outwards, to about a metre: whoever uses it checks again."""
    parts = []
    for box in boxes:
        west, east, south, north = (repr(value / E7) for value in (box.west, box.east, box.south, box.north))
        parts.append(f"(east >= {west} AND west <= {east} AND north >= {south} AND south <= {north})")
    return " OR ".join(parts)


def _check_circle(found: Conditions, circle: Circle) -> None:
    """At most so far from the centre. Plain arithmetic: across some hundreds of kilometres a parallel's length changes
    with latitude, which the second term of its cosine follows to 0.1 %."""
    cosine, sine = math.cos(math.radians(circle.lat / E7)), math.sin(math.radians(circle.lat / E7))
    per_metre = E7 / METRES_A_DEGREE
    box = around(circle)
    found.add(f"e.lat BETWEEN {box.south} AND {box.north} AND e.lon BETWEEN {box.west} AND {box.east}")
    shrink = f"({cosine!r} - {sine!r} * (e.lat - {circle.lat}) * {math.radians(0.5) / E7!r})"
    found.add(
        f"((e.lat - {circle.lat}) * 1.0 * (e.lat - {circle.lat})"
        f" + (e.lon - {circle.lon}) * {shrink} * (e.lon - {circle.lon}) * {shrink}) <= {(circle.metres * per_metre) ** 2!r}"
    )


def marks(values: Mapping[str, object] | Sequence[object]) -> str:
    """Question marks for values."""
    return ", ".join("?" * len(values))
