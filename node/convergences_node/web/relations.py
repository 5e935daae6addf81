# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element's relations as nested lists: what it is linked to, under each way of being linked, and what follows from
there; and the years in which that was otherwise.

The text twin of any graph: readable by a screen reader, printable, and the same at a date. The graph that scripts draw
(`front/src/drawing.js`) is made of these lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from convergences_node.index.views import RelationView, Step
from convergences_node.web import dates
from convergences_node.web.cards import Reading
from convergences_node.web.filters import Choice

# Two steps make a tree that is read at a glance; further ones are a search away.
TREE_DEPTH = 2
# In one list, and in one of those below it; the search for what is related shows all.
LEAVES_MAX, LEAVES_BELOW_MAX = 30, 6
# Links to the tree as it was; the field for a date reaches any other.
YEARS_MAX = 24
YEAR_LAST = 9999


# Told at the top of a page, in this order: who is behind it, where, and what it is a part of.
CARRIED = (("incoming", "organises"), ("outgoing", "hosted_at"), ("outgoing", "part_of"))
CARRIED_MAX = 3


@dataclass(frozen=True, slots=True)
class Leaf:
    """One end of a relation, with what it is linked to in turn."""

    id: str
    kind: str
    """Empty for an end that is not known here."""
    title: str
    href: str | None
    lang: str | None
    note: str
    below: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """One way of being linked, and all that is linked so."""

    label: str
    leaves: tuple[Leaf, ...]
    more: int
    """How many are left out of this list."""


def branches(reading: Reading, start: str, steps: Sequence[Step], names: Mapping[str, str]) -> tuple[Branch, ...]:
    """The walk from an element as a tree of lists."""
    by_source: dict[str, list[Step]] = {}
    for step in steps:
        by_source.setdefault(step.source, []).append(step)
    return _branches(reading, start, 1, by_source, names)


def carried(reading: Reading, found: Sequence[Branch]) -> tuple[Branch, ...]:
    """The ways of being linked that a reader asks about first, with the first known ends of each."""
    by_label = {branch.label: branch for branch in found}
    told = (by_label.get(reading.messages.term(f"relation.{way}", predicate)) for way, predicate in CARRIED)
    known = (Branch(each.label, tuple(leaf for leaf in each.leaves if leaf.href), 0) for each in told if each)
    return tuple(Branch(each.label, each.leaves[:CARRIED_MAX], 0) for each in known if each.leaves)


def _branches(
    reading: Reading, source: str, depth: int, by_source: Mapping[str, list[Step]], names: Mapping[str, str]
) -> tuple[Branch, ...]:
    grouped: dict[str, list[Leaf]] = {}
    for step in by_source.get(source, []):
        if step.depth != depth:
            continue
        below = _branches(reading, step.relation.other, depth + 1, by_source, names)
        grouped.setdefault(_label(reading, step.relation), []).append(_leaf(reading, step.relation, below, names))
    most = LEAVES_MAX if depth == 1 else LEAVES_BELOW_MAX
    return tuple(Branch(label, tuple(leaves[:most]), max(0, len(leaves) - most)) for label, leaves in grouped.items())


def _label(reading: Reading, relation: RelationView) -> str:
    way = "outgoing" if relation.outgoing else "incoming"
    return reading.messages.term(f"relation.{way}", relation.predicate)


def years(reading: Reading, element: str, steps: Sequence[Step], at: str) -> tuple[Choice, ...]:
    """The years at which the tree can be looked at: those in which a relation began, or the first after one ended."""
    found: set[int] = set()
    for step in steps:
        relation = step.relation
        if relation.since and (began := _year(relation.since)):
            found.add(began)
        if relation.until and (ended := _year(relation.until)):
            found.add(ended + 1)
    if not found:
        return ()
    path = f"/e/{quote(element, safe=':')}"
    always = Choice(reading.messages.text("element.relations_always"), reading.link(path), not at)
    return always, *(
        Choice(str(year), reading.link(path, f"at={year:04}"), at[:4] == f"{year:04}")
        for year in sorted(found)[-YEARS_MAX:]
    )


def _year(text: str) -> int | None:
    found = re.match(r"[0-9]{4}", text)
    return int(found[0]) if found and 0 < int(found[0]) < YEAR_LAST else None


def _leaf(reading: Reading, relation: RelationView, below: tuple[Branch, ...], names: Mapping[str, str]) -> Leaf:
    item = relation.item
    notes = [relation.role or "", _dates(reading, relation)]
    if not relation.confirmed:
        town = names.get(relation.asserted_by, relation.asserted_by)
        notes.append(reading.messages.text("element.unconfirmed", town=town))
    return Leaf(
        id=relation.other,
        kind=item.kind if item else "",
        title=(item.name if item else "") or reading.messages.text("element.unknown_end"),
        href=reading.element(relation.other) if item else None,
        lang=reading.lang() if item else None,
        note=", ".join(note for note in notes if note),
        below=below,
    )


def _dates(reading: Reading, relation: RelationView) -> str:
    first, last = (
        dates.day_in_words(reading.messages, text, reading.zone) if text else None
        for text in (relation.since, relation.until)
    )
    if first and last:
        return reading.messages.text("relation.from_to.range", first=first, last=last)
    if first:
        return reading.messages.text("relation.from_to.since", first=first)
    return reading.messages.text("relation.from_to.until", last=last) if last else ""
