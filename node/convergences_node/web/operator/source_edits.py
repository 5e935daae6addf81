# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people have edited here, beside what its source says now: in words, ready to be chosen field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from convergences_protocol.element import is_element_text
from convergences_protocol.kinds import KINDS

from convergences_node.town import Town
from convergences_node.web import words
from convergences_node.web.cards import Reading
from convergences_node.web.element_same import in_words
from convergences_node.web.place_names import territory_names

SHOWN_MAX = 20
"""Of one source at once; who has chosen sees the next ones."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One field, and what each says."""

    name: str
    label: str
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Edited:
    """One element that both have changed."""

    element: str
    title: str
    href: str
    choices: tuple[Choice, ...]


async def edited_beside(town: Town, reading: Reading, edited: list[dict[str, Any]]) -> list[Edited]:
    """Those to choose about, the first twenty."""
    shown = [one for one in edited if one["kind"] in KINDS][:SHOWN_MAX]
    names = await names_in(town, [value for one in shown for value in _values(one)])
    return [
        Edited(
            one["element"],
            one["name"] or reading.messages.text("element.untitled"),
            reading.element(one["element"]),
            tuple(_choices(reading, one, names)),
        )
        for one in shown
    ]


def _values(one: dict[str, Any]) -> Iterator[Any]:
    for both in one["differences"].values():
        yield from both.values()


def _choices(reading: Reading, one: dict[str, Any], names: Mapping[str, str]) -> Iterator[Choice]:
    for name, both in one["differences"].items():
        if name in KINDS[one["kind"]].by_name:
            here, there = (in_words(reading, one["kind"], name, both[side], names) for side in ("here", "there"))
            yield Choice(name, words.field_label(reading.messages, one["kind"], name), here, there)


async def names_in(town: Town, values: list[Any]) -> dict[str, str]:
    """The names of the elements and the territories that stand in some fields by their ids and codes."""
    texts = {str(one) for value in values for one in (value if isinstance(value, list) else [value])}
    found = dict(await territory_names(town, [text for text in texts if text.startswith("FR-") and ":" not in text]))
    for text in texts:
        view = await town.index.element(text) if is_element_text(text) else None
        if view is not None and view.item.name:
            found[text] = view.item.name
    return found
