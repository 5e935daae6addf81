# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a question to its answer, over one connection: everything but threads. The façade and the benchmark share it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec
from convergences_protocol.element import ElementId

from convergences_node.index.coverage import Covered
from convergences_node.index.element import related_rows
from convergences_node.index.facets import count_facets
from convergences_node.index.filters import Filter, make_filter
from convergences_node.index.folding import Groups, fold
from convergences_node.index.items import cards_of, items_of
from convergences_node.index.known import Known
from convergences_node.index.marks import Marks, marks_of
from convergences_node.index.query import Query
from convergences_node.index.rarest import narrowed
from convergences_node.index.remembered import Looked
from convergences_node.index.search import Found, find
from convergences_node.index.views import Answer, Coverage, Facets, Item, Total

NONE: Groups = {}


def answer(
    db: sqlite3.Connection,
    query: Query,
    known: Known,
    coverage: Sequence[Coverage],
    groups: Groups = NONE,
    looked: Looked | None = None,
) -> Answer:
    """One page of what matches, with how fresh and whole it is; `groups` are elements that are the same, `looked` is
    what was looked up of this state of the index before."""
    wanted = _filter(db, query, known, looked)
    return _answer(db, query, known, coverage, groups, wanted, find(db, query, wanted))


def answer_and_facets(
    db: sqlite3.Connection,
    query: Query,
    known: Known,
    coverage: Sequence[Coverage],
    groups: Groups,
    looked: Looked,
) -> tuple[Answer, Facets]:
    """The same, and the facets of all that matches: of what was gathered for the page, if that was all of it."""
    wanted = _filter(db, query, known, looked)
    found = find(db, query, wanted)
    # Along the dates a total is an estimate; in other orders it may be "at least".
    about = found.total if query.order == "date" else None
    counted = count_facets(db, wanted, known, about, found.matches)
    return _answer(db, query, known, coverage, groups, wanted, found), counted


def _answer(
    db: sqlite3.Connection,
    query: Query,
    known: Known,
    coverage: Sequence[Coverage],
    groups: Groups,
    wanted: Filter,
    found: Found,
) -> Answer:
    items, folded = items_of(db, found.rows, query.window), 0
    if groups:
        items, folded = fold(db, items, groups, None if found.bounded else wanted)
    return Answer(
        items=tuple(items),
        cursor=found.cursor,
        total=Total(count=found.total, exact=found.exact),
        coverage=_concerned(tuple(coverage), query, known),
        bounded=found.bounded,
        folded=folded,
    )


class _Sent(msgspec.Struct):
    """An `Answer` of which what is dear to encode was encoded before."""

    items: msgspec.Raw
    cursor: str | None
    total: Total
    coverage: msgspec.Raw
    bounded: bool
    folded: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Item]).decode


def answer_json(
    db: sqlite3.Connection,
    query: Query,
    known: Known,
    covered: Covered,
    groups: Groups = NONE,
    looked: Looked | None = None,
) -> bytes:
    """The same answer as JSON, byte for byte: put together from what was made when it was taken in."""
    wanted = _filter(db, query, known, looked)
    found = find(db, query, wanted)
    codes = set(known.within(query.territories)) if query.territories else None
    cards, folded = cards_of(db, found.rows, query.window), 0
    if groups:
        cards, folded = _folded(db, cards, groups, None if found.bounded else wanted)
    return _encode(
        _Sent(
            items=cards,
            cursor=found.cursor,
            total=Total(count=found.total, exact=found.exact),
            coverage=covered.concerned_json(codes),
            bounded=found.bounded,
            folded=folded,
        )
    )


def _folded(
    db: sqlite3.Connection, cards: msgspec.Raw, groups: Groups, wanted: Filter | None
) -> tuple[msgspec.Raw, int]:
    """Cards with what is the same in one of them; most pages have nothing of the kind, and go out as they are."""
    items = _decode(cards)
    if all(item.id not in groups for item in items):
        return cards, 0
    items, folded = fold(db, items, groups, wanted)
    return msgspec.Raw(_encode(items)), folded


def facets(db: sqlite3.Connection, query: Query, known: Known, looked: Looked | None = None) -> Facets:
    """How many matches have each value of each facet."""
    return count_facets(db, _filter(db, query, known, looked), known)


def marks(db: sqlite3.Connection, query: Query, known: Known, groups: Groups = NONE) -> Marks:
    """What matches and has a point, for a map."""
    return marks_of(db, _filter(db, query, known), groups)


def _filter(db: sqlite3.Connection, query: Query, known: Known, looked: Looked | None = None) -> Filter:
    rows = None
    if query.related is not None:
        rows = related_rows(db, ElementId.parse(query.related), query.moment, query.depth)
    return narrowed(db, make_filter(db, query, known, rows, looked))


def _concerned(coverage: tuple[Coverage, ...], query: Query, known: Known) -> tuple[Coverage, ...]:
    """The coverage of the territories asked for; of all, when none was named."""
    if not query.territories:
        return coverage
    codes = set(known.within(query.territories))
    return tuple(each for each in coverage if each.territory in codes)
