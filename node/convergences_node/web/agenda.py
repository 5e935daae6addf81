# SPDX-License-Identifier: AGPL-3.0-or-later
"""An answer as an agenda: a day, a week or a month, day by day, with the ways to the days before and after.

The period is nothing but the question's own dates: a day, a week from Monday to Sunday and a month are recognised in
them, so that the same address read as a list shows the same days. Without dates it is this week.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from convergences_protocol.edtf import span
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.media.thumbs import Thumb
from convergences_node.web import dates, words
from convergences_node.web.agenda_ways import ways_out
from convergences_node.web.cards import STATES_SAID, Reading, picture_here, shorten, where
from convergences_node.web.filters import AGENDA, Choice, page_link, today
from convergences_node.web.happenings import DAYS_MAX, Happening, Happenings, days, happenings
from convergences_node.web.town_door import Town

OPEN_END_DAYS = 31
"""Shown of a question that names only one end."""
LASTING_MAX = 30
SUMMARY_MAX = 140
WEEK_DAYS = 7
# Calendars count from the year 1 to 9999; there must be room for a period before and after.
_FIRST_DAY, _LAST_DAY = date(2, 1, 1), date(9998, 12, 31)


@dataclass(frozen=True, slots=True)
class Period:
    """Days shown together."""

    name: str
    """`day`, `week`, `month`, or `other`."""
    first: date
    last: date
    cut: bool = False
    """True when the question asks for more days than one page shows."""

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Line:
    """One thing on one day."""

    time: str
    time_iso: str
    title: str
    href: str
    lang: str | None
    where: str
    kind: str
    kind_label: str
    type_label: str
    state: str
    picture: Thumb | None = None
    summary: str = ""
    """What it is in a sentence, where a page has room for that."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day, with what happens then."""

    iso: str
    number: int
    title: str
    is_today: bool
    lines: tuple[Line, ...]
    count: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """The title before its number, the number, and what comes after it: `lundi`, `23`, `novembre`."""
        told = self.title.split()
        at = next((index for index, word in enumerate(told) if word[0].isdigit()), 0)
        return " ".join(told[:at]), told[at], " ".join(told[at + 1 :])


@dataclass(frozen=True, slots=True)
class Agenda:
    """All that the template lays out."""

    title: str
    is_day: bool
    """One day alone needs no second heading."""
    periods: tuple[Choice, ...]
    moves: tuple[tuple[str, str, str], ...]
    """Label, address and `rel` of the ways before and after."""
    weeks: tuple[tuple[Day | None, ...], ...]
    """The month as a calendar, or nothing for another period."""
    weekdays: tuple[tuple[str, str], ...]
    days: tuple[Day, ...]
    stretches: tuple[Day | str, ...]
    """The days with something, and between them a sentence for all the days with nothing."""
    lasting: tuple[Line, ...]
    is_empty: bool
    """Whether nothing has a day of its own here; what lasts may still be there."""
    ways: tuple[Choice, ...]
    """Where to go on from days with nothing at all."""
    is_whole: bool
    cut: bool


async def agenda(town: Town, reading: Reading, asked: Query) -> Agenda:
    """The agenda of a question."""
    period = period_of(asked, today(reading))
    found = await happenings(town, reading, asked, period.first, period.last)
    shown = tuple(day_of(reading, day, found) for day in days(period.first, period.last))
    is_month = period.name == "month"
    return Agenda(
        title=_title(reading, period),
        is_day=period.name == "day",
        periods=_periods(reading, asked, period),
        moves=_moves(reading, asked, period),
        weeks=_weeks(period, shown) if is_month else (),
        weekdays=tuple(_weekday(reading, number) for number in range(1, WEEK_DAYS + 1)),
        days=shown if period.name in ("day", "week") else tuple(day for day in shown if day.lines),
        stretches=tuple(_stretches(reading, shown, period.name == "week")),
        lasting=tuple(line(reading, each, None) for each in found.lasting[:LASTING_MAX]),
        is_empty=not found.dated,
        ways=() if found.dated or found.lasting else await ways_out(town, reading, asked, period.first, period.last),
        is_whole=found.whole and len(found.lasting) <= LASTING_MAX,
        cut=period.cut,
    )


def period_of(asked: Query, now: date) -> Period:
    """The days that a question's dates name."""
    if asked.since is None and asked.until is None:
        # A week from today on: on a Sunday, the calendar's week is over.
        return Period("week", now, now + timedelta(days=WEEK_DAYS - 1))
    margin = timedelta(days=OPEN_END_DAYS - 1)
    first = _date_of(span(asked.since)[0]) if asked.since else _date_of(span(asked.until or "")[1]) - margin
    last = _date_of(span(asked.until)[1]) if asked.until else first + margin
    cut = (last - first).days >= DAYS_MAX
    last = min(last, first + timedelta(days=DAYS_MAX - 1))
    return Period(_name(first, last), first, last, cut)


def _date_of(second: int) -> date:
    """A day of the question: its dates are days of the calendar, in no time zone."""
    try:
        found = datetime.fromtimestamp(second, UTC).date()
    except (ValueError, OverflowError, OSError):
        found = _FIRST_DAY if second < 0 else _LAST_DAY
    return min(max(found, _FIRST_DAY), _LAST_DAY)


