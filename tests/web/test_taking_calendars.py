# SPDX-License-Identifier: AGPL-3.0-or-later
"""A calendar that is taken away is read by another library: whole, in its time zone, and by the rules of iCalendar."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web import take_calendar
from convergences_node.web.take_calendar import When, when_of
from convergences_node.web.timezones import timezone_component

from .small_town import SmallTown
from .taking import take

PARIS = ZoneInfo("Europe/Paris")


async def events(client: TestClient, path: str, **params: Any) -> dict[str, Any]:
    """The events of a calendar by their title, read back by the library."""
    body = await take(client, path, **params)
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    calendar = icalendar.Calendar.from_ical(body)
    found = {str(event["summary"]): event for event in calendar.walk("VEVENT")}
    assert all(event["uid"] and event["dtstamp"] for event in found.values())
    return found


async def test_a_calendar_is_whole_however_long(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No telephone asks for a second page: every event is there, once, counted and digested, or none is."""
    monkeypatch.setattr(take_calendar, "LIMIT_MAX", 2)
    for day in range(1, 8):
        await town.add("action", f"Jour {day}", type="event", start=f"2030-12-0{day}T18:00+01:00")
    await town.index.catch_up()
    answer = await client.get("/calendar.ics?from=2030-12-01", headers={"Accept-Encoding": "identity"})
    body = await answer.read()
    names = [str(event["summary"]) for event in icalendar.Calendar.from_ical(body).walk("VEVENT")]
    assert sorted(names) == [f"Jour {day}" for day in range(1, 8)]
    assert (answer.headers["X-Total-Count"], "Link" in answer.headers) == ("7", False)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert body.index(b"BEGIN:VTIMEZONE") < body.index(b"BEGIN:VEVENT") and body.count(b"TZID:Europe/Paris") == 1
    monkeypatch.setattr(take_calendar, "EVENTS_MAX", 6)
    assert (await client.get("/calendar.ics?from=2030-12-01&to=2031")).status == 503, "rather than a part of it"


async def test_a_calendar_of_nothing_is_a_calendar(client: TestClient) -> None:
    """RFC 5545 wants one component at least; the town's clocks are one."""
    calendar = icalendar.Calendar.from_ical(await (await client.get("/search.ics?q=nulle-part")).read())
    assert [each.name for each in calendar.subcomponents] == ["VTIMEZONE"]


async def test_a_calendar_repeats_the_workshop_in_its_time_zone(client: TestClient, town: SmallTown) -> None:
    found = await events(client, "/search.ics")
    workshop = found["Réparer son vélo"]
    assert workshop["dtstart"].params["TZID"] == "Europe/Paris"
    assert workshop["dtstart"].dt == datetime(2026, 11, 24, 18, tzinfo=PARIS)
    assert workshop["dtend"].dt == datetime(2026, 11, 24, 20, tzinfo=PARIS)
    assert workshop["rrule"]["FREQ"] == ["WEEKLY"]
    assert workshop["status"] == "CONFIRMED"
    assert workshop["uid"] == town.elements["Réparer son vélo"]
    assert workshop["geo"].to_ical() == "48.9361;2.3541"
    assert [str(each) for each in workshop["categories"].cats] == ["Vélo"]
    assert str(workshop["url"]).endswith(f"/e/{town.elements['Réparer son vélo']}")
    festival = found["Festival des Murs"]
    assert (festival["dtstart"].dt, festival["dtend"].dt) == (date(2026, 12, 5), date(2026, 12, 7))
    assert festival["status"] == "TENTATIVE"


