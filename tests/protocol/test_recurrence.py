# SPDX-License-Identifier: AGPL-3.0-or-later
"""Recurrence rules: what the door lets in, the libraries that expand it can read."""

from datetime import UTC, datetime
from itertools import islice

import pytest
from convergences_protocol.recurrence import RECURRENCE_BYTES_MAX, is_recurrence
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import vRecur

START = datetime(2026, 1, 1, 10, tzinfo=UTC)

numbers = (st.integers(-1, 12) | st.integers(-60, 400)).map(str)
prefixes = st.just("") | numbers | st.sampled_from(["+1", "-1"])
days = st.builds("{}{}".format, prefixes, st.sampled_from(["MO", "TU", "WE", "SU", "XX"]))
untils = st.dates().map(lambda day: day.strftime("%Y%m%d")) | st.sampled_from(
    ["20260230", "20261301", "20261218T235959Z"]
)
parts = st.fixed_dictionaries(
    {"FREQ": st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY"])},
    optional={
        "INTERVAL": numbers,
        "COUNT": numbers,
        "UNTIL": untils.filter(lambda text: len(text) >= 8),
        "BYDAY": st.lists(days, min_size=1, max_size=3).map(",".join),
        "BYMONTHDAY": numbers,
        "BYMONTH": numbers,
        "BYYEARDAY": numbers,
        "BYWEEKNO": numbers,
        "BYSETPOS": numbers,
        "BYHOUR": numbers,
        "BYMINUTE": numbers,
        "WKST": st.sampled_from(["MO", "SU", "XX"]),
    },
)


@settings(max_examples=500)
@given(parts)
def test_an_accepted_rule_is_read_by_the_libraries_that_expand(rule: dict[str, str]) -> None:
    text = ";".join(f"{name}={value}" for name, value in rule.items())
    if not is_recurrence(text):
        return
    if "UNTIL" in rule and not rule["UNTIL"].endswith("Z"):
        rule["UNTIL"] = rule["UNTIL"][:8] + "T000000Z"
    text = ";".join(f"{name}={value}" for name, value in rule.items())
    rrulestr(text, dtstart=START)
    vRecur.from_ical(text)


@given(st.text(alphabet="FREQDAILYWK=;,BYCOUNT0123456789-+", max_size=60))
def test_any_text_is_a_rule_or_is_not(text: str) -> None:
    if is_recurrence(text):
        assert text.startswith("FREQ=")
        assert len(text) <= RECURRENCE_BYTES_MAX


@pytest.mark.parametrize(
    ("text", "third"),
    [
        ("FREQ=WEEKLY;BYDAY=TU,TH", datetime(2026, 1, 8, 10, tzinfo=UTC)),
        ("FREQ=MONTHLY;BYDAY=-1SU", datetime(2026, 3, 29, 10, tzinfo=UTC)),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("FREQ=YEARLY;BYMONTH=6;BYMONTHDAY=21", datetime(2028, 6, 21, 10, tzinfo=UTC)),
    ],
)
def test_a_rule_of_a_towns_calendar_is_accepted_and_means_what_it_says(text: str, third: datetime) -> None:
    assert is_recurrence(text)
    assert list(islice(rrulestr(text, dtstart=START), 3))[2] == third


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYWEEKNO=1",
        "FREQ=MONTHLY;BYYEARDAY=1",
        "FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO",
        "FREQ=YEARLY;BYYEARDAY=367",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;UNTIL=20261218T240000Z",
        "FREQ=DAILY;BYSECOND=1",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;" * 40 + "COUNT=1",
    ],
)
def test_what_the_rfc_forbids_is_refused(text: str) -> None:
    assert not is_recurrence(text)
