# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a sheet on a wall says beside the days of its week, where these leave room: a week with nothing listed is no
empty sheet.

Nothing is made up for it: what begins after these days, with its date; what lasts longer than a week; what goes on
without a date. Nothing is told twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from convergences_protocol.edtf import span
from msgspec.structs import replace

from convergences_node.index.details import beginning_at
from convergences_node.index.query import LIMIT_MAX, Query
from convergences_node.index.views import Item
from convergences_node.web import words
from convergences_node.web.agenda import Line
from convergences_node.web.cards import Reading, card
from convergences_node.web.happenings import Happenings
from convergences_node.web.town_door import Town

COMING = "home.next"
"""The key of what comes; the others' stand below."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is told under one heading."""

    key: str
    title: str
    lines: tuple[Line, ...]


async def besides(
    town: Town, reading: Reading, asked: Query, found: Happenings, last: date, each_max: int
) -> Sequence[Beside]:
    """Beside what a question finds in some days, of which this is the last: what comes, what lasts, what goes on."""
    dated = replace(asked.without_page(), kinds=asked.kinds or words.KINDS_DATED, since=None, until=None)
    coming = await _coming(town, dated, last + timedelta(days=1), each_max)
    told = {each.item.id for each in found.dated}
    going_on = () if found.dated else await _going_on(town, dated, last, LIMIT_MAX)
    parts = (
        (COMING, coming),
        ("home.lasting", [each.item for each in found.lasting]),
        ("home.regular", going_on),
    )
    shown = []
    for key, items in parts:
        fresh = _fresh(items, told)[:each_max]
        told |= {each.id for each in fresh}
        if fresh:
            shown.append(Beside(key, reading.messages.text(key), tuple(line_of(reading, each) for each in fresh)))
    return shown


def _fresh(items: Iterable[Item], told: set[str]) -> list[Item]:
    return [each for each in {item.id: item for item in items}.values() if each.id not in told]


async def _coming(town: Town, dated: Query, after: date, most: int) -> Sequence[Item]:
    """What begins on a day or later, the nearest first."""
    query = beginning_at(replace(dated, since=after.isoformat(), limit=most), span(after.isoformat())[0])
    return (await town.index.search(query)).items


async def _going_on(town: Town, dated: Query, day: date, most: int) -> Sequence[Item]:
    """What is there on a day, with a date or without: most of a town's life has none."""
    return (await town.index.search(replace(dated, at=day.isoformat(), limit=most))).items


def line_of(reading: Reading, item: Item) -> Line:
    """An element as a line under no day: with its dates, if it has any."""
    made = card(reading, item)
    return Line(
        time=made.when,
        time_iso=made.when_iso,
        title=made.title,
        href=made.href,
        lang=made.lang,
        where=made.where,
        kind=made.kind,
        kind_label=made.kind_label,
        type_label=made.type_label,
        state=made.state,
    )
