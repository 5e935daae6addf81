# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a recurring action happens: RFC 5545 rules expanded by python-dateutil, within a horizon and a count.

A rule may go on for ever, so the index keeps only the occurrences inside a horizon around the present, which is moved
once a month (see `Horizon`). A rule is expanded in the local time of its time zone: a workshop at 18:00 stays at 18:00
when summer time comes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from convergences_protocol.edtf import span
from dateutil.rrule import rrulestr

OCCURRENCES_MAX = 400
"""Of one element: a year of daily openings, several of weekly ones."""
PAST_MAX = OCCURRENCES_MAX // 4
"""Of those, what lies behind where there is more than is kept: a daily opening is asked for today and tomorrow."""
STEPS_MAX = 20_000
"""Occurrences looked at, those before the horizon included: a daily rule from 1970 until today."""
DAYS_BEFORE, DAYS_AFTER = 400, 800
HORIZON_STEP_DAYS = 30
DAY_SECONDS = 86_400
NOW_MIN = 1_767_225_600
"""The first second of 2026: this program is not older."""
TIMEZONE_DEFAULT = "Europe/Paris"

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Horizon:
    """The first and last second between which occurrences are kept."""

    first: int
    last: int

    @classmethod
    def around(cls, now: int) -> Horizon:
        """The horizon at `now`: it moves by steps, so that it does not move at every start. A clock that was never set
        is taken for the earliest it can be."""
        now = max(now, NOW_MIN)
        step = HORIZON_STEP_DAYS * DAY_SECONDS
        middle = now // step * step
        return cls(middle - DAYS_BEFORE * DAY_SECONDS, middle + DAYS_AFTER * DAY_SECONDS)

    @property
    def middle(self) -> int:
        """The present, as it was when the horizon last moved."""
        return self.first + DAYS_BEFORE * DAY_SECONDS


def expand(
    start: str, end: str | None, rule: str, exceptions: Iterable[str], timezone: str | None, horizon: Horizon
) -> list[Range]:
    """The occurrences inside the horizon, in order. A rule that cannot be expanded gives the first one alone."""
    first, last = span(start)
    whole_days = "T" not in start
    length = max(span(end)[1] if end else last, first) - first
    without = [span(text) for text in exceptions]
    try:
        moments = dict.fromkeys(_moments(first, rule, None if whole_days else timezone or TIMEZONE_DEFAULT, horizon))
        found = [(moment, moment + length) for moment in moments]
    except (ValueError, TypeError, OverflowError, ArithmeticError, LookupError, OSError):
        found = [(first, first + length)]
    kept = [(a, z) for a, z in found if z >= horizon.first and not any(out[0] <= a <= out[1] for out in without)]
    return _around(kept, horizon.middle)


def _around(found: list[Range], middle: int) -> list[Range]:
    """As many as are kept: first of all what comes, then what was last."""
    ahead = bisect_left(found, middle, key=lambda each: each[1])
    begin = max(0, min(ahead - PAST_MAX, len(found) - OCCURRENCES_MAX))
    return found[begin : begin + OCCURRENCES_MAX]


def _moments(first: int, rule: str, timezone: str | None, horizon: Horizon) -> list[int]:
    """Seconds at which the rule strikes, from its beginning to the horizon's end, as many as the bounds allow."""
    zone = ZoneInfo(timezone) if timezone else UTC
    start = datetime.fromtimestamp(first, zone).replace(tzinfo=None)
    stop = datetime.fromtimestamp(horizon.last, UTC).replace(tzinfo=None) + timedelta(days=1)
    strikes: Any = rrulestr(_local_until(rule, zone), dtstart=start, cache=False)
    found: list[int] = []
    ahead = 0
    for moment in islice(strikes, STEPS_MAX):
        if moment > stop:
            break
        second = int(moment.replace(tzinfo=zone).timestamp())
        if second >= horizon.first - DAYS_BEFORE * DAY_SECONDS:
            found.append(second)
            ahead += second >= horizon.middle
            if ahead >= 2 * OCCURRENCES_MAX:  # some of them may be left out
                break
    return found


def _local_until(rule: str, zone: Any) -> str:
    """The rule with UNTIL in local time: dateutil compares it with a start that has no zone."""
    match = re.search(r"UNTIL=(\d{8}T\d{6})Z", rule)
    if match is None:
        return re.sub(r"UNTIL=(\d{8})(?!\d|T)", r"UNTIL=\1T235959", rule)
    moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).astimezone(zone)
    return rule.replace(match[0], "UNTIL=" + moment.strftime("%Y%m%dT%H%M%S"))
