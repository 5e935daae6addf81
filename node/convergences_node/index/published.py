# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is published on an element: the articles, photos and documents about it, or about anything that belongs to it.

An article about a circus show is published on the show, on the festival that the show is part of, on whoever carries
the festival, on where it happens, and on the territories and themes of all of these. Belonging is followed when it is
read, for a relation may arrive long after both of its ends, and every walk is bounded in depth and in number.

Two ways lead to the same answer. From an actor, an action or a place the walk goes down, to what belongs to it; from a
theme or a territory too, if little is under it. Where there may be a hundred thousand elements, contents are walked up,
a thousand of them after the other from the newest on, until there are as many as a page shows. What was walked up is
kept for all themes and territories, until the index has taken in more.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import msgspec
from convergences_protocol.element import ElementId
from convergences_protocol.kinds import KINDS

from convergences_node.index.belonging import CARRIES, Ids, above, below, edges_of, portions
from convergences_node.index.cursors import INTEGER_MAX
from convergences_node.index.items import items_of
from convergences_node.index.known import Known
from convergences_node.index.plan import plan_of
from convergences_node.index.row import id_of
from convergences_node.index.text import any_tag
from convergences_node.index.views import Item

_encode = msgspec.json.Encoder().encode

KINDS_PUBLISHED = tuple(name for name, kind in KINDS.items() if {"about", "published"} <= set(kind.by_name))
"""What is published about something else."""

STARTS_MAX = 300
"""Elements under a theme or a territory from which all of it is found by going down."""
PORTION = 1_000
"""Contents that are walked up at once."""
PORTIONS_MAX = 8
"""Portions that one question looks through; it says that there may be more, and leads there."""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was published."""

    item: Item
    about: Item | None = None
    """What it is about, when that is not the element asked for but something that belongs to it."""
    by: Item | None = None
    """Who published it, if a relation says so; else its town did."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What is published on an element, the newest first."""

    publications: tuple[Publication, ...] = ()
    more: bool = False
    """True when there is more than was asked for, or than the walk could visit."""


@dataclass(frozen=True, slots=True)
class _Portion:
    """Some contents, the newest first, with the tags of all that each belongs to: one bit a tag."""

    tags: Mapping[bytes, int]
    last: int
    """The row of the oldest of them."""
    whole: bool
    """Whether there are no older ones."""


@dataclass(frozen=True, slots=True)
class _Read:
    state: str
    """The cursors of the index when it was read."""
    portions: tuple[_Portion, ...] = ()


class Bulletin:
    """Contents with the tags of all that they belong to, as far back as they were asked for."""

    def __init__(self) -> None:
        self._read = _Read(state="")

    def portions(self, db: sqlite3.Connection) -> Iterator[_Portion]:
        """From the newest on, as the index stands; threads that read on at once agree."""
        (state,) = db.execute("SELECT group_concat(log || ':' || applied) FROM logs").fetchone()
        read = self._read if self._read.state == state else _Read(state)
        yield from read.portions
        while len(read.portions) < PORTIONS_MAX and not (read.portions and read.portions[-1].whole):
            portion = _portion(db, read.portions[-1].last if read.portions else INTEGER_MAX)
            read = self._read = _Read(state, (*read.portions, portion))
            yield portion


def published_on(db: sqlite3.Connection, element: ElementId, known: Known, bulletin: Bulletin, most: int) -> Published:
    """What is published on an element."""
    found = db.execute(
        "SELECT e.kind, s.fields FROM elements e JOIN states s USING (row) WHERE e.id = ?", (id_of(element),)
    ).fetchone()
    if found is None:
        return Published()
    kind, fields = found
    return published_on_what(db, element, kind, msgspec.json.decode(fields), known, bulletin, most)


def published_on_what(
    db: sqlite3.Connection,
    element: ElementId,
    kind: str,
    fields: Mapping[str, Any],
    known: Known,
    bulletin: Bulletin,
    most: int,
) -> Published:
    """The same, for whoever has read what the element is."""
    tags = _tags_meant(db, element, kind, fields, known)
    if tags is not None:
        contents, whole = _under(db, id_of(element), tags, bulletin, most)
    elif plan_of(kind).is_relation:
        contents, whole = _of_both(db, element, fields)
    else:
        contents, whole = below(db, id_of(element))
    return _shown(db, id_of(element), contents, most, whole)


def _under(
    db: sqlite3.Connection, element: bytes, tags: Collection[int], bulletin: Bulletin, most: int
) -> tuple[Ids, bool]:
    """The contents that belong to what has one of these tags: all of them, or as many as a page shows and one more."""
    if starts := _few(db, tags):
        contents, whole = below(db, element, *starts)
        if whole:
            return contents, True
    wanted, found = _bits(tags), []  # type: int, list[bytes]
    whole = False
    for portion in bulletin.portions(db):
        found += [each for each, own in portion.tags.items() if own & wanted]
        whole = portion.whole
        if len(found) > most:
            break
    return found, whole


