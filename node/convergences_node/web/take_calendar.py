# SPDX-License-Identifier: AGPL-3.0-or-later
"""A search or an element as iCalendar (RFC 5545): to be put in a telephone once, or followed by it.

The UID is the element's own id, which no other node uses for anything else: the same event followed from two towns is
one event. What was cancelled stays with its state, so that calendars drop it; each later record has a higher SEQUENCE.
Written by the icalendar library (lines folded at 75 octets, CRLF); a test reads it back.

A calendar is a whole list (`surfaces/whole_lists.py`): a telephone drops what the one it follows no longer has, and
follows no link to a next page. What is written waits compressed until the time zones are known, which stand first.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as dataclass_with
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import icalendar
from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.details import Detail
from convergences_node.index.query import LIMIT_MAX, Query
from convergences_node.index.views import Item
from convergences_node.web import dates, words
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.etag import GZIP_LEVEL
from convergences_node.web.exporting import (
    Exported,
    base_of,
    exported_element,
    file_name,
    narrowed_to,
    printable,
    title_of,
)
from convergences_node.web.pages import reading_of
from convergences_node.web.problems import Problem
from convergences_node.web.surfaces.whole import require_whole
from convergences_node.web.surfaces.whole_lists import Piece, answer_list
from convergences_node.web.timezones import timezone_component
from convergences_node.web.town_door import Town

MEDIA = "text/calendar; charset=utf-8"
END = b"END:VCALENDAR\r\n"
EVENTS_MAX = 50_000
"""Of one calendar: some eighty megabytes. A longer one is refused, and a narrower question is answered."""
DAYS_BEFORE = 31
"""Without dates of its own, a calendar begins a month ago: what was cancelled yesterday must still be told."""
TTL = timedelta(hours=1)
_DAY = timedelta(days=1)
_STATUS = {
    "planned": "CONFIRMED",
    "confirmed": "CONFIRMED",
    "ended": "CONFIRMED",
    "tentative": "TENTATIVE",
    "postponed": "TENTATIVE",
    "cancelled": "CANCELLED",
}


@dataclass(frozen=True, slots=True)
class When:
    """Beginning and end of an event: both days (the end is the day after the last), or both hours."""

    start: date
    end: date | None
    """None for an hour without an end: it is a moment (RFC 5545 section 3.6.1)."""

    @property
    def whole_days(self) -> bool:
        return not isinstance(self.start, datetime)


async def search_calendar(request: web.Request) -> web.StreamResponse:
    """A search as iCalendar: what happens, all of it, from a month ago on unless dates are asked for."""
    asked = question_of(request)
    empty = Exported(title_of(request, asked), (), {}, base_of(request), "", "")
    return await _answer(request, empty, replace(_dated(request, asked), cursor=None))


async def element_calendar(request: web.Request) -> web.StreamResponse:
    """An element as iCalendar: itself if it happens at a date, and what happens that is linked to it or under it."""
    exported, view = await exported_element(request)
    return await _answer(request, exported, narrowed_to(view, _dated(request, Query())))


def _dated(request: web.Request, asked: Query) -> Query:
    since = asked.since
    if since is None and asked.until is None:
        now = datetime.fromtimestamp(town_of(request).now(), UTC).date()
        since = (now - timedelta(days=DAYS_BEFORE)).isoformat()
    return replace(asked, kinds=asked.kinds or words.KINDS_DATED, since=since, sort=asked.sort or "date")


async def _answer(request: web.Request, first: Exported, asked: Query) -> web.StreamResponse:
    """The calendar of some elements and of all that a question finds."""
    town, zone = town_of(request), reading_of(request).zone
    await require_whole(town)
    key = ("ics", request.path_qs, reading_of(request).messages.language)
    name = file_name(request, "ics")
    make = partial(_pieces, town, first, replace(asked, limit=LIMIT_MAX), zone)
    return await answer_list(request, key, MEDIA, make, vary=("Accept-Language",), name=name)


async def _pieces(town: Town, first: Exported, asked: Query, zone: ZoneInfo) -> AsyncIterator[Piece]:
    """The calendar, piece by piece: its head, the time zones that its events name, the events, its end."""
    events, years, seen, portion = list[Piece](), dict[str, list[int]](), set[str](), first
    while True:
        new = dataclass_with(portion, items=tuple(item for item in portion.items if item.id not in seen))
        seen.update(item.id for item in new.items)
        events.append(await asyncio.to_thread(_packed, new, zone, years))
        if len(seen) > EVENTS_MAX:
            raise Problem("too-slow")
        if portion is not first and asked.cursor is None:
            break
        page = await town.index.search(asked, fold=False)
        asked = replace(asked, cursor=page.cursor)
        portion = dataclass_with(
            first, items=page.items, details=await town.index.details([one.id for one in page.items])
        )
    if not any(count for _, count in events) and zone.key != "UTC":
        # A calendar without a component is none (RFC 5545 section 3.6): it has the town's clocks, then.
        years[zone.key] = [datetime.fromtimestamp(town.now(), UTC).year] * 2
    head, end = await asyncio.to_thread(_around, first.title, years, town.now())
    yield head, 0
    for packed, count in events:
        yield zlib.decompress(packed), count
    yield end, 0


def _packed(exported: Exported, zone: ZoneInfo, years: dict[str, list[int]]) -> Piece:
    """Some events, compressed, and how many; `years` learns which years of which zones they are in."""
    events = list(_events(exported, zone))
    for event in events:
        start = event["dtstart"].dt
        if isinstance(start, datetime) and isinstance(start.tzinfo, ZoneInfo) and start.tzinfo.key != "UTC":
            known = years.setdefault(start.tzinfo.key, [start.year, start.year])
            known[:] = [min(known[0], start.year), max(known[1], start.year)]
    return zlib.compress(b"".join(event.to_ical() for event in events), GZIP_LEVEL), len(events)


def _around(title: str, years: Mapping[str, Sequence[int]], now: int) -> tuple[bytes, bytes]:
    """What stands before the events, and behind them."""
    made = icalendar.Calendar()
    made.add("prodid", "-//Convergences//convergences//FR")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("x-wr-calname", printable(title))
    made.add("refresh-interval", TTL, parameters={"value": "DURATION"})
    made.add("x-published-ttl", icalendar.vDuration(TTL))
    this_year = datetime.fromtimestamp(now, UTC).year
    for key, (first, last) in sorted(years.items()):
        made.add_component(timezone_component(ZoneInfo(key), first, max(last, this_year)))
    whole: bytes = made.to_ical()
    assert whole.endswith(END), "a calendar ends as RFC 5545 section 3.4 says"
    return whole.removesuffix(END), END


def _events(exported: Exported, zone: ZoneInfo) -> Iterator[icalendar.Event]:
    """`zone` is that of records which name none."""
    for item in exported.items:
        detail = exported.details.get(item.id)
        when = when_of(detail.fields, zone) if detail else None
        if detail is not None and when is not None:
            yield _event(exported, item, detail, when)


def when_of(fields: Mapping[str, object], default: ZoneInfo) -> When | None:
    """When it is: hours in the time zone that the record names; days, months and years as whole days."""
    if not fields.get("start"):
        return None
    zone = dates.zone(str(fields.get("timezone") or ""), default.key)
    first = dates.read_moment(str(fields["start"]), zone)
    last = dates.read_moment(str(fields["end"]), zone) if fields.get("end") else None
    if first is None:
        return None
    try:
        if first.hour is None:
            return When(_first_day(first), _last_day(last or first) + _DAY)
        if last is None:
            return When(first.hour, None)
        return When(first.hour, last.hour or datetime.combine(_last_day(last) + _DAY, time(), zone))
    except OverflowError:
        return None  # the last day of the year 9999 has no day after


def _first_day(moment: dates.Moment) -> date:
    return moment.day or date(moment.year, moment.month or 1, 1)


def _last_day(moment: dates.Moment) -> date:
    if moment.day:
        return moment.day
    year, month = (moment.year, moment.month + 1) if moment.month and moment.month < 12 else (moment.year + 1, 1)
    return date(year, month, 1) - _DAY if year <= date.max.year else date.max


def _event(exported: Exported, item: Item, detail: Detail, when: When) -> icalendar.Event:
    fields, event = detail.fields, icalendar.Event()
    written = datetime.fromtimestamp(min(max(item.time, 0), 253_402_300_799), UTC)
    event.add("uid", item.id)
    # Without a METHOD, both say when this was last written (RFC 5545 section 3.8.7.2).
    event.add("dtstamp", written)
    event.add("last-modified", written)
    event.add("sequence", detail.revision)
    event.add("summary", printable(item.name))
    event.add("dtstart", when.start)
    if when.end is not None and when.end > when.start:
        event.add("dtend", when.end)
    if when.whole_days:
        event.add("transp", "TRANSPARENT")
    _add_recurrence(event, fields, when)
    if (status := _STATUS.get(str(fields.get("status")))) is not None:
        event.add("status", status)
    texts = [printable(str(fields[name])) for name in ("summary", *words.long_texts(item.kind)) if fields.get(name)]
    if texts:
        event.add("description", "\n\n".join(texts))
    if where := words.place_line(fields):
        event.add("location", printable(where))
    if item.location is not None and "location" in fields:
        event.add("geo", (item.location[0] / 1e7, item.location[1] / 1e7))
    names = [printable(detail.labels[theme]) for theme in item.themes if theme in detail.labels]
    if names:
        event.add("categories", names)
    event.add("url", exported.address(item.id))
    return event


def _add_recurrence(event: icalendar.Event, fields: Mapping[str, object], when: When) -> None:
    rule = fields.get("recurrence")
    if not rule:
        return
    try:
        parts = icalendar.vRecur.from_ical(str(rule).removeprefix("RRULE:"))
    except ValueError:
        return  # a rule that this library does not know: the first time is told, and the page tells the rest
    if parts.get("UNTIL"):
        parts["UNTIL"] = [_until(parts["UNTIL"][0], when)]
    event.add("rrule", parts)
    exceptions = fields.get("exceptions")
    out = [_exception(str(text), when) for text in exceptions] if isinstance(exceptions, list) else []
    for moment in out:
        if moment is not None:
            event.add("exdate", moment)


def _until(until: date, when: When) -> date:
    """UNTIL in the kind of value that DTSTART has: days for days, UTC for hours (RFC 5545 section 3.3.10)."""
    if isinstance(when.start, datetime):
        if not isinstance(until, datetime):
            until = datetime.combine(until, time(23, 59, 59), when.start.tzinfo)
        return (until if until.tzinfo else until.replace(tzinfo=when.start.tzinfo)).astimezone(UTC)
    return until.date() if isinstance(until, datetime) else until


def _exception(text: str, when: When) -> date | None:
    """The time that is left out: on a day without an hour, the event's own hour."""
    if not isinstance(when.start, datetime):
        moment = dates.read_moment(text, ZoneInfo("UTC"))
        return moment.day if moment else None
    zone = when.start.tzinfo
    assert isinstance(zone, ZoneInfo)
    moment = dates.read_moment(text, zone)
    if moment is None or moment.day is None:
        return None
    return moment.hour or datetime.combine(moment.day, when.start.timetz())
