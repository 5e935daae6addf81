# SPDX-License-Identifier: AGPL-3.0-or-later
"""iCalendar as calendars really write it: what repeats, what was moved, what is nobody's business, what is broken."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from convergences_node.imports.convert import BadRow, Converter
from convergences_node.imports.ics_rows import read_ics
from convergences_node.imports.known import known_mapping
from convergences_node.imports.rows import Dialect, Row, read_rows, sniff
from convergences_node.index.occurrences import Horizon, expand
from convergences_protocol.edtf import span

from .beside import data

TODAY = date(2026, 6, 1)
DIALECT = Dialect("ics", "utf-8", timezone="Europe/Paris")
PARIS = """BEGIN:VTIMEZONE
TZID:Heure de la mairie
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
"""


def rows_of(path: Path, *events: str, before: str = "", after: str = "") -> list[Row]:
    bodies = "".join(
        f"BEGIN:VEVENT\nUID:u{n}\nSUMMARY:Atelier\n{event}\nEND:VEVENT\n" for n, event in enumerate(events)
    )
    path.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\n{before}{bodies}{after}END:VCALENDAR\n")
    with path.open("rb") as file:
        return list(read_ics(file, DIALECT, TODAY))


def codes(rows: list[Row]) -> list[str]:
    return [row.fault.code for row in rows if row.fault]


def cells(row: Row, *names: str) -> dict[str, Any]:
    assert row.fault is None
    return {name: row.cells.get(name) for name in names}


def test_a_weekly_workshop_stays_a_rule(tmp_path: Path) -> None:
    """With the days it does not take place, its zone, and an end that DURATION said."""
    event = (
        "DTSTART;TZID=Europe/Paris:20260106T180000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;BYDAY=TU\n"
        "EXDATE;TZID=Europe/Paris:20260113T180000\nEXDATE:20260714T160000Z"
    )
    (row,) = rows_of(tmp_path / "t", event)
    assert cells(row, "start", "end", "recurrence", "exceptions", "timezone") == {
        "start": "2026-01-06T18:00+01:00",
        "end": "2026-01-06T20:00+01:00",
        "recurrence": "FREQ=WEEKLY;BYDAY=TU",
        "exceptions": ["2026-01-13T18:00+01:00", "2026-07-14T18:00+02:00"],
        "timezone": "Europe/Paris",
    }


def test_an_occurrence_that_was_moved_is_a_row_and_an_exception(tmp_path: Path) -> None:
    """Whichever comes first in the file; the series keeps its id, the occurrence has its own."""
    path = tmp_path / "t"
    series = "DTSTART;TZID=Europe/Paris:20260106T180000\nRRULE:FREQ=WEEKLY;COUNT=9"
    rows_of(path, "RECURRENCE-ID;TZID=Europe/Paris:20260113T180000\nDTSTART;TZID=Europe/Paris:20260114T190000", series)
    path.write_text(path.read_text().replace("UID:u0", "UID:u1"))
    with path.open("rb") as file:
        moved, kept = read_ics(file, DIALECT, TODAY)
    assert cells(moved, "id", "start", "recurrence") == {
        "id": "u1#2026-01-13T18:00+01:00",
        "start": "2026-01-14T19:00+01:00",
        "recurrence": None,
    }
    assert cells(kept, "id", "exceptions") == {"id": "u1", "exceptions": ["2026-01-13T18:00+01:00"]}


def test_an_event_of_whole_days_ends_on_its_last_day(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path / "t",
        "DTSTART;VALUE=DATE:20260710\nDTEND;VALUE=DATE:20260713",
        "DTSTART;VALUE=DATE:20260710\nDTEND;VALUE=DATE:20260710",
    )
    assert [(row.cells["start"], row.cells["end"]) for row in rows] == [
        ("2026-07-10", "2026-07-12"),
        ("2026-07-10", "2026-07-10"),
    ]


def test_a_time_of_nowhere_is_the_calendar_s_and_else_the_mapping_s(tmp_path: Path) -> None:
    """But a zone that is named and unknown is not replaced by another."""
    path = tmp_path / "t"
    (row,) = rows_of(path, "DTSTART:20260706T100000", before="X-WR-TIMEZONE:Indian/Reunion\n")
    assert cells(row, "start", "timezone") == {"start": "2026-07-06T10:00+04:00", "timezone": "Indian/Reunion"}
    (row,) = rows_of(path, "DTSTART:20260706T100000")
    assert row.cells["start"] == "2026-07-06T10:00+02:00"
    (row,) = rows_of(path, "DTSTART;TZID=Nulle/Part:20260706T100000")
    mapping = known_mapping("ics", "t")
    assert mapping is not None
    with pytest.raises(BadRow, match="cell_offset"):
        Converter(mapping).convert(row)


def test_a_zone_that_the_file_declares_is_understood_and_recognised(tmp_path: Path) -> None:
    """Even after its use, and by the names that Windows gives."""
    event = "DTSTART;TZID={}:20260706T100000\nRRULE:FREQ=WEEKLY"
    for rows in (
        rows_of(tmp_path / "t", event.format("Heure de la mairie"), after=PARIS),
        rows_of(tmp_path / "t", event.format("Romance Standard Time")),
    ):
        assert cells(rows[0], "start", "timezone", "recurrence") == {
            "start": "2026-07-06T10:00+02:00",
            "timezone": "Europe/Paris",
            "recurrence": "FREQ=WEEKLY",
        }


@pytest.mark.parametrize(
    ("rule", "times"),
    [
        ("RDATE;TZID=Europe/Paris:20260710T100000", ["2026-07-06T10:00+02:00", "2026-07-10T10:00+02:00"]),
        ("RRULE:FREQ=DAILY;COUNT=2\nRRULE:FREQ=WEEKLY;COUNT=2", None),
        ("RRULE:FREQ=DAILY;COUNT=1001", None),
    ],
)
def test_a_rule_that_no_record_holds_is_written_out(tmp_path: Path, rule: str, times: list[str] | None) -> None:
    """A row an occurrence, each with an id of its own, and never more than the index would keep."""
    rows = rows_of(tmp_path / "t", f"DTSTART;TZID=Europe/Paris:20260706T100000\n{rule}")
    found = [row.cells["start"] for row in rows]
    assert len({row.cells["id"] for row in rows}) == len(rows)
    assert found == times if times else 2 < len(found) <= 400
    assert not any(row.cells.get("recurrence") for row in rows)


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=SECONDLY",
        "RRULE:FREQ=MINUTELY;COUNT=999999",
        "RRULE:FREQ=HOURLY",
        "RRULE:FREQ=OFTEN",
    ],
)
def test_a_rule_that_describes_no_gathering_is_refused_at_once(tmp_path: Path, rule: str) -> None:
    assert codes(rows_of(tmp_path / "t", f"DTSTART:19700101T000000Z\n{rule}")) == ["ics_recurrence"]


def test_a_rule_without_end_is_kept_and_never_followed(tmp_path: Path) -> None:
    """From the first year to the last, in no time."""
    rule = "DTSTART;VALUE=DATE:00010101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"
    (row,) = rows_of(tmp_path / "t", rule)
    assert cells(row, "start", "recurrence") == {
        "start": "0001-01-01",
        "recurrence": "FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2",
    }


@pytest.mark.parametrize("start", ["00000101", "20260230", "20261301", "99991231T250000", "hier", ""])
def test_a_day_that_no_calendar_has_is_refused(tmp_path: Path, start: str) -> None:
    rows = rows_of(tmp_path / "t", f"DTSTART;VALUE=DATE:{start}", "DTSTART;VALUE=DATE:99991231")
    assert codes(rows) == ["ics_date"]
    assert rows[1].cells["start"] == "9999-12-31"


@pytest.mark.parametrize("word", ["PRIVATE", "CONFIDENTIAL", "private"])
def test_what_its_owner_calls_private_does_not_come_in(tmp_path: Path, word: str) -> None:
    (row,) = rows_of(tmp_path / "t", f"DTSTART:20260706T100000Z\nCLASS:{word}\nDESCRIPTION:le code de la porte")
    assert codes([row]) == ["ics_private"]
    assert row.cells == {}


def test_who_was_invited_is_not_read(tmp_path: Path) -> None:
    """The organiser's name is; nobody's address."""
    event = "DTSTART:20260706T100000Z\nORGANIZER;CN=Le 6b:mailto:a@example.org\nATTENDEE;CN=Ana:mailto:ana@example.org"
    (row,) = rows_of(tmp_path / "t", event)
    assert row.cells["organizer"] == "Le 6b"
    assert "@" not in str(row.cells)
    assert "Ana" not in str(row.cells)


def test_html_in_a_description_becomes_text(tmp_path: Path) -> None:
    html = '<p>Venez&nbsp;!<script>alert(1)</script></p><ul><li><a href="https://6b.fr">ici</a></li></ul>'
    (row,) = rows_of(tmp_path / "t", f"DTSTART:20260706T100000Z\nDESCRIPTION:{html}")
    assert row.cells["description"] == "Venez !\n\n- [ici](https://6b.fr)"


def test_a_letter_folded_in_its_middle_is_whole(tmp_path: Path) -> None:
    """RFC 5545 section 3.1 folds octets, not letters."""
    path = tmp_path / "t"
    name = "É".encode()
    path.write_bytes(
        b"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260706\r\nSUMMARY:"
        + name[:1]
        + b"\r\n "
        + name[1:]
        + b"t\r\nEND:VEVENT\r\n"
    )
    with path.open("rb") as file:
        assert [row.cells["name"] for row in read_ics(file, DIALECT)] == ["Ét"]


def test_an_event_never_closed_costs_itself(tmp_path: Path) -> None:
    """So does one that is longer than an event may be, or holds another's bytes."""
    good = "DTSTART;VALUE=DATE:20260706"
    path = tmp_path / "t"
    rows = rows_of(path, good, before=f"BEGIN:VEVENT\n{good}\n")
    assert codes(rows) == ["ics_open"]
    assert [row.line for row in rows] == [3, 5]
    assert codes(rows_of(path, f"{good}\nDESCRIPTION:{'x' * 2_000_000}", good)) == ["row_too_long"]
    rows = rows_of(path, good, good, after=f"BEGIN:VEVENT\n{good}\n")
    assert [row.line for row in rows if row.fault] == [13]


