# SPDX-License-Identifier: AGPL-3.0-or-later
"""A question with its names looked up: the tags, words, squares and seconds that SQL can compare.

How they are compared is `conditions.py`'s.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from convergences_node.index.cells import cover
from convergences_node.index.known import Known
from convergences_node.index.lines import DATED_FACETS
from convergences_node.index.query import E7, Box, Circle, Query
from convergences_node.index.reading import rows_of
from convergences_node.index.remembered import VALUES_MAX, Looked
from convergences_node.index.row import LISTED
from convergences_node.index.text import Term, Text, read_text

METRES_A_DEGREE = 111_194.93
"""On a sphere of 6,371 km, which is within 0.5 % of the Earth."""
HALF_TURN = 180 * E7
PAIRS_MAX = 4
"""Pairs of territory and kind looked for as such; with more, the two are looked for apart."""


_encode = msgspec.json.Encoder().encode


Values = tuple[str, tuple[str, ...]]
"""A facet and values of it."""


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
    common: bool = False
    """At least half of all elements have one of them."""


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
    had: tuple[Term, ...] = ()
    """Words that all of `rows` have, which need no look."""
    kinds: tuple[int, ...] = ()
    """The tags of the kinds asked for; of all kinds, if none are."""
    spans: tuple[int, ...] = ()
    """Classes of `dated` worth looking through."""
    impossible: bool = False
    looked: Looked = field(default_factory=Looked, compare=False)
    """What was looked up of the same state of the index before, for this question or others."""

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


@lru_cache(maxsize=64)
def _squares(boxes: tuple[Box, ...]) -> tuple[str, ...]:
    return tuple(cover(boxes) or ())


def make_filter(
    db: sqlite3.Connection,
    query: Query,
    known: Known,
    rows: Sequence[int] | None = None,
    looked: Looked | None = None,
) -> Filter:
    """The filter of a question; `looked` is what was looked up of this state of the index before."""
    looked = looked or Looked()
    groups = tuple(_groups(db, query, known, looked))
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
        looked=looked,
    )


def _groups(db: sqlite3.Connection, query: Query, known: Known, looked: Looked) -> Iterator[Group]:
    """The tags asked for. One kind in one territory is one tag, or two long lists would be crossed each time."""
    wanted = [(facet, tuple(values)) for facet, values in _names(query, known)]
    found = _tags(db, [*wanted, (LISTED[0], LISTED[1:])], looked)
    half = sum(found.pop().values()) / 2
    for (facet, values), tags in zip(wanted, found, strict=True):
        listed, count = (facet, *values) == LISTED, sum(tags.values())
        yield Group(tuple(tags), count, facet in DATED_FACETS, listed, count > half)


def _tags(db: sqlite3.Connection, wanted: Sequence[Values], looked: Looked) -> list[dict[int, int]]:
    """The tags of each of these facets' values, with how many elements have them."""
    known = [looked.groups.get(each) for each in wanted]
    missing = [place for place, tags in enumerate(known) if tags is None]
    found: list[dict[int, int]] = [{} if tags is None else tags for tags in known]
    if not missing:
        return found
    select = (
        "SELECT j.key AS place, t.tag AS tag,"
        " (SELECT total(n) FROM counts c WHERE c.territory IN (-1, 0) AND c.tag = t.tag) AS n"
        " FROM json_each(?) j CROSS JOIN json_each(j.value, '$[1]') v"
        " CROSS JOIN tags t ON t.facet = json_extract(j.value, '$[0]') AND t.value = v.value ORDER BY t.tag"
    )
    asked = _encode([wanted[place] for place in missing]).decode()
    for place, tag, count in rows_of(db, ("place", "tag", "n"), select, (asked,)):
        found[missing[place]][tag] = int(count)
    looked.groups.update({wanted[each]: found[each] for each in missing if len(wanted[each][1]) <= VALUES_MAX})
    return found


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
