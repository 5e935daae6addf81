# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which events of the index a relay tells, and all that is told of each: its records, in whose name, where, when.

Told is what begins on a known day and happens: a project of three years is not an appointment. Left to their own homes
are events that others publish: those that came here with an address or an element's id of their own (two relays that
read each other would go on for ever), and, on a town's node, those of other towns' logs.
"""

# ruff: noqa: S608 - only question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId, is_element_text
from convergences_protocol.origin import territory_of

from convergences_node.index.listing import Link, Listing, listing_of_elements
from convergences_node.index.row import element_of, id_of
from convergences_node.index.views import Item
from convergences_node.relay.homes import Homes
from convergences_node.relay.rows import RELAY
from convergences_node.web import words

LASTING = ("project", "service")
"""Types of what goes on rather than happens."""
PEOPLE = ("person",)
"""Types of actors in whose name nothing is published: a person has not asked to be an actor of the fediverse."""
ORGANISES, HOSTED_AT, TAKES_PART = "organises", "hosted_at", "takes_part_in"
DAY_CHARS = len("2026-12-05")
YEARS = ("1970", "9990")
"""What every calendar of those who are told can hold."""
PORTION = 200


@dataclass(frozen=True, slots=True)
class Told:
    """An event and what it is told with."""

    item: Item
    fields: Mapping[str, Any]
    revision: int
    owner: Item | None
    """The actor in whose name it is told; None: the relay's own."""
    place: Mapping[str, Any] | None
    """The fields of the place that it is hosted at."""
    time: tuple[int, int] | None
    """First and last second of its next occurrence, if it recurs and has one."""
    mark: bytes
    """Another one when anything that is told of it may be another."""
    home: str | None = None
    """The address that it has at its own town's node, if that tells it: then it is only announced here."""

    @property
    def owner_id(self) -> str:
        return self.owner.id if self.owner is not None else RELAY

    @property
    def last(self) -> int:
        """When it is over."""
        if self.time is not None:
            return self.time[1]
        return span(str(self.fields.get("end") or self.fields["start"]))[1]


def told(db: sqlite3.Connection, elements: Sequence[str], now: int, territory: str | None, homes: Homes) -> list[Told]:
    """Those of these elements that are told, in the order in which they were asked for, of one state of the index."""
    at = {element: number for number, element in enumerate(elements)}
    found = [each for each in _listed(db, elements, now) if _is_told(each[0], each[1], territory)]
    found.sort(key=lambda each: at[each[0].id])
    around = {link.other for _, _, _, links in found for link in links if _concerns(link)}
    others = {item.id: (item, fields) for item, fields, _, _ in _listed(db, sorted(around), now)}
    return [_told(db, each, others, now, homes) for each in found]


def coming(db: sqlite3.Connection, now: int, most: int, related: str | None = None) -> list[str]:
    """The ids of what may be told and is not over, what begins first before; only what an actor is behind, if given."""
    kinds = ", ".join("?" * len(words.KINDS_DATED))
    behind = "AND e.id IN (SELECT object FROM edges WHERE subject = ? AND predicate IN (?, ?))" if related else ""
    rows = db.execute(
        f"SELECT e.id FROM elements e WHERE e.kind IN ({kinds}) {behind} AND e.first IS NOT NULL AND CASE e.recurs"
        " WHEN 0 THEN e.last >= ? ELSE EXISTS (SELECT 1 FROM occurrences o WHERE o.row = e.row AND o.last >= ?) END"
        " ORDER BY e.first, e.row LIMIT ?",
        [*words.KINDS_DATED, *([id_of(ElementId.parse(related)), ORGANISES, TAKES_PART] if related else []),
         now, now, most],
    )  # fmt: skip
    return [str(element_of(id_)) for (id_,) in rows]


def missing(db: sqlite3.Connection, elements: Sequence[str]) -> list[str]:
    """Those of these that are not, or no longer, shown."""
    gone: list[str] = []
    for start in range(0, len(elements), PORTION):
        some = elements[start : start + PORTION]
        ids = [id_of(ElementId.parse(each)) for each in some]
        here = {bytes(id_) for (id_,) in db.execute(
            f"SELECT id FROM elements WHERE id IN ({', '.join('?' * len(ids))})", ids)}  # fmt: skip
        gone += [each for each, id_ in zip(some, ids, strict=True) if id_ not in here]
    return gone


def is_actor(item: Item) -> bool:
    """Whether something can be told in the name of this element, and this element be followed."""
    return item.kind in words.KINDS_ACTING and item.type not in PEOPLE


def is_within(item: Item, territory: str | None) -> bool:
    """Whether this node is the one that tells it: of a town's node what is in the town's log, else everything."""
    return territory is None or territory_of(item.origin) == territory


_Listed = tuple[Item, Mapping[str, Any], int, Sequence[Link]]


def _listed(db: sqlite3.Connection, elements: Sequence[str], now: int) -> Iterator[_Listed]:
    for start in range(0, len(elements), PORTION):
        ids = [ElementId.parse(each) for each in elements[start : start + PORTION]]
        some: Listing = listing_of_elements(db, ids, now)
        for item in some.items:
            detail = some.details[item.id]
            yield item, detail.fields, detail.revision, some.links.get(item.id, ())


def _is_told(item: Item, fields: Mapping[str, Any], territory: str | None) -> bool:
    source_id = str(fields.get("source_id", ""))
    return (
        item.kind in words.KINDS_DATED
        and item.type not in LASTING
        and len(str(fields.get("start", ""))) >= DAY_CHARS
        and YEARS[0] <= str(fields["start"]) < YEARS[1]
        and str(fields.get("end", "")) < YEARS[1]
        and not source_id.startswith(("https://", "http://"))
        and not is_element_text(source_id)
        and is_within(item, territory)
    )


def _concerns(link: Link) -> bool:
    return (link.predicate == HOSTED_AT and link.outgoing) or (link.predicate == ORGANISES and not link.outgoing)


def _told(
    db: sqlite3.Connection,
    each: _Listed,
    others: Mapping[str, tuple[Item, Mapping[str, Any]]],
    now: int,
    homes: Homes,
) -> Told:
    item, fields, revision, links = each
    near = [(link.predicate, *others[link.other]) for link in links if _concerns(link) and link.other in others]
    owner = next((one for verb, one, _ in near if verb == ORGANISES and is_actor(one)), None)
    hosts = next(((one, told) for verb, one, told in near if verb == HOSTED_AT), None)
    time = _next_time(db, item, now) if item.recurring else None
    records = [(one.id, one.origin, one.index) for one in (item, owner, hosts[0] if hosts else None) if one]
    home = homes.address(db, item)
    said = [records, time] if home is None else [records, time, home]
    mark = sha256(msgspec.json.encode(said)).digest()[:16]
    return Told(item, fields, revision, owner, hosts[1] if hosts else None, time, mark, home)


def _next_time(db: sqlite3.Connection, item: Item, now: int) -> tuple[int, int] | None:
    row = db.execute(
        "SELECT o.first, o.last FROM occurrences o JOIN elements e USING (row) WHERE e.id = ? AND o.last >= ?"
        " ORDER BY o.first LIMIT 1",
        (id_of(ElementId.parse(item.id)), now),
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else None
