# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sittings of one event, as the fewest actions that a calendar can hold: each at one hour, weekly, with exceptions.

A list of times says nothing of a rule, but people meet by rules: sittings of one hour and one length are a weekly rule
on their days, and the days on which there was none are its exceptions. The rule gives back exactly the sittings that
were listed, or is not used: then each stands for itself. What is too much for either is told from first to last, as it
was before. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from convergences_protocol.kinds.field import MANY_MAX

from .times import told, zone_named

SITTINGS_MAX = 5_000
RULES_MAX = 12
"""Hours at which one event takes place: mornings, afternoons, and some days in another way."""
ALONE_MAX = 50
"""Sittings of one event that are actions by themselves."""
DAYS_MAX = 800
"""As far as the index looks ahead; a longer span is no series of sittings."""
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ZONE = "Europe/Paris"


@dataclass(frozen=True, slots=True)
class Sitting:
    """From when to when, in the time of the place."""

    begin: datetime
    end: datetime | None


def sittings_of(times: Iterable[tuple[str, str]], timezone: str | None) -> list[Sitting]:
    """The times that can be read, each once, in order."""
    zone = zone_named(timezone) or ZoneInfo(ZONE)
    found: dict[datetime, datetime | None] = {}
    for begin, end in times:
        start = _moment(begin, zone)
        if start is not None:
            found.setdefault(start, _moment(end, zone))
    return [Sitting(begin, end if end is not None and end > begin else None) for begin, end in sorted(found.items())][
        :SITTINGS_MAX
    ]


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(zone).replace(microsecond=0)


def actions_of(sittings: Sequence[Sitting], timezone: str | None) -> list[dict[str, Any]]:
    """Cells of each action: `id` (added to the event's own; empty for the first), start, end, recurrence, exceptions,
    timezone. Empty where the sittings are too many and too irregular, or last longer than they are apart."""
    zone = timezone if timezone and zone_named(timezone) else ZONE
    alike: dict[tuple[int, int, timedelta | None], list[Sitting]] = defaultdict(list)
    for each in sittings:
        length = None if each.end is None else each.end - each.begin
        alike[each.begin.hour, each.begin.minute, length].append(each)
    found: list[dict[str, Any]] = []
    for some in sorted(alike.values(), key=lambda group: group[0].begin):
        rule = _rule(some, zone)
        found += [rule] if rule is not None else [_alone(each) for each in some]
    rules = sum("recurrence" in one for one in found)
    if rules > RULES_MAX or len(found) - rules > ALONE_MAX:
        return []
    found.sort(key=lambda one: str(one["start"]))
    return [one | {"id": "" if number == 0 else f"#{one['start']}"} for number, one in enumerate(found)]


def _alone(sitting: Sitting) -> dict[str, Any]:
    return {"start": told(sitting.begin), "end": told(sitting.end) if sitting.end else None}


def _rule(alike: Sequence[Sitting], zone: str) -> dict[str, Any] | None:
    """Sittings of one hour as one action; None if no rule of few exceptions gives them back."""
    first, days = alike[0], [each.begin.date() for each in alike]
    if len(days) == 1:
        return _alone(first)
    if (days[-1] - days[0]).days > DAYS_MAX or len(set(days)) < len(days):
        return None
    weekdays = sorted({day.weekday() for day in days})
    missing = _missing(days, weekdays)
    if len(missing) > MANY_MAX:
        return None
    by_day = "FREQ=DAILY" if len(weekdays) == len(DAYS) else f"FREQ=WEEKLY;BYDAY={','.join(DAYS[n] for n in weekdays)}"
    return _alone(first) | {
        "recurrence": f"{by_day};UNTIL={alike[-1].begin.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        "exceptions": [day.isoformat() for day in missing],
        "timezone": zone,
    }


def _missing(days: Sequence[date], weekdays: Sequence[int]) -> list[date]:
    """The days of these weekdays, between the first and the last, on which there is no sitting."""
    listed = set(days)
    between = (days[0] + timedelta(days=number) for number in range((days[-1] - days[0]).days))
    return [day for day in between if day.weekday() in weekdays and day not in listed]
