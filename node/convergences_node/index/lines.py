# SPDX-License-Identifier: AGPL-3.0-or-later
"""One element as lines of the tables: what `tables.py` inserts, in the columns of `schema.sql`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from convergences_node.index.bands import band_of
from convergences_node.index.masks import mask_of
from convergences_node.index.row import LISTED, SPANS, Row

TAG_SIGN = "\ue000"
"""A private-use sign: FTS5 takes it for a letter and the normaliser never gives it, so that no text contains a tag."""

DATED_FACETS = frozenset({LISTED[0], "kind", "territory", "territory kind", "themes"})
"""Tags by which elements are listed in the order of their dates; other facets are checked on the element itself."""

NAMES_FILE = b'"digest":'
"""What the JSON of fields has somewhere in it if they name a file."""

Line = tuple[Any, ...]

INSERTS: Mapping[str, str] = {
    "elements": "INSERT INTO elements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "states": "INSERT INTO states VALUES (?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))",
    "filed": "INSERT INTO filed VALUES (?)",
    "cards": "INSERT INTO cards VALUES (?, CAST(? AS TEXT))",
    "dated": "INSERT INTO dated VALUES (?, ?, ?, ?, ?, ?)",
    "occurrences": "INSERT INTO occurrences VALUES (?, ?, ?)",
    "outlines": "INSERT INTO outlines VALUES (?, ?, ?, ?, ?)",
    "points": "INSERT INTO points VALUES (?, ?, ?, ?, ?, ?)",
    "edges": "INSERT INTO edges VALUES (?, ?, ?, ?, ?, ?)",
    "territories": "INSERT INTO territories VALUES (?, ?, ?, ?, ?, ?)",
}
"""How each table's lines are stored. JSON comes as bytes and is text in the table: it is never decoded on the way."""


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """Which record speaks, in the order in which later ones have the last word: the place of its log among the
    territory's speakers, and its number in that log."""

    place: int
    index: int
    log: int


class Stated(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A readable record, ready to be stored."""

    row: Row
    digest: bytes
    author: bytes
    time: int


class Tagged(msgspec.Struct, frozen=True, gc=False):
    """What an element's tags are in the tables. Elements share their tags: it is made once for many of them."""

    numbers: tuple[int, ...]
    spaced: str
    """For `elements`"""
    signs: str
    """for full-text search"""
    dated: tuple[int, ...]
    """those by which elements are listed in the order of their dates"""
    mask: int

    @classmethod
    def of(cls, tags: Sequence[tuple[str, str]], numbers: Sequence[int]) -> Tagged:
        """Of tags and their numbers."""
        return cls(
            tuple(numbers),
            f" {' '.join(map(str, numbers))} ",
            " ".join(f"{TAG_SIGN}{number}" for number in numbers),
            tuple(number for number, (facet, _) in zip(numbers, tags, strict=True) if facet in DATED_FACETS),
            mask_of(numbers),
        )


@dataclass(slots=True)
class Lines:
    """Lines gathered by table, in the order in which elements were added."""

    elements: list[Line] = field(default_factory=list)
    states: list[Line] = field(default_factory=list)
    filed: list[Line] = field(default_factory=list)
    cards: list[Line] = field(default_factory=list)
    dated: list[Line] = field(default_factory=list)
    """Once for all of an element's tags, which come last: (span, first, row, last, mask, tags)."""
    occurrences: list[Line] = field(default_factory=list)
    outlines: list[Line] = field(default_factory=list)
    points: list[Line] = field(default_factory=list)
    edges: list[Line] = field(default_factory=list)
    territories: list[Line] = field(default_factory=list)

    def add(self, number: int, at: Position, said: Stated, tags: Tagged) -> None:
        """The lines of one element, whose row is `number`, with these tags."""
        row = said.row
        recurs = int(row.occurrences is not None)
        when = (row.first, row.last, recurs, row.began, row.ended)
        where = (row.lat, row.lon)
        said_by = (at.place, at.log, at.index)
        self.elements.append((number, tags.spaced, row.id, row.kind, *said_by, *when, *where, row.name_key))
        text = (row.a, row.b, row.c, f"{tags.signs} {row.cells}")
        self.cards.append((number, row.card))
        self.states.append((number, *text, said.digest, said.author, said.time, row.fields))
        if NAMES_FILE in row.fields:
            self.filed.append((number,))
        if row.first is not None:
            self.dated.append((_span(row), row.first, number, row.last, tags.mask, tags.dated))
        if row.lat is not None:
            # The first tag of every element is its kind's (`row._tags`).
            self.points.append((tags.numbers[0], band_of(row.lat), row.lon, number, row.lat, tags.mask))
        if row.occurrences:
            self.occurrences += [(number, *moment) for moment in row.occurrences]
        if (box := row.outline) is not None:
            self.outlines.append((number, box.west, box.south, box.east, box.north))
        if row.edges:
            self.edges += [(number, e.subject, e.predicate, e.object, e.began, e.ended) for e in row.edges]
        if (facts := row.territory) is not None:
            lists = (facts.within, facts.former_names, facts.former_codes)
            self.territories.append((number, facts.code, facts.name, *(json.dumps(list(names)) for names in lists)))

    def by_table(self) -> Iterator[tuple[str, list[Line]]]:
        """Each table's lines, in the order of its key where they were not added so."""
        yield "elements", self.elements
        yield "states", self.states
        yield "filed", self.filed
        yield "cards", self.cards
        yield "dated", self._dated_by_tag()
        yield "occurrences", self.occurrences
        yield "outlines", self.outlines
        self.points.sort()
        yield "points", self.points
        yield "edges", self.edges
        yield "territories", self.territories

    def _dated_by_tag(self) -> list[Line]:
        """The lines of `dated`. Elements are put in the order of their dates once, and not once a tag."""
        self.dated.sort()
        found: defaultdict[int, list[Line]] = defaultdict(list)
        for span, first, number, last, mask, tags in self.dated:
            for tag in tags:
                found[tag].append((tag, span, first, number, last, mask))
        return [line for tag in sorted(found) for line in found[tag]]


def _span(row: Row) -> int:
    """The class of `dated` that an element which happens at a date is in."""
    assert row.first is not None
    assert row.last is not None
    if row.occurrences is not None:
        return len(SPANS)
    lasts = row.last - row.first
    return 0 if lasts <= SPANS[0] else 1 if lasts <= SPANS[1] else 2
