# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element's relations as nested lists: what it is linked to, under each way of being linked, and what follows from
there.

The text twin of any graph: readable by a screen reader, printable, and the same at a date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convergences_node.index.views import RelationView, Step
from convergences_node.web import dates
from convergences_node.web.cards import Reading

# Two steps make a tree that is read at a glance; further ones are a search away.
TREE_DEPTH = 2
# In one list; the search for what is related shows all.
LEAVES_MAX = 30


@dataclass(frozen=True, slots=True)
class Leaf:
    """One end of a relation, with what it is linked to in turn."""

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


def branches(reading: Reading, start: str, steps: Sequence[Step], names: Mapping[str, str]) -> tuple[Branch, ...]:
    """The walk from an element as a tree of lists."""
    by_source: dict[str, list[Step]] = {}
    for step in steps:
        by_source.setdefault(step.source, []).append(step)
    return _branches(reading, start, 1, by_source, names)


def _branches(
    reading: Reading, source: str, depth: int, by_source: Mapping[str, list[Step]], names: Mapping[str, str]
) -> tuple[Branch, ...]:
    grouped: dict[str, list[Leaf]] = {}
    for step in by_source.get(source, []):
        if step.depth != depth:
            continue
        below = _branches(reading, step.relation.other, depth + 1, by_source, names)
        grouped.setdefault(_label(reading, step.relation), []).append(_leaf(reading, step.relation, below, names))
    return tuple(Branch(label, tuple(leaves[:LEAVES_MAX])) for label, leaves in grouped.items())


def _label(reading: Reading, relation: RelationView) -> str:
    way = "outgoing" if relation.outgoing else "incoming"
    return reading.messages.term(f"relation.{way}", relation.predicate)


def _leaf(reading: Reading, relation: RelationView, below: tuple[Branch, ...], names: Mapping[str, str]) -> Leaf:
    item = relation.item
    notes = [relation.role or "", _dates(reading, relation)]
    if not relation.confirmed:
        town = names.get(relation.asserted_by, relation.asserted_by)
        notes.append(reading.messages.text("element.unconfirmed", town=town))
    return Leaf(
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
