# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dates in records: text, with no more precision than their author knew.

The subset of EDTF level 0 (Library of Congress, ISO 8601-2) that a calendar needs: `2026`, `2026-05`, `2026-05-14`,
`2026-05-14T18:30Z`, `2026-05-14T18:30:15+02:00`. A time of day always says its offset, or two towns would read two
moments. Intervals are two fields (`start`, `end`), not one text. `span` turns a date into the seconds that it covers.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache

EDTF_BYTES_MAX = 25

_SECONDS_A_DAY = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_OFFSET_MINUTES_MAX = 14 * 60  # Kiribati; nobody lives further from UTC

_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?(?:Z|([+-])([0-9]{2}):([0-9]{2})))?)?)?"
)


@lru_cache(maxsize=8_192)
def span(text: str) -> tuple[int, int]:
    """The first and the last second (UTC, since 1970, both included) of what `text` names.

    A date without a time spans its days in UTC. Raises `ValueError` for text outside the subset or the calendar.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r:.60} is not a date such as 2026, 2026-05, 2026-05-14 or 2026-05-14T18:30+02:00")
    year, month, day, hour, minute, second, sign, offset_hour, offset_minute = match.groups()
    first, last = _days(int(year), month, day)
    if hour is None:
        return first * _SECONDS_A_DAY, last * _SECONDS_A_DAY + _SECONDS_A_DAY - 1
    moment = first * _SECONDS_A_DAY + _time_of_day(int(hour), int(minute), int(second or 0))
    if sign:
        moment -= int(f"{sign}1") * _offset(int(offset_hour), int(offset_minute))
    return moment, moment if second else moment + 59


def is_edtf(text: object) -> bool:
    """Whether `text` is a date of the subset."""
    try:
        return type(text) is str and span(text) is not None
    except ValueError:
        return False


def _days(year: int, month: str | None, day: str | None) -> tuple[int, int]:
    """The first and the last day, since 1970, of a year, a month or a day."""
    first_month, last_month = (int(month), int(month)) if month else (1, 12)
    if day:
        first_day = last_day = int(day)
    else:
        first_day, last_day = 1, monthrange(max(year, 1), last_month)[1]
    return (
        date(year, first_month, first_day).toordinal() - _EPOCH_DAY,
        date(year, last_month, last_day).toordinal() - _EPOCH_DAY,
    )


def _time_of_day(hour: int, minute: int, second: int) -> int:
    """Seconds since midnight. There is no 24:00 and no leap second: each moment has one way to be written."""
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{hour:02}:{minute:02}:{second:02} is not a time of day")
    return hour * 3600 + minute * 60 + second


def _offset(hours: int, minutes: int) -> int:
    if minutes > 59 or hours * 60 + minutes > _OFFSET_MINUTES_MAX:
        raise ValueError(f"{hours:02}:{minutes:02} is not an offset from utc")
    return hours * 3600 + minutes * 60
