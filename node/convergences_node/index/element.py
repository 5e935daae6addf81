# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element with its relations, and walks from one to the next: joined when read, for either end may arrive last."""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId

from convergences_node.index.items import items_named, items_of
from convergences_node.index.known import Known
from convergences_node.index.query import DEPTH_MAX
from convergences_node.index.row import element_of, id_of
from convergences_node.index.views import ElementView, RelationView, Step, Walk

RELATIONS_MAX = 500
"""Relations listed of one element in one answer."""
WALK_MAX = 1_000
"""Elements that one walk visits."""

Moment = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Edge:
    """One assertion, seen from one of its ends."""

    row: int
    subject: bytes
    predicate: str
    object: bytes
    asserter: bytes
    origin: str
    outgoing: bool

    @property
    def other(self) -> bytes:
        return self.object if self.outgoing else self.subject


@dataclass(frozen=True, slots=True)
class Near:
    """The relations of an element, both ways, as they were at a date."""

    views: Sequence[tuple[_Edge, RelationView]]
    more: bool
    """Whether there are more of them than one answer lists."""


def near(db: sqlite3.Connection, element: ElementId, known: Known, at: str | None = None) -> Near:
    """The relations of an element: what its view lists and where a walk from it begins."""
    return _near(db, id_of(element), known, span(at) if at else None)


def element_view(
    db: sqlite3.Connection, element: ElementId, known: Known, at: str | None = None, around: Near | None = None
) -> ElementView | None:
    """The element as it stands, or None if it is not (or no longer) known here. `around`: its relations, if they were
    read already."""
    found = db.execute(
        "SELECT row, s.digest, s.author, s.fields FROM elements e JOIN states s USING (row) WHERE e.id = ?",
        (id_of(element),),
    ).fetchone()
    if found is None:
        return None
    row, digest, author, fields_text = found
    fields: dict[str, Any] = msgspec.json.decode(fields_text)
    around = around or near(db, element, known, at)
    (item,) = items_of(db, [row])
    return ElementView(
        item=item,
        fields=fields,
        digest=digest.hex(),
        author=author.hex(),
        relations=tuple(view for _, view in around.views),
        relations_more=around.more,
        labels=_labels(db, fields, known),
    )


def walk(
    db: sqlite3.Connection,
    element: ElementId,
    known: Known,
    at: str | None = None,
    depth: int = 1,
    around: Near | None = None,
) -> Walk:
    """What is related to an element, step by step, each element once; `depth` is at most DEPTH_MAX. `around`: its own
    relations, if they were read already."""
    moment = span(at) if at else None
    start = id_of(element)
    seen, border, steps = {start}, [start], []  # type: set[bytes], list[bytes], list[Step]
    complete = depth <= DEPTH_MAX
    for number in range(1, min(depth, DEPTH_MAX) + 1):
        following: list[bytes] = []
        for node in border:
            found = around if around is not None and node == start else _near(db, node, known, moment)
            complete = complete and not found.more
            for edge, view in found.views:
                if edge.other in seen:
                    continue
                if len(seen) > WALK_MAX:
                    return Walk(start=str(element), steps=tuple(steps), complete=False)
                seen.add(edge.other)
                following.append(edge.other)
                steps.append(Step(depth=number, source=str(element_of(node)), relation=view))
        border = following
    return Walk(start=str(element), steps=tuple(steps), complete=complete)


def related_rows(db: sqlite3.Connection, element: ElementId, moment: Moment, depth: int) -> list[int]:
    """The rows of the elements within `depth` steps of one, itself left out; unknown ends only lead on."""
    seen, border = {id_of(element)}, [id_of(element)]
    found: list[bytes] = []
    for _ in range(min(depth, DEPTH_MAX)):
        following: list[bytes] = []
        for node in border:
            for edge in _edges(db, node, moment)[:RELATIONS_MAX]:
                if edge.other not in seen and len(seen) <= WALK_MAX:
                    seen.add(edge.other)
                    following.append(edge.other)
        found += following
        border = following
    return _rows(db, found)


def _rows(db: sqlite3.Connection, ids: Sequence[bytes]) -> list[int]:
    rows: list[int] = []
    for start in range(0, len(ids), 250):
        some = ids[start : start + 250]
        rows += [
            row for (row,) in db.execute(f"SELECT row FROM elements WHERE id IN ({', '.join('?' * len(some))})", some)
        ]
    return sorted(rows)


