# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dates are ranges, recurring actions happen at their occurrences, and what exists is not what happens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from convergences_node.index.occurrences import DAY_SECONDS, OCCURRENCES_MAX, Horizon, expand
from convergences_node.index.row import _year

from .making import HORIZON, NOW, SAINT_DENIS, Desk, origin_of

ORIGIN = origin_of(SAINT_DENIS)


def second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def days(found: list[tuple[int, int]]) -> list[str]:
    return [f"{datetime.fromtimestamp(first, UTC):%Y-%m-%dT%H:%M}" for first, _ in found]


def event(desk: Desk, name: str, **dates: object) -> None:
    desk.logs.state(ORIGIN, "action", {"name": name, "type": "event", **dates})


def test_a_workshop_stays_at_six_when_summer_time_comes() -> None:
    found = expand(
        "2026-03-24T18:00+01:00", "2026-03-24T20:00+01:00", "FREQ=WEEKLY;COUNT=3", (), "Europe/Paris", HORIZON
    )
    assert days(found) == ["2026-03-24T17:00", "2026-03-31T16:00", "2026-04-07T16:00"]
    assert found[0][1] - found[0][0] == 2 * 3600 + 59


def test_an_exception_is_left_out_and_until_is_included() -> None:
    rule = "FREQ=WEEKLY;UNTIL=20260520"
    found = expand("2026-05-06", None, rule, ("2026-05-13",), None, HORIZON)
    assert days(found) == ["2026-05-06T00:00", "2026-05-20T00:00"]
    utc = expand("2026-05-06T18:00+02:00", None, "FREQ=WEEKLY;UNTIL=20260513T160000Z", (), "Europe/Paris", HORIZON)
    assert days(utc) == ["2026-05-06T16:00", "2026-05-13T16:00"]


def test_a_rule_without_end_is_bounded_by_horizon_and_count() -> None:
    found = expand("1999-01-01T10:00Z", None, "FREQ=DAILY", (), "Europe/Paris", HORIZON)
    assert len(found) == OCCURRENCES_MAX
    assert found[0][1] >= HORIZON.first
    weekly = expand("2020-01-01T10:00Z", None, "FREQ=WEEKLY", (), "Europe/Paris", HORIZON)
    assert weekly[-1][0] <= HORIZON.last + DAY_SECONDS


@pytest.mark.parametrize("begun", ["2016-01-01", "2024-11-01", "2026-05-30"])
def test_what_opens_every_day_for_years_opens_today_and_for_months_to_come(begun: str) -> None:
    """What is kept is around the present, not the first that the horizon holds."""
    found = expand(begun, None, "FREQ=DAILY", (), None, HORIZON)
    today = HORIZON.middle // DAY_SECONDS * DAY_SECONDS
    assert [first for first, _ in found if first >= today][:270] == [today + day * DAY_SECONDS for day in range(270)]
    assert len(found) == OCCURRENCES_MAX
    over = expand("2024-11-01", None, "FREQ=DAILY;UNTIL=20260401", (), None, HORIZON)
    assert days(over)[-1] == "2026-04-01T00:00"


