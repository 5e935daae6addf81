# SPDX-License-Identifier: AGPL-3.0-or-later
"""The repetitions of an event (RFC 5545 section 3.8.5): held as a rule where a record can, else written out.

A record holds one rule of the part of the RFC that `recurrence.py` names, with at most 200 exceptions. Further dates
(RDATE), two rules, or a thousand and one occurrences are written out around today, each as an action of its own.
A gathering every second is refused: it is none, and would be written out for ever.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from convergences_protocol.kinds.field import MANY_MAX
from convergences_protocol.recurrence import is_recurrence

from convergences_node.index.occurrences import DAYS_AFTER, DAYS_BEFORE, OCCURRENCES_MAX

from .ics_event import BadEvent, Zones, part
from .times import told
from .transforms import shown

WRITTEN_OUT = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
NO_STEP = re.compile(r"\bINTERVAL=0*(?:;|$)")
"""RFC 5545, section 3.3.10: an interval is a positive number. The library would stand still until it has no memory."""
COUNTED = re.compile(r";COUNT=(\d{1,30})(?![^;])")
DAYS_OF_ALL_YEARS = 3_660_000
"""More gatherings than there are days until the year 9999, even of a calendar that begins with the year 1."""


def occurrences(
    event: Any, cells: dict[str, Any], zones: Zones, moved: set[str], today: date
) -> Iterator[dict[str, Any]]:
    """What to add to the event's cells, a row each: a rule and its exceptions, or the times of an occurrence."""
    rules = _rules(event)
    if cells["moved"] or not (rules or "RDATE" in event):
        yield {}
        return
    exceptions = sorted({*_exceptions(event, zones), *moved})
    if "T" not in cells["start"]:
        # Outlook names a day of a series of whole days by its midnight.
        exceptions = sorted({day[:10] for day in exceptions})
    held = len(rules) == 1 and "RDATE" not in event and "EXRULE" not in event and is_recurrence(rules[0])
    zoned = "T" not in cells["start"] or cells["timezone"]
    if held and zoned and len(exceptions) <= MANY_MAX:
        yield {"recurrence": rules[0], "exceptions": exceptions}
        return
    if any(_frequency(rule) not in WRITTEN_OUT for rule in rules):
        raise BadEvent("ics_recurrence", given=shown(" ".join(rules)))
    yield from _written_out(event, cells, zones, set(exceptions), today)


def _rules(event: Any) -> list[str]:
    """The rules as they are written, in the RFC's order of parts. Raises `BadEvent`."""
    given = event.get("RRULE", [])
    rules = []
    for rule in given if isinstance(given, list) else [given]:
        text = rule.to_ical().decode("utf-8", "replace")
        if text and (not part(rule, "keys") or NO_STEP.search(text)):
            raise BadEvent("ics_recurrence", given=shown(text))
        # An export of no rule at all: `RRULE:`.
        rules += [_count_left_out(text)] if text else []
    return rules


def _count_left_out(rule: str) -> str:
    """The rule without a count that no calendar lives to see the end of: it has none."""
    counted = COUNTED.search(rule)
    return rule[: counted.start()] + rule[counted.end() :] if counted and int(counted[1]) > DAYS_OF_ALL_YEARS else rule


def _frequency(rule: str) -> str:
    return next((part[5:] for part in rule.split(";") if part.startswith("FREQ=")), "")


def _exceptions(event: Any, zones: Zones) -> Iterator[str]:
    """Each EXDATE as its occurrence would be told: in the zone of the beginning, with its offset that day."""
    given = event.get("EXDATE", [])
    zone = getattr(part(event.get("DTSTART"), "dt"), "tzinfo", None)
    for one in given if isinstance(given, list) else [given]:
        dates = part(one, "dts")
        if dates is None and str(one):
            raise BadEvent("ics_date", name="EXDATE", given=shown(str(one)))
        for moment in (each.dt for each in dates or []):
            if not isinstance(moment, datetime):
                yield moment.isoformat()
            elif moment.tzinfo is not None and zone is not None:
                yield told(moment.astimezone(zone))
            else:
                yield told(moment.replace(tzinfo=moment.tzinfo or zone), zones.local)


def _written_out(
    event: Any, cells: dict[str, Any], zones: Zones, exceptions: set[str], today: date
) -> Iterator[dict[str, Any]]:
    """The occurrences around today; of a series that is all past, the first one, so that it is not lost."""
    from icalendar import Calendar
    from recurring_ical_events import of

    calendar = Calendar()
    calendar.add_component(event)
    middle = datetime.combine(today, time(), UTC)
    window = (middle - timedelta(days=DAYS_BEFORE), middle + timedelta(days=DAYS_AFTER))
    found = False
    try:
        times = of(calendar).between(*window)
    # The libraries raise whatever their depths raise before a rule that makes no sense.
    except Exception:
        given = " ".join([*_rules(event), *(["RDATE"] if "RDATE" in event else [])])
        raise BadEvent("ics_recurrence", given=shown(given)) from None
    for one in islice(times, OCCURRENCES_MAX):
        start = _moment_told(one["DTSTART"].dt, zones)
        if start not in exceptions:
            found = True
            yield {"id": f"{cells['id']}#{start}", "start": start, "end": _end_told(one, cells, zones)}
    if not found:
        yield {}


def _end_told(one: Any, cells: dict[str, Any], zones: Zones) -> str | None:
    if cells["end"] is None:
        return None
    end = one["DTEND"].dt if "DTEND" in one else one.end
    return _moment_told(end if isinstance(end, datetime) else end - timedelta(days=1), zones)


def _moment_told(moment: date, zones: Zones) -> str:
    return told(moment, zones.local) if isinstance(moment, datetime) else moment.isoformat()
