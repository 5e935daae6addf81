# SPDX-License-Identifier: AGPL-3.0-or-later
"""When something that recurs happens next: the dates themselves, which a rule in words does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from convergences_node.index.views import ElementView
from convergences_node.web import dates
from convergences_node.web.cards import Reading
from convergences_node.web.town_door import Town

SHOWN_MAX = 6
"""What a person plans with; all of them are in the calendar."""
AHEAD_SECONDS = 366 * dates.DAY


@dataclass(frozen=True, slots=True)
class Coming:
    """The next times."""

    days: tuple[tuple[str, str], ...]
    """In words, and as a machine reads it."""
    more: int


async def coming(town: Town, reading: Reading, view: ElementView) -> Coming | None:
    """The next times of what recurs; None for anything else, and for what is over."""
    if not view.item.recurring:
        return None
    window = (reading.now, reading.now + AHEAD_SECONDS)
    times = (await town.index.occurrences([view.item.id], window)).get(view.item.id, ())
    if not times:
        return None
    zone = dates.zone(view.fields.get("timezone"), reading.zone.key)
    whole_days = "T" not in str(view.fields.get("start") or "")
    return Coming(_days(reading, times[:SHOWN_MAX], whole_days, zone), max(len(times) - SHOWN_MAX, 0))


def _days(
    reading: Reading, times: Sequence[tuple[int, int]], whole_days: bool, zone: ZoneInfo
) -> tuple[tuple[str, str], ...]:
    found = []
    for first, last in times:
        # A minute's last second is in the end that the record names: 20:00 is over at 20:00:59.
        start, end = dates.iso(first), dates.iso(last - last % dates.MINUTE)
        if whole_days:
            found.append((dates.day_in_words(reading.messages, start[:10], zone), start[:10]))
        else:
            found.append(
                (dates.when(reading.messages, start, end if last >= first + dates.MINUTE else None, zone), start)
            )
    return tuple(found)
