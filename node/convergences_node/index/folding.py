# SPDX-License-Identifier: AGPL-3.0-or-later
"""Elements that are the same, in one item of an answer: neither is lost, and each is found by its own words.

Two elements are one where this node's own log says so (a person here has decided), or where the logs of both their
homes do. What one town says of another's is shown as the relation that it is, and folds nothing: or anybody could make
a neighbour's card vanish behind their own.

Of those that match a question, the oldest has the item, and names the others. That does not depend on the page or the
order, so nothing is shown twice or not at all. A page with such elements is shorter; the total counts elements, as the
facets do, and `folded` says how many are named elsewhere on this page.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from convergences_protocol.element import ElementId
from msgspec.structs import replace as changed

from convergences_node.index.conditions import source
from convergences_node.index.filters import Filter
from convergences_node.index.known import Known, SaidSame
from convergences_node.index.row import element_of, id_of
from convergences_node.index.views import Item, Same

GROUP_MAX = 20
"""Elements that are one; what is said beyond makes no larger group, and is a relation like others."""

Groups = Mapping[str, tuple[str, ...]]
"""By element: all that are the same, itself included, in a fixed order."""

_NAMED = """
    SELECT e.row, e.id, json_extract(s.fields, '$.name'), json_extract(s.fields, '$.source')
    FROM elements e JOIN states s USING (row) WHERE e.id IN
"""


def groups_of(known: Known, own: Collection[str]) -> Groups:
    """Which elements are one, as far as that counts here; `own` are the origins of this node's logs."""
    said: dict[tuple[bytes, bytes], set[str]] = {}
    for each in known.same:
        said.setdefault(_pair(each), set()).add(each.origin)
    groups: dict[bytes, set[bytes]] = {}
    for (one, other), origins in said.items():
        if _counts(one, other, origins, known, own):
            joined = groups.get(one, {one}) | groups.get(other, {other})
            if len(joined) <= GROUP_MAX:
                groups.update(dict.fromkeys(joined, joined))
    texts = {id(group): tuple(sorted(str(element_of(each)) for each in group)) for group in groups.values()}
    return {str(element_of(each)): texts[id(group)] for each, group in groups.items()}


def _pair(said: SaidSame) -> tuple[bytes, bytes]:
    return (said.one, said.other) if said.one < said.other else (said.other, said.one)


def _counts(one: bytes, other: bytes, origins: set[str], known: Known, own: Collection[str]) -> bool:
    if not origins.isdisjoint(own):
        return True
    homes = [known.speakers.get(element_of(end).territory, ()) for end in (one, other)]
    return all(not origins.isdisjoint(home) for home in homes)


def fold(
    db: sqlite3.Connection, items: Sequence[Item], groups: Groups, wanted: Filter | None
) -> tuple[list[Item], int]:
    """Items with what is the same folded into one, and how many were. `wanted` is what was asked for; without it (where
    not all that matches was looked at) the first of these items has it."""
    touched = {groups[item.id] for item in items if item.id in groups}
    if not touched:
        return list(items), 0
    named: dict[str, Same] = {}
    first: dict[str, str] = {}
    shown = [item.id for item in items]
    for group in touched:
        rows = _members(db, group)
        named.update((same.id, same) for same in rows.values())
        kept = min(_matching(db, rows, wanted), default=None) if wanted is not None else None
        leader = rows[kept].id if kept is not None else min((each for each in group if each in shown), key=shown.index)
        first.update(dict.fromkeys(group, leader))
    kept_items = [item for item in items if first.get(item.id, item.id) == item.id]
    folded = [_with_same(item, groups, named) for item in kept_items]
    return folded, len(items) - len(folded)


def same_as(db: sqlite3.Connection, element: str, groups: Groups) -> tuple[Same, ...]:
    """What else is the same as an element, as far as it is here."""
    if element not in groups:
        return ()
    return tuple(same for same in _members(db, groups[element]).values() if same.id != element)


def _with_same(item: Item, groups: Groups, named: Mapping[str, Same]) -> Item:
    if item.id not in groups:
        return item
    return changed(item, same=tuple(named[each] for each in groups[item.id] if each != item.id and each in named))


def _members(db: sqlite3.Connection, group: Sequence[str]) -> dict[int, Same]:
    """The elements of a group that are here, by row."""
    ids = [id_of(ElementId.parse(each)) for each in group]
    rows = db.execute(f"{_NAMED} ({', '.join('?' * len(ids))}) ORDER BY e.row", ids)
    return {
        row: Same(id=str(one), name=name or "", territory=one.territory, source=origin)
        for row, id_, name, origin in rows
        if (one := element_of(id_))
    }


def _matching(db: sqlite3.Connection, rows: Collection[int], wanted: Filter) -> list[int]:
    """Which of these rows are asked for."""
    among = tuple(row for row in rows if wanted.rows is None or row in wanted.rows)
    found = source(replace(wanted, rows=among))
    return [row for (row,) in db.execute(f"SELECT {found.row} FROM {found.tables} WHERE {found.where}", found.values)]
