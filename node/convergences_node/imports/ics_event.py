# SPDX-License-Identifier: AGPL-3.0-or-later
"""The cells of one event, as icalendar understood it (RFC 5545 section 3.6.1), without its repetitions.

Names of people who were invited, alarms and attachments are not read. An event of whole days ends on its last day here,
where the RFC says the day after. A time of nowhere is local time of the calendar's zone, else of the mapping's.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS

from .html_text import looks_like_html, markdown_of, shortened
from .times import told, zone_named
from .transforms import shown

ID_CHARS_MAX = 150
"""Room is left for the date that names an occurrence."""
DESCRIPTION_CHARS_MAX = KINDS["action"].by_name["description"].limit
CATEGORIES_MAX = 50
YEAR_DAYS = 366


class BadEvent(Exception):  # noqa: N818 - the event is bad, the program is not
    """An event that is refused, and why."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.fault = Fault("row", code, params)


@dataclass(frozen=True, slots=True)
class Zones:
    """The zone that the calendar names, and the one that the mapping says for times that name none."""

    calendar: str | None
    said: str | None

    @property
    def local(self) -> str | None:
        return self.calendar if zone_named(self.calendar) else self.said

    def name_of(self, moment: datetime) -> str | None:
        """The IANA name of a moment's zone. One that the file declares itself is told by agreeing all year round."""
        key = getattr(moment.tzinfo, "key", None)
        if key is not None or moment.tzinfo is None:
            return str(key) if key and zone_named(key) else None
        days = [moment + timedelta(days=days) for days in range(0, YEAR_DAYS, 15)]
        for name in filter(None, (self.calendar, self.said, "Europe/Paris")):
            zone = zone_named(name)
            if zone and all(day.utcoffset() == day.replace(tzinfo=zone).utcoffset() for day in days):
                return name
        return None


def identity(event: Any) -> str:
    return str(event.get("UID", ""))


def moved_from(event: Any, zones: Zones) -> str | None:
    """The occurrence that this event takes the place of, as it would be told."""
    when = _moment(event, "RECURRENCE-ID")
    return _told(event, "RECURRENCE-ID", when, zones) if when is not None else None


def cells_of(event: Any, zones: Zones) -> dict[str, Any]:
    """What the event says. Raises `BadEvent`."""
    if str(event.get("CLASS", "")).upper() in ("PRIVATE", "CONFIDENTIAL"):
        raise BadEvent("ics_private")
    start, end = _span(event)
    moved = moved_from(event, zones)
    began = _told(event, "DTSTART", start, zones)
    return {
        "id": _id(event, began, moved),
        "uid": identity(event),
        "moved": moved,
        "name": _text(event, "SUMMARY"),
        "description": _description(event),
        "start": began,
        "end": None if end is None else _told(event, "DTEND" if "DTEND" in event else "DTSTART", end, zones),
        "timezone": _zone(event, start, zones),
        "status": _text(event, "STATUS").upper(),
        "location": _text(event, "LOCATION"),
        "lat": _geo(event, "latitude"),
        "lon": _geo(event, "longitude"),
        "url": _text(event, "URL"),
        "categories": _categories(event),
        "organizer": _organizer(event),
        "modified": _stamp(event, "LAST-MODIFIED"),
    }


def _id(event: Any, began: str, moved: str | None) -> str:
    """The UID, which is for life; what has none is told by its beginning and its name."""
    uid = identity(event) or f"{began} {_text(event, 'SUMMARY')}"
    if len(uid) > ID_CHARS_MAX or not uid.isprintable():
        uid = sha256(uid.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{uid}#{moved}" if moved else uid


def _moment(event: Any, name: str) -> date | None:
    """The date or the time of a property; None if it is absent. Raises `BadEvent` if it is no date."""
    given = event.get(name)
    if given is None:
        return None
    if isinstance(given, list):
        given = given[0]
    moment = part(given, "dt")
    if not isinstance(moment, date):
        raise BadEvent("ics_date", name=name, given=shown(str(given)))
    return moment


def part(value: Any, name: str) -> Any:
    """A part of a value that icalendar has read; None of one that it could not read, whose parts all raise."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def _span(event: Any) -> tuple[date, date | None]:
    """When it begins, and when it ends if that is said, by DTEND or by DURATION."""
    start = _moment(event, "DTSTART")
    if start is None:
        raise BadEvent("ics_date", name="DTSTART", given=shown(""))
    end = _moment(event, "DTEND")
    length = part(event.get("DURATION"), "dt")
    if end is None and isinstance(length, timedelta):
        end = start + length
    if end is not None and isinstance(start, datetime) != isinstance(end, datetime):
        end = None
    if end is not None and not isinstance(start, datetime):
        end = max(start, end - timedelta(days=1))
    return _in_order(start, end)


def _in_order(start: date, end: date | None) -> tuple[date, date | None]:
    """An event that ends before it begins was written down the wrong way round."""
    try:
        return (end, start) if end is not None and end < start else (start, end)
    except TypeError:
        # One of them says its zone and the other does not.
        return start, None


def _told(event: Any, name: str, moment: date, zones: Zones) -> str:
    if not isinstance(moment, datetime):
        return moment.isoformat()
    named = "TZID" in (part(event.get(name), "params") or {})
    # A zone that is named and unknown is not replaced by another: its times are refused where a date is wanted.
    return told(moment, None if named else zones.local)


def _zone(event: Any, start: date, zones: Zones) -> str | None:
    if not isinstance(start, datetime):
        return None
    if start.tzinfo is None:
        return None if "TZID" in (part(event.get("DTSTART"), "params") or {}) else zones.local
    return zones.name_of(start)


def _text(event: Any, name: str) -> str:
    given = event.get(name)
    if isinstance(given, list):
        given = given[0]
    return "" if given is None else str(given).strip()


def _description(event: Any) -> str:
    text = _text(event, "DESCRIPTION") or _text(event, "X-ALT-DESC")
    if looks_like_html(text):
        return markdown_of(text, DESCRIPTION_CHARS_MAX)
    return shortened(text, DESCRIPTION_CHARS_MAX)


def _geo(event: Any, name: str) -> float | None:
    given = event.get("GEO")
    value = part(given, name)
    return value if isinstance(value, float) else None


def _categories(event: Any) -> list[str]:
    given = event.get("CATEGORIES", [])
    lists = given if isinstance(given, list) else [given]
    found = [str(label).strip() for one in lists for label in part(one, "cats") or []]
    return list(dict.fromkeys(filter(None, found)))[:CATEGORIES_MAX]


def _organizer(event: Any) -> str:
    """The organiser's name; the address behind it is a person's."""
    params = part(event.get("ORGANIZER"), "params") or {}
    return str(params.get("CN", ""))[:200]


def _stamp(event: Any, name: str) -> str | None:
    try:
        moment = _moment(event, name)
    except BadEvent:
        return None
    return told(moment) if isinstance(moment, datetime) and moment.tzinfo else None