def _few(db: sqlite3.Connection, tags: Collection[int]) -> Sequence[bytes]:
    """The elements that have one of these tags, if there are few of them."""
    select = "SELECT total(n) FROM counts WHERE territory IN (-1, 0) AND tag IN (SELECT value FROM json_each(?))"
    (count,) = db.execute(select, (_encode(list(tags)).decode(),)).fetchone()
    if not tags or count > STARTS_MAX:
        return ()
    match = any_tag(list(tags))
    found = db.execute("SELECT e.id FROM words w JOIN elements e ON e.row = w.rowid WHERE words MATCH ?", (match,))
    return [id_ for (id_,) in found]


def _of_both(db: sqlite3.Connection, relation: ElementId, fields: Mapping[str, str]) -> tuple[Ids, bool]:
    """What belongs to both ends of a relation: on a partnership is published what its partners have together."""
    first, second = (below(db, id_of(ElementId.parse(fields[end]))) for end in ("subject", "object"))
    own, whole = below(db, id_of(relation))
    return {*own, *(set(first[0]) & set(second[0]))}, whole and first[1] and second[1]


def _portion(db: sqlite3.Connection, before: int) -> _Portion:
    """The newest contents before a row."""
    rows = _newest(db, before)
    belongs = above(db, [id_ for _, id_ in rows])
    tags: dict[bytes, int] = {}
    for marks, some in portions(node for nodes in belongs.values() for node in nodes):
        for id_, text in db.execute(f"SELECT id, tags FROM elements WHERE id IN ({marks})", some):
            tags[id_] = _bits(map(int, text.split()))
    of = {id_: _any(tags.get(node, 0) for node in belongs[id_]) for _, id_ in rows}
    return _Portion(of, rows[-1][0] if rows else before, len(rows) < PORTION)


def _bits(tags: Iterable[int]) -> int:
    return _any(1 << tag for tag in tags)


def _any(bits: Iterable[int]) -> int:
    return reduce(or_, bits, 0)


def _tags_meant(
    db: sqlite3.Connection, element: ElementId, kind: str, fields: Mapping[str, Any], known: Known
) -> frozenset[int] | None:
    """The tags that a theme or a territory stands for, with all that is inside it; None for any other kind."""
    if plan_of(kind).is_territory:
        return frozenset(known.tags_of(known.within([fields["code"]])))
    if "broader" not in KINDS[kind].by_name:
        return None
    themes = known.themes([str(element)])
    rows: list[tuple[int]] = []
    for marks, some in portions(themes):
        rows += db.execute(f"SELECT tag FROM tags WHERE facet = 'themes' AND value IN ({marks})", some)
    return frozenset(tag for (tag,) in rows)


def _newest(db: sqlite3.Connection, before: int) -> list[tuple[int, bytes]]:
    """The newest contents before a row, with their rows."""
    marks = ", ".join("?" * len(KINDS_PUBLISHED))
    tags = db.execute(f"SELECT tag FROM tags WHERE facet = 'kind' AND value IN ({marks})", KINDS_PUBLISHED).fetchall()
    if not tags:
        return []
    return db.execute(
        "SELECT e.row, e.id FROM"
        " (SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?) w"
        " JOIN elements e ON e.row = w.rowid ORDER BY e.row DESC",
        (any_tag([tag for (tag,) in tags]), before, PORTION),
    ).fetchall()


def _shown(db: sqlite3.Connection, start: bytes, found: Ids, most: int, whole: bool) -> Published:
    """The contents among what was found, the newest first, each with what it is about and who published it."""
    rows = sorted(_contents(db, set(found) - {start}), reverse=True)
    shown = [id_ for _, _, id_ in rows[:most]]
    subjects: dict[bytes, list[bytes]] = defaultdict(list)
    for content, subject in edges_of(db, shown, "subject", ("about",)):
        subjects[content].append(subject)
    about = {content: some[0] for content, some in subjects.items() if start not in some}
    behind = dict(edges_of(db, shown, "object", CARRIES))
    items = _items(db, {*shown, *about.values(), *behind.values()})
    publications = tuple(
        Publication(item=items[id_], about=items.get(about.get(id_, b"")), by=items.get(behind.get(id_, b"")))
        for id_ in shown
        if id_ in items
    )
    return Published(publications=publications, more=len(rows) > most or not whole)


def _items(db: sqlite3.Connection, ids: Ids) -> dict[bytes, Item]:
    rows = [
        row
        for marks, some in portions(ids)
        for (row,) in db.execute(f"SELECT row FROM elements WHERE id IN ({marks})", some)
    ]
    return {id_of(ElementId.parse(item.id)): item for item in items_of(db, rows)} if rows else {}


def _contents(db: sqlite3.Connection, found: Ids) -> Iterator[tuple[int, int, bytes]]:
    """(when it was published or written, row, id) of the contents among these."""
    kinds = ", ".join("?" * len(KINDS_PUBLISHED))
    for marks, some in portions(found):
        for first, row, id_ in db.execute(
            f"SELECT first, row, id FROM elements WHERE id IN ({marks}) AND kind IN ({kinds})",
            [*some, *KINDS_PUBLISHED],
        ):
            born = int.from_bytes(id_[:6], "big") // 1000
            yield (first if first is not None else born), row, id_
