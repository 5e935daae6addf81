# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dates in words: `samedi 5 décembre 2026, 14 h – 18 h`, `du 5 au 6 décembre`, `il y a 3 minutes`.

The shapes are in the catalogues (`date.*`), the weekdays and months too; nothing here knows a language. A date that is
less precise than a day is said as it is known (`décembre 2026`, `2013`), never completed with a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from convergences_node.web.messages import Messages

MINUTE, HOUR, DAY = 60, 3600, 86400
# After this many days "x days ago" says less than the date itself.
DAYS_AGO_MAX = 6
SAID_MAX = 2_048
"""Dates whose words are kept: those of a town's season, for its pages say the same ones again and again."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An EDTF level 0 text, split: how precise it is, its day if it has one, its hour if it has one."""

    year: int
    month: int | None
    day: date | None
    hour: datetime | None


def zone(name: str | None, fallback: str) -> ZoneInfo:
    """The time zone of this name; the fallback when the name is none or is not known on this machine."""
    try:
        return ZoneInfo(name or fallback)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(fallback)


def read_moment(text: str, tz: ZoneInfo) -> Moment | None:
    """A record's date as seen in a time zone; None for a text that is no such date (it was checked when written)."""
    try:
        if "T" in text:
            hour = datetime.fromisoformat(text)
            local = hour.astimezone(tz) if hour.tzinfo else hour.replace(tzinfo=tz)
            return Moment(local.year, local.month, local.date(), local)
        if len(text) == 10:
            day = date.fromisoformat(text)
            return Moment(day.year, day.month, day, None)
        year, _, month = text.partition("-")
        if month:
            checked = date(int(year), int(month), 1)
            return Moment(checked.year, checked.month, None, None)
        return Moment(date(int(year), 1, 1).year, None, None, None)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=SAID_MAX)
def when(messages: Messages, start: str | None, end: str | None, tz: ZoneInfo, year: int | None = None) -> str:
    """An action's dates in words; an empty text when it has none. Of days of the year given, that year is not said."""
    first = read_moment(start, tz) if start else None
    last = read_moment(end, tz) if end else None
    if first is None:
        return messages.text("date.until", last=_long(messages, last, year)) if last else ""
    if last is None or last == first:
        return _long(messages, first, year)
    if first.day and first.day == last.day:
        return _within_a_day(messages, first, last, year)
    shape = "date.range" if first.day and last.day else "date.range_partial"
    return messages.text(shape, first=_first_of_range(messages, first, last, year), last=_long(messages, last, year))


def _within_a_day(messages: Messages, first: Moment, last: Moment, year: int | None) -> str:
    if first.hour is None or last.hour is None:
        return _long(messages, first, year)
    hours = messages.text("date.hours", first=clock(messages, first.hour), last=clock(messages, last.hour))
    return messages.text("date.day_hours", day=_day(messages, first, year), hours=hours)


def _first_of_range(messages: Messages, first: Moment, last: Moment, year: int | None) -> str:
    if first.day is None or last.day is None or first.hour or last.hour or first.year != last.year:
        return _long(messages, first, year)
    shape = "date.day_only" if first.month == last.month else "date.day_month"
    return messages.text(shape, **_pieces(messages, first))


def _long(messages: Messages, moment: Moment, year: int | None = None) -> str:
    if moment.hour is not None:
        return messages.text("date.day_hours", day=_day(messages, moment, year), hours=clock(messages, moment.hour))
    if moment.day is not None:
        return _day(messages, moment, year)
    if moment.month is not None:
        return messages.text("date.month_year", month=month(messages, moment.month), year=moment.year)
    return str(moment.year)


def _day(messages: Messages, moment: Moment, year: int | None) -> str:
    if moment.year == year:
        return messages.text("date.day_month", **_pieces(messages, moment))
    return messages.text("date.day_month_year", **_pieces(messages, moment), year=moment.year)


def _pieces(messages: Messages, moment: Moment) -> dict[str, object]:
    assert moment.day is not None
    assert moment.month is not None
    day = messages.text("date.first_of_month") if moment.day.day == 1 else str(moment.day.day)
    weekday = messages.text(f"date.weekday.{moment.day.isoweekday()}")
    return {"weekday": weekday, "day": day, "month": month(messages, moment.month)}


def month(messages: Messages, number: int) -> str:
    """The name of a month, 1 to 12."""
    return messages.text(f"date.month.{number}")


def clock(messages: Messages, hour: datetime) -> str:
    """An hour of the day: `14 h`, `14 h 30`."""
    key = "date.hour_only" if hour.minute == 0 else "date.hour_minute"
    return messages.text(key, hour=hour.hour, minute=f"{hour.minute:02}")


@lru_cache(maxsize=SAID_MAX)
def day_in_words(messages: Messages, text: str, tz: ZoneInfo, year: int | None = None) -> str:
    """One date of a record in words, as precise as it is known; of a day of the year given, that year is not said."""
    moment = read_moment(text, tz)
    return _long(messages, moment, year) if moment else text


def instant(messages: Messages, seconds: int, tz: ZoneInfo) -> str:
    """A moment of unix time in words: `3 mars 2026 à 14 h 05`; a time no calendar holds is said to be unknown."""
    local = _local(seconds, tz)
    if local is None:
        return messages.text("date.unknown")
    pieces = _pieces(messages, Moment(local.year, local.month, local.date(), local))
    return messages.text("date.instant", **pieces, year=local.year, clock=clock(messages, local))


def year_of(seconds: int, tz: ZoneInfo) -> int | None:
    """The year of a moment, for a reader in this time zone."""
    local = _local(seconds, tz)
    return local.year if local else None


def iso(seconds: int) -> str:
    """The same moment for a machine (`datetime=` of a `<time>`), or an empty text."""
    local = _local(seconds, ZoneInfo("UTC"))
    return local.strftime("%Y-%m-%dT%H:%M:%SZ") if local else ""


def _local(seconds: int, tz: ZoneInfo) -> datetime | None:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(tz)
    except OverflowError:
        return None


def ago(messages: Messages, seconds: int, now: int, tz: ZoneInfo) -> str:
    """How long ago: `à l'instant`, `il y a 3 minutes`, `il y a 2 jours`, then the day itself."""
    age = now - seconds
    if age < MINUTE:
        return messages.text("date.just_now")
    for unit, length, most in (("minute", MINUTE, 60), ("hour", HOUR, 24), ("day", DAY, DAYS_AGO_MAX + 1)):
        if age // length < most:
            return messages.count(f"date.ago.{unit}", age // length)
    return messages.text("date.on", day=instant(messages, seconds, tz))