_ONE_WAY = (
    "SELECT * FROM (SELECT g.row, g.subject, g.predicate, g.object, e.id, l.origin, {outgoing} AS outgoing"
    " FROM edges g JOIN elements e USING (row) JOIN logs l USING (log) WHERE g.{end} = ?{when}"
    " ORDER BY g.predicate, g.subject, g.object, e.id LIMIT ?)"
)
_WHEN = " AND coalesce(g.began, ?) <= ? AND coalesce(g.ended, ?) >= ?"


def _edges(db: sqlite3.Connection, id_: bytes, moment: Moment) -> list[_Edge]:
    """Assertions about an element, both ways, in a fixed order; at most one more than RELATIONS_MAX."""
    when, values = "", []  # type: str, list[int]
    if moment is not None:
        when, values = _WHEN, [moment[1]] * 2 + [moment[0]] * 2
    ways = (_ONE_WAY.format(end=end, outgoing=out, when=when) for end, out in (("subject", 1), ("object", 0)))
    rows = db.execute(" UNION ALL ".join(ways), (id_, *values, RELATIONS_MAX + 1) * 2).fetchall()
    edges = [_Edge(row, s, p, o, asserter, origin, bool(out)) for row, s, p, o, asserter, origin, out in rows]
    return [edge for edge in edges if edge.outgoing or edge.subject != edge.object]


def _near(db: sqlite3.Connection, id_: bytes, known: Known, moment: Moment) -> Near:
    edges = _edges(db, id_, moment)
    return Near(_views(db, edges[:RELATIONS_MAX], known), len(edges) > RELATIONS_MAX)


def _views(db: sqlite3.Connection, edges: Sequence[_Edge], known: Known) -> list[tuple[_Edge, RelationView]]:
    """Assertions as they are shown: one view each, confirmed when the homes of both ends assert the same."""
    if not edges:
        return []
    said: dict[tuple[bytes, str, bytes], set[str]] = {}
    for edge in edges:
        said.setdefault((edge.subject, edge.predicate, edge.object), set()).add(edge.origin)
    items = {item.id: item for item in items_named(db, dict.fromkeys(edge.other for edge in edges))}
    details = _details(db, sorted({edge.row for edge in edges}))
    views = []
    for edge in edges:
        origins = said[edge.subject, edge.predicate, edge.object]
        detail = details.get(edge.row, {})
        own = str(element_of(edge.asserter))
        other = str(element_of(edge.other))
        view = RelationView(
            id=own,
            predicate=edge.predicate,
            outgoing=edge.outgoing,
            other=other,
            item=items.get(other),
            role=detail.get("role"),
            since=detail.get("from"),
            until=detail.get("to"),
            asserted_by=element_of(edge.asserter).territory,
            confirmed=_asserted(origins, edge.subject, known) and _asserted(origins, edge.object, known),
        )
        views.append((edge, view))
    return views


def _asserted(origins: Iterable[str], end: bytes, known: Known) -> bool:
    """Whether a log that counts for the home of this end says so."""
    return not set(origins).isdisjoint(known.speakers.get(element_of(end).territory, ()))


def _details(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The fields of asserting elements that are relations themselves."""
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(rows), 250):
        some = rows[start : start + 250]
        for row, text in db.execute(
            f"SELECT row, fields FROM states WHERE row IN ({', '.join('?' * len(some))})", some
        ):
            fields = msgspec.json.decode(text)
            found[row] = fields if "predicate" in fields else {}
    return found


def names_of(db: sqlite3.Connection, mentioned: Sequence[str], known: Known) -> dict[str, str]:
    """The names of the elements and territories that these ids and codes stand for."""
    return _labels(db, {"": list(mentioned)}, known)


def _labels(db: sqlite3.Connection, fields: dict[str, Any], known: Known) -> dict[str, str]:
    """Names of the elements and territories that fields mention."""
    labels: dict[str, str] = {}
    ids: list[bytes] = []
    for value in fields.values():
        for text in value if isinstance(value, list) else (value,):
            if not isinstance(text, str) or not text.startswith("FR-"):
                continue
            if (name := known.name_of(text) or known.theme_names.get(text)) is not None:
                labels[text] = name
            elif ":" in text:
                try:
                    ids.append(id_of(ElementId.parse(text)))
                except ValueError:
                    pass  # a text that only looks like an id has no name to show
    labels.update({item.id: item.name for item in items_named(db, ids)})
    return labels