async def test_exceptions_and_the_end_of_a_rule_are_in_the_kind_of_value_of_the_beginning(
    client: TestClient, town: SmallTown
) -> None:
    """RFC 5545 sections 3.3.10 and 3.8.5.1, across the change of the clocks."""
    await town.add(
        "action", "Chorale", type="activity", start="2026-10-20T19:30+02:00", timezone="Europe/Paris",
        recurrence="FREQ=WEEKLY;BYDAY=TU;UNTIL=20261215", exceptions=["2026-11-10", "2026-11-17T19:30+01:00"],
    )  # fmt: skip
    await town.add(
        "action", "Braderie", type="event", start="2026-11-01", recurrence="FREQ=DAILY;UNTIL=20261103T120000Z",
        exceptions=["2026-11-02"],
    )  # fmt: skip
    await town.index.catch_up()
    found = await events(client, "/search.ics")
    choir, fair = found["Chorale"], found["Braderie"]
    assert choir["rrule"]["UNTIL"] == [datetime(2026, 12, 15, 22, 59, 59, tzinfo=UTC)]
    exdates = choir["exdate"] if isinstance(choir["exdate"], list) else [choir["exdate"]]
    moments = [each.dt for some in exdates for each in some.dts]
    assert moments == [datetime(2026, 11, 10, 19, 30, tzinfo=PARIS), datetime(2026, 11, 17, 19, 30, tzinfo=PARIS)]
    assert all(some.params["TZID"] == "Europe/Paris" for some in exdates)
    assert fair["rrule"]["UNTIL"] == [date(2026, 11, 3)]
    assert fair["exdate"].dts[0].dt == date(2026, 11, 2)


async def test_a_changed_event_has_a_higher_sequence_and_a_cancelled_one_stays(
    client: TestClient, town: SmallTown
) -> None:
    from convergences_node.archive.model import NewRecord

    fields = {"name": "Bal", "type": "event", "start": "2026-12-31T21:00+01:00", "status": "confirmed"}
    (placed,) = await town.archive.append([NewRecord("action", fields)])
    await town.index.catch_up()
    before = (await events(client, "/search.ics"))["Bal"]
    await town.change(placed, "action", {**fields, "status": "cancelled"})
    await town.index.catch_up()
    after = (await events(client, "/search.ics"))["Bal"]
    assert after["uid"] == before["uid"]
    assert int(after["sequence"]) > int(before["sequence"])
    assert after["status"] == "CANCELLED"


async def test_an_actor_s_calendar_is_what_it_does_and_a_theme_s_what_is_under_it(
    client: TestClient, town: SmallTown
) -> None:
    assert list(await events(client, f"/e/{town.elements['Atelier vélo du Canal']}.ics")) == ["Réparer son vélo"]
    assert list(await events(client, f"/e/{town.elements['Culture']}.ics")) == ["Festival des Murs"]
    assert len(await events(client, f"/e/{town.elements['Saint-Denis']}.ics")) == 2
    assert list(await events(client, f"/e/{town.elements['Festival des Murs']}.ics")) == ["Festival des Murs"]


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"start": "2026"}, When(date(2026, 1, 1), date(2027, 1, 1))),
        ({"start": "2026-12"}, When(date(2026, 12, 1), date(2027, 1, 1))),
        ({"start": "2026-02", "end": "2026-02"}, When(date(2026, 2, 1), date(2026, 3, 1))),
        ({"start": "2026-12-05"}, When(date(2026, 12, 5), date(2026, 12, 6))),
        ({"start": "2026-12-05T10:00Z"}, When(datetime(2026, 12, 5, 11, tzinfo=PARIS), None)),
        (
            {"start": "2026-12-05T10:00Z", "end": "2026-12-06"},
            When(datetime(2026, 12, 5, 11, tzinfo=PARIS), datetime(2026, 12, 7, tzinfo=PARIS)),
        ),
        ({"start": "9999"}, None),
        ({"end": "2026"}, None),
        ({}, None),
    ],
)
def test_a_date_is_as_precise_in_a_calendar_as_it_is_known(fields: dict[str, str], when: When | None) -> None:
    assert when_of(fields, PARIS) == when


def test_a_time_zone_s_changes_are_told_in_the_time_before_them() -> None:
    """RFC 5545 section 3.6.5: Paris goes from 2:00 to 3:00 in March, from 3:00 to 2:00 in October."""
    zone = timezone_component(PARIS, 2026, 2026)
    spring = next(part for part in zone.subcomponents if part.name == "DAYLIGHT")
    moments = [spring["dtstart"].dt, *(each.dt for each in spring["rdate"].dts)]
    assert datetime(2026, 3, 29, 2) in moments
    autumn = [part for part in zone.subcomponents if part.name == "STANDARD"][-1]
    assert datetime(2026, 10, 25, 3) in [autumn["dtstart"].dt, *(each.dt for each in autumn["rdate"].dts)]
    assert (spring["tzoffsetfrom"].td.seconds, spring["tzoffsetto"].td.seconds) == (3600, 7200)