@pytest.mark.parametrize(
    ("start", "rule", "timezone"),
    [
        ("2026-05-06", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", None),
        ("2026-05-06", "nonsense", None),
        ("2026-05-06T10:00Z", "FREQ=WEEKLY", "Mars/Olympus"),
        ("9999-12-31", "FREQ=DAILY", None),
        ("0001-01-01", "FREQ=DAILY", None),
        ("2026-05-06", "FREQ=MONTHLY;BYSETPOS=366;BYDAY=MO", None),
    ],
)
def test_a_rule_that_cannot_be_expanded_harms_nobody(start: str, rule: str, timezone: str | None) -> None:
    assert len(expand(start, None, rule, (), timezone, HORIZON)) <= OCCURRENCES_MAX


def test_a_horizon_moves_by_steps_and_not_with_a_clock_never_set() -> None:
    assert Horizon.around(NOW) == Horizon.around(NOW + DAY_SECONDS)
    assert Horizon.around(0) == Horizon.around(1_767_225_600)


def test_a_recurring_action_is_found_at_its_next_occurrence_in_the_window(desk: Desk) -> None:
    event(desk, "Fête", start="2026-06-10T12:00Z")
    event(desk, "Atelier", start="2026-05-05T18:00Z", recurrence="FREQ=WEEKLY;COUNT=10", timezone="UTC")
    event(desk, "Bal", start="2026-06-08T20:00Z")
    desk.catch_up()
    answer = desk.ask(None, **{"from": "2026-06-08", "to": "2026-06-14"})
    assert [item.name for item in answer.items] == ["Bal", "Atelier", "Fête"]
    assert [item.first for item in answer.items][1] == second("2026-06-09T18:00+00:00")
    assert desk.names(**{"from": "2026-06-10", "to": "2026-06-15"}) == ["Fête"]
    assert desk.names(**{"from": "2026-07-08"}) == []


def test_an_exhibition_that_goes_on_comes_before_what_begins(desk: Desk) -> None:
    event(desk, "Concert", start="2026-06-10")
    event(desk, "Exposition", start="2025-09", end="2026-12")
    event(desk, "Stage", start="2026-06-01", end="2026-06-12")
    event(desk, "Passé", start="2025-01-01", end="2026-06-09")
    desk.catch_up()
    assert desk.names(**{"from": "2026-06-10", "to": "2026-06-10"}) == ["Exposition", "Stage", "Concert"]


def test_a_date_of_little_precision_is_a_range(desk: Desk) -> None:
    event(desk, "Un jour de l'année", start="2026")
    event(desk, "En juin", start="2026-06")
    desk.catch_up()
    assert desk.names(**{"from": "2026-06-15", "to": "2026-06-15"}) == ["Un jour de l'année", "En juin"]
    assert desk.names(**{"from": "2026-08"}) == ["Un jour de l'année"]


def test_undated_elements_come_last_and_not_at_all_in_a_window(desk: Desk) -> None:
    desk.logs.state(ORIGIN, "actor", {"name": "Club", "type": "association"})
    event(desk, "Concert", start="2026-06-10")
    desk.catch_up()
    assert desk.names(sort="date") == ["Concert", "Club"]
    assert desk.names(**{"from": "2026"}) == ["Concert"]


def test_what_exists_at_a_date(desk: Desk) -> None:
    desk.logs.state(ORIGIN, "actor", {"name": "Ancien", "type": "company", "founded": "1950", "dissolved": "1999"})
    desk.logs.state(ORIGIN, "actor", {"name": "Jeune", "type": "company", "founded": "2020-05"})
    desk.logs.state(ORIGIN, "actor", {"name": "Inconnu", "type": "company"})
    event(desk, "Concert", start="1998-07-12")
    desk.catch_up()
    assert desk.names(at="1998-07", sort="name") == ["Ancien", "Concert", "Inconnu"]
    assert desk.names(at="2026", sort="name") == ["Inconnu", "Jeune"]
    assert desk.names(**{"from": "2020-05-01", "to": "2020-05-31"}) == ["Jeune"], "founded then"


def test_what_recurs_exists_until_its_series_ends(desk: Desk) -> None:
    """Not until the end of its first time, which is all that its `end` says."""
    hours = {"start": "2026-06-02T18:00+02:00", "end": "2026-06-02T20:00+02:00"}
    event(desk, "Pour toujours", **hours, recurrence="FREQ=WEEKLY")
    event(desk, "Cinq fois", **hours, recurrence="FREQ=WEEKLY;COUNT=5")
    desk.catch_up()
    assert desk.names(at="2026-06-20", sort="name") == ["Cinq fois", "Pour toujours"]
    assert desk.names(at="2026-09", sort="name") == ["Pour toujours"]
    assert desk.names(at="2026-05") == []


def test_the_horizon_moves_and_occurrences_with_it(desk: Desk) -> None:
    event(desk, "Atelier", start="2026-05-05T18:00Z", recurrence="FREQ=WEEKLY", timezone="UTC")
    desk.catch_up()
    assert desk.names(**{"from": "2029-05"}) == []
    later = Horizon.around(NOW + 3 * 365 * DAY_SECONDS)
    desk.revise(*desk.projection.moved_horizon(later))
    assert desk.names(**{"from": "2029-05"}) == ["Atelier"]
    assert desk.projection.moved_horizon(later) == []


@pytest.mark.parametrize(
    "text", ["0001-01-01", "0004-02-29", "1969-12-31", "1970-01-01", "2000-02-29", "2025-12-31", "9999-12-31"]
)
def test_years_by_arithmetic_are_years_of_the_calendar(text: str) -> None:
    from convergences_protocol.edtf import span

    first, last = span(text)
    assert f"{_year(first):04}" == text[:4]
    assert f"{_year(last):04}" == text[:4]
