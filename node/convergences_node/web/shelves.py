# SPDX-License-Identifier: AGPL-3.0-or-later
"""Shelves: the first few answers of several questions side by side, each leading to all of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.web.cards import Card, Reading, card
from convergences_node.web.filters import page_link
from convergences_node.web.town_door import Town

SHELF_MAX = 5
"""What came last all at once, such as every bicycle station, must not hide the rest."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The first few answers of a question, and where all of them are."""

    key: str
    kind: str
    label: str
    href: str
    cards: tuple[Card, ...]


async def shelf(town: Town, reading: Reading, key: str, kind: str, label: str, query: Query) -> Shelf:
    """One question's."""
    items = (await town.index.search(replace(query, limit=SHELF_MAX))).items
    return Shelf(key, kind, label, page_link(reading, query), tuple(card(reading, item) for item in items))


async def kind_shelves(town: Town, reading: Reading, kinds: Iterable[str], asked: Query) -> tuple[Shelf, ...]:
    """A shelf for each of these kinds of which the question finds something."""
    messages = reading.messages
    found = [
        await shelf(town, reading, kind, kind, messages.term("kinds", kind), replace(asked, kinds=(kind,)))
        for kind in kinds
    ]
    return tuple(each for each in found if each.cards)
