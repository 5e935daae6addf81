# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is published on an element: the articles, photos and documents about it, or about anything that belongs to it.

An article about a circus show is published on the show, on the festival that the show is part of, on whoever carries
the festival, on where it happens, and on the territories and themes of all of these. Belonging is followed when it is
read, for a relation may arrive long after both of its ends, and every walk is bounded in depth and in number.

Two ways lead to the same answer. From an actor, an action or a place the walk goes down, to what belongs to it. Under a
theme or a territory there may be a hundred thousand elements: there the newest contents are walked up once, and every
theme and territory is answered from that, until the index has taken in more.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from convergences_protocol.element import ElementId
from convergences_protocol.kinds import KINDS

from convergences_node.index.belonging import CARRIES, Ids, above, below, edges_of, portions
from convergences_node.index.items import items_of
from convergences_node.index.known import Known
from convergences_node.index.lines import TAG_SIGN
from convergences_node.index.row import id_of, plan_of
from convergences_node.index.views import Item

KINDS_PUBLISHED = tuple(name for name, kind in KINDS.items() if {"about", "published"} <= set(kind.by_name))
"""What is published about something else."""

WEIGHED_MAX = 1_000
"""The newest contents that themes and territories choose from."""


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
class _Newest:
    state: str
    """The cursors of the index when it was read."""
    tags: Mapping[bytes, frozenset[int]] = field(default_factory=dict)
    whole: bool = True


class Bulletin:
    """The newest contents with the tags of all that they belong to: what themes and territories choose from."""

    def __init__(self) -> None:
        self._read = _Newest(state="")

    def newest(self, db: sqlite3.Connection) -> _Newest:
        """As the index stands; read again when it has taken in more. Threads that do so at once agree."""
        (state,) = db.execute("SELECT group_concat(log || ':' || applied) FROM logs").fetchone()
        if state != self._read.state:
            self._read = _Newest(state, _tags_above(db, contents := _newest(db)), len(contents) < WEIGHED_MAX)
        return self._read


def published_on(db: sqlite3.Connection, element: ElementId, known: Known, bulletin: Bulletin, most: int) -> Published:
    """What is published on an element."""
    found = db.execute(
        "SELECT e.kind, s.fields FROM elements e JOIN states s USING (row) WHERE e.id = ?", (id_of(element),)
    ).fetchone()
    if found is None:
        return Published()
    kind, fields = found
    tags = _tags_meant(db, element, kind, fields, known)
    if tags is not None:
        newest = bulletin.newest(db)
        contents: Ids = [each for each, own in newest.tags.items() if not tags.isdisjoint(own)]
        whole = newest.whole
    elif plan_of(kind).is_relation:
        contents, whole = _of_both(db, element, msgspec.json.decode(fields))
    else:
        contents, whole = below(db, id_of(element))
    return _shown(db, id_of(element), contents, most, whole)


def _of_both(db: sqlite3.Connection, relation: ElementId, fields: Mapping[str, str]) -> tuple[Ids, bool]:
    """What belongs to both ends of a relation: on a partnership is published what its partners have together."""
    first, second = (below(db, id_of(ElementId.parse(fields[end]))) for end in ("subject", "object"))
    own, whole = below(db, id_of(relation))
    return {*own, *(set(first[0]) & set(second[0]))}, whole and first[1] and second[1]


def _tags_above(db: sqlite3.Connection, contents: Sequence[bytes]) -> dict[bytes, frozenset[int]]:
    """The tags of each content and of all that it belongs to."""
    belongs = above(db, contents)
    tags: dict[bytes, frozenset[int]] = {}
    for marks, some in portions(node for nodes in belongs.values() for node in nodes):
        for id_, text in db.execute(f"SELECT id, tags FROM elements WHERE id IN ({marks})", some):
            tags[id_] = frozenset(map(int, text.split()))
    return {each: frozenset().union(*(tags.get(node, ()) for node in belongs[each])) for each in contents}


def _tags_meant(
    db: sqlite3.Connection, element: ElementId, kind: str, fields: str, known: Known
) -> frozenset[int] | None:
    """The tags that a theme or a territory stands for, with all that is inside it; None for any other kind."""
    if plan_of(kind).is_territory:
        return frozenset(known.tags_of(known.within([msgspec.json.decode(fields)["code"]])))
    if "broader" not in KINDS[kind].by_name:
        return None
    themes = known.themes([str(element)])
    rows: list[tuple[int]] = []
    for marks, some in portions(themes):
        rows += db.execute(f"SELECT tag FROM tags WHERE facet = 'themes' AND value IN ({marks})", some)
    return frozenset(tag for (tag,) in rows)


def _newest(db: sqlite3.Connection) -> list[bytes]:
    """The ids of the newest contents."""
    marks = ", ".join("?" * len(KINDS_PUBLISHED))
    tags = db.execute(f"SELECT tag FROM tags WHERE facet = 'kind' AND value IN ({marks})", KINDS_PUBLISHED).fetchall()
    if not tags:
        return []
    match = " OR ".join(f'"{TAG_SIGN}{tag}"' for (tag,) in tags)
    rows = db.execute(
        "SELECT e.id FROM (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?) w"
        " JOIN elements e ON e.row = w.rowid ORDER BY e.row DESC",
        (match, WEIGHED_MAX),
    )
    return [id_ for (id_,) in rows]


def _shown(db: sqlite3.Connection, start: bytes, found: Ids, most: int, whole: bool) -> Published:
    """The contents among what was found, the newest first, each with what it is about and who published it."""
    rows = sorted(_contents(db, found), reverse=True)
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
