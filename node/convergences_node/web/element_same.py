# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element that is the same as another: what each source says of it, side by side, and the way to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convergences_protocol.kinds import KINDS, FieldType

from convergences_node.index.views import ElementView
from convergences_node.web import words
from convergences_node.web.cards import Reading
from convergences_node.web.element_facts import value_in_words
from convergences_node.web.place_names import territory_names
from convergences_node.web.town_door import Town

BESIDE_MAX = 5
"""Others that are laid out; the relations name them all."""
LEFT_OUT = frozenset({"description", "text", "outline", "colours", "language", "source", "fetched", "source_id"})
"""Too long for a column, of no use in one, or said above it."""
VALUE_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Line:
    """What both say of one field; empty where one says nothing."""

    label: str
    here: str
    there: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Beside:
    """Another element that is the same."""

    title: str
    href: str
    here: str
    """Where this page's own record is from,"""
    there: str
    """and where the other's."""
    lines: tuple[Line, ...]


async def beside(town: Town, reading: Reading, view: ElementView, names: Mapping[str, str]) -> Sequence[Beside]:
    """What is the same as an element, as far as it is here."""
    found = []
    for same in view.same[:BESIDE_MAX]:
        other = await town.index.element(same.id)
        if other is None or other.item.kind != view.item.kind:
            continue
        known = {**names, **await territory_names(town, [view.item.territory, other.item.territory])}
        found.append(
            Beside(
                title=other.item.name or reading.messages.text("element.untitled"),
                href=reading.element(same.id),
                here=source_of(reading, view, known),
                there=source_of(reading, other, known),
                lines=tuple(compared(reading, view, other, known)),
            )
        )
    return found


def source_of(reading: Reading, view: ElementView, names: Mapping[str, str]) -> str:
    """Where a record is from: its source in words, else its town."""
    source = reading.source_title(str(view.fields.get("source", "")))
    return source or names.get(view.item.territory, view.item.territory)


def compared(reading: Reading, view: ElementView, other: ElementView, names: Mapping[str, str]) -> Iterator[Line]:
    """Every field that either has, beside the other's, in the order in which the kind declares them."""
    for field in KINDS[view.item.kind].fields:
        if field.name in LEFT_OUT or field.type in (FieldType.MARKDOWN, FieldType.OUTLINE, FieldType.MEDIA):
            continue
        here, there = (_said(reading, each, field.name, names) for each in (view, other))
        if here or there:
            label = words.field_label(reading.messages, view.item.kind, field.name)
            yield Line(label, here, there, here != there)


def _said(reading: Reading, view: ElementView, name: str, names: Mapping[str, str]) -> str:
    return in_words(reading, view.item.kind, name, view.fields.get(name), {**names, **view.labels})


def in_words(reading: Reading, kind_name: str, name: str, value: Any, names: Mapping[str, str]) -> str:
    """What a field says, short enough for a column; empty if it says nothing."""
    if value in (None, "", []):
        return ""
    field = KINDS[kind_name].by_name[name]
    some = value if field.many and isinstance(value, list) else [value]
    return ", ".join(value_in_words(reading, kind_name, field, each, names)[0] for each in some)[:VALUE_CHARACTERS_MAX]