def _name(first: date, last: date) -> str:
    if first == last:
        return "day"
    if (last - first).days == WEEK_DAYS - 1 and first.weekday() == 0:
        return "week"
    return "month" if first.day == 1 and last == _month_end(first) else "other"


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _title(reading: Reading, period: Period) -> str:
    messages, zone = reading.messages, reading.zone
    if period.name == "month":
        return dates.day_in_words(messages, period.first.isoformat()[:7], zone)
    return dates.when(messages, period.first.isoformat(), period.last.isoformat(), zone)


def _link(reading: Reading, asked: Query, first: date, last: date) -> str:
    query = replace(asked.without_page(), since=first.isoformat(), until=last.isoformat())
    return page_link(reading, query, AGENDA)


def _periods(reading: Reading, asked: Query, period: Period) -> tuple[Choice, ...]:
    """The same days as a day, a week, a month: around today if it is among them, else from the first."""
    now = today(reading)
    anchor = now if period.first <= now <= period.last else period.first
    monday = anchor - timedelta(days=anchor.weekday())
    spans = {
        "day": (anchor, anchor),
        "week": (monday, monday + timedelta(days=WEEK_DAYS - 1)),
        "month": (anchor.replace(day=1), _month_end(anchor)),
    }
    return tuple(
        Choice(reading.messages.text(f"agenda.{name}"), _link(reading, asked, first, last), period.name == name)
        for name, (first, last) in spans.items()
    )


def _moves(reading: Reading, asked: Query, period: Period) -> tuple[tuple[str, str, str], ...]:
    if period.name == "month":
        before, after = period.first - timedelta(days=1), period.last + timedelta(days=1)
        spans = (before.replace(day=1), before), (after, _month_end(after))
    else:
        step = timedelta(days=period.length)
        spans = (period.first - step, period.last - step), (period.first + step, period.last + step)
    return tuple(
        (reading.messages.text(f"agenda.{rel}"), _link(reading, asked, first, last), rel)
        for rel, (first, last) in zip(("prev", "next"), spans, strict=True)
        if first >= _FIRST_DAY and last <= _LAST_DAY
    )


def _weekday(reading: Reading, number: int) -> tuple[str, str]:
    """A weekday, short for the eye and whole for the ear."""
    name = reading.messages.text(f"date.weekday.{number}")
    return name[:3], name


def _weeks(period: Period, shown: Sequence[Day]) -> tuple[tuple[Day | None, ...], ...]:
    cells: list[Day | None] = [None] * period.first.weekday() + list(shown)
    cells += [None] * (-len(cells) % WEEK_DAYS)
    return tuple(tuple(cells[start : start + WEEK_DAYS]) for start in range(0, len(cells), WEEK_DAYS))


def _stretches(reading: Reading, shown: Sequence[Day], is_week: bool) -> Iterator[Day | str]:
    """In a week, a line for each row of empty days: to scroll past seven of them on a phone tells nothing. In a longer
    period, which has its calendar, none."""
    for is_busy, some in groupby(shown, lambda day: bool(day.lines)):
        if is_busy:
            yield from some
        elif is_week:
            empty = list(some)
            days_said = dates.when(reading.messages, empty[0].iso, empty[-1].iso, reading.zone, reading.year)
            yield reading.messages.text("agenda.nothing_from", days=days_said)


def day_of(reading: Reading, day: date, found: Happenings, lines_max: int | None = None) -> Day:
    """A day, with all that happens then or the first of it."""
    lines = tuple(line(reading, each, day) for each in found.between(day, day)[:lines_max])
    return Day(
        iso=day.isoformat(),
        number=day.day,
        title=dates.day_in_words(reading.messages, day.isoformat(), reading.zone, reading.year),
        is_today=day == today(reading),
        lines=lines,
        count=reading.messages.count("agenda.count", len(lines)) if lines else "",
    )


def line(reading: Reading, happening: Happening, day: date | None) -> Line:
    """One thing as a day's line; without a day, with its dates."""
    messages, item = reading.messages, happening.item
    text, iso = _time(reading, happening, day)
    return Line(
        time=text,
        time_iso=iso,
        title=item.name or messages.text("element.untitled"),
        href=reading.element(item.id),
        lang=reading.lang(),
        where=where(reading, item),
        kind=item.kind,
        kind_label=words.kind_label(messages, item.kind),
        type_label=words.term_label(messages, item.kind, "type", item.type) if item.type else "",
        state=words.term_label(messages, item.kind, "status", item.status) if item.status in STATES_SAID else "",
        picture=picture_here(reading, item),
        summary=shorten(item.summary or "", SUMMARY_MAX),
    )


def _time(reading: Reading, happening: Happening, day: date | None) -> tuple[str, str]:
    messages, item = reading.messages, happening.item
    if day is None:
        return dates.when(messages, item.start, item.end, reading.zone, reading.year), item.start or ""
    if happening.whole_days or not happening.first_day <= day <= happening.last_day:
        return messages.text("agenda.all_day"), day.isoformat()
    if day != happening.first_day:
        return messages.text("agenda.continued"), day.isoformat()
    first, last = (dates.clock(messages, moment) for moment in (happening.start, happening.end))
    iso = happening.start.isoformat(timespec="minutes")
    if first == last or item.end is None or happening.last_day != happening.first_day:
        return first, iso
    return messages.text("date.hours", first=first, last=last), iso