def test_the_recurrences_of_the_suite_are_those_of_its_own_library() -> None:
    """Every calendar of recurring-ical-events: the occurrences of our rows are those that it finds."""
    files = sorted(data("events/ics-recurring-events").glob("*.ics"))
    assert len(files) > 80
    compared = 0
    for path in files:
        with path.open("rb") as file:
            rows = list(read_ics(file, DIALECT, date(2019, 6, 1)))
        # What is refused cannot be compared; nor a time whose zone nobody knows.
        if any(row.fault or _nowhere(row.cells["start"]) for row in rows):
            continue
        # A year at a time: an index keeps 400 occurrences of an event, a suite has daily ones.
        for year in (2018, 2019, 2020):
            theirs = _theirs(path, year)
            if theirs is not None:
                assert Counter(second for row in rows for second in _struck(row, year)) == theirs, (path.name, year)
                compared += 1
    assert compared >= 180


def _nowhere(start: str) -> bool:
    return "T" in start and not start[16:]


def _horizon(year: int) -> Horizon:
    first, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    return Horizon(int(first.timestamp()), int(last.timestamp()) - 1)


def _theirs(path: Path, year: int) -> Counter[int] | None:
    """What the suite's own library finds in a year; None where it refuses, which is no measure for ours."""
    from icalendar import Calendar
    from recurring_ical_events import of

    horizon = _horizon(year)
    window = datetime(year - 1, 12, 1, tzinfo=UTC), datetime(year + 1, 2, 1, tzinfo=UTC)
    try:
        found = Counter(
            _second(one["DTSTART"].dt) for one in of(Calendar.from_ical(path.read_bytes())).between(*window)
        )
    except Exception:
        return None
    return Counter({second: n for second, n in found.items() if horizon.first <= second <= horizon.last})


def _second(moment: date) -> int:
    if not isinstance(moment, datetime):
        return span(moment.isoformat())[0]
    return int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo("Europe/Paris"))).timestamp())


def _struck(row: Row, year: int) -> list[int]:
    said, horizon = row.cells, _horizon(year)
    found = [span(said["start"])]
    if "recurrence" in said:
        found = expand(said["start"], said["end"], said["recurrence"], said["exceptions"], said["timezone"], horizon)
    return [first for first, _ in found if horizon.first <= first <= horizon.last]


def test_every_calendar_is_rows_or_reasons() -> None:
    """Two suites of 256 files, many of them broken on purpose: each row is an action or says what is wrong."""
    mapping = known_mapping("ics", "t")
    assert mapping is not None
    files = sorted(data("events").rglob("*.ics"))
    assert len(files) > 200
    for path in files:
        dialect = sniff(path, timezone="Europe/Paris")
        if dialect.format != "ics":
            continue
        with path.open("rb") as file:
            rows = list(read_ics(file, dialect))
        assert rows, path.name
        assert not set(codes(rows)) & {"ics_broken"}, path.name
        for row in rows:
            try:
                Converter(mapping).convert(row)
            except BadRow as error:
                assert error.faults


def test_a_calendar_comes_through_the_door(tmp_path: Path) -> None:
    """Recognised by its first line, read apart."""
    path = tmp_path / "agenda"
    rows = rows_of(path, "DTSTART:20260706T100000Z\nGEO:48.93;2.36\nCATEGORIES:Culture,Fête\nSTATUS:CANCELLED")
    dialect = sniff(path, timezone="Europe/Paris")
    assert dialect.format == "ics"
    assert list(read_rows(path, dialect)) == rows
    assert cells(rows[0], "lat", "lon", "categories", "status") == {
        "lat": 48.93,
        "lon": 2.36,
        "categories": ["Culture", "Fête"],
        "status": "CANCELLED",
    }
