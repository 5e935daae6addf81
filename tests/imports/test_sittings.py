# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sittings of an event become actions that happen then, and only then: what the index expands is what was listed."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from convergences_node.imports.openagenda_rows import _timings
from convergences_node.imports.rows import read_rows, sniff
from convergences_node.imports.sittings import ALONE_MAX, RULES_MAX, actions_of, sittings_of
from convergences_node.index.occurrences import Horizon, expand
from convergences_protocol.edtf import span
from convergences_protocol.kinds.field import MANY_MAX
from convergences_protocol.recurrence import is_recurrence

from .beside import data

PARIS = ZoneInfo("Europe/Paris")
Times = list[tuple[str, str]]


def at(day: date, hour: int, hours: int = 2) -> tuple[str, str]:
    begin = datetime(day.year, day.month, day.day, hour, tzinfo=PARIS)
    return begin.isoformat(timespec="minutes"), (begin + timedelta(hours=hours)).isoformat(timespec="minutes")


def said(times: Times) -> tuple[int, list[tuple[int, int]]]:
    """How many actions, and every moment at which they happen, by the index's own expansion."""
    actions = actions_of(sittings_of(times, None), None)
    found = []
    for one in actions:
        start, end = str(one["start"]), one["end"]
        around = Horizon.around(span(start)[0])
        if rule := one.get("recurrence"):
            assert is_recurrence(rule) and len(one["exceptions"]) <= MANY_MAX
            found += expand(start, end, rule, one["exceptions"], one["timezone"], around)
        else:
            found.append((span(start)[0], span(end or start)[1]))
    return len(actions), sorted(found)


def listed(times: Times) -> list[tuple[int, int]]:
    return sorted((span(one)[0], span(other)[1]) for one, other in times)


MONDAY = date(2026, 9, 7)
WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("times", "count"),
    [
        pytest.param([at(MONDAY + n * WEEK, 18) for n in range(20)], 1, id="every-monday-over-a-change-of-clock"),
        pytest.param([at(MONDAY + n * WEEK, 18) for n in range(20) if n not in (5, 6)], 1, id="but-for-holidays"),
        pytest.param([at(MONDAY + timedelta(days=n), 10, 8) for n in range(90)], 1, id="an-exhibition-every-day"),
        pytest.param(
            [at(MONDAY + timedelta(days=n), 14 if n % 7 < 5 else 10, 4) for n in range(28)], 2, id="two-hours"
        ),
        pytest.param([at(MONDAY, 10), at(MONDAY, 16), at(MONDAY + WEEK, 16)], 2, id="twice-a-day"),
        pytest.param([at(MONDAY, 20), at(MONDAY + timedelta(days=200), 20)], 1, id="far-apart"),
    ],
)
def test_regular_sittings_are_few_actions_and_the_same_times(times: Times, count: int) -> None:
    """Not one more moment, and none less."""
    assert said(times) == (count, listed(times))


def test_any_sittings_happen_when_they_were_listed() -> None:
    """A hundred agendas by a seed: hours, days and gaps at random."""
    dice = random.Random(7)
    for _ in range(100):
        days = dice.sample(range(120), dice.randint(2, 25))
        times = [at(MONDAY + timedelta(days=day), dice.choice((10, 14, 18))) for day in days]
        count, found = said(times)
        assert found == listed(times) and count <= RULES_MAX


def test_what_cannot_be_said_so_is_told_from_first_to_last() -> None:
    """Every sitting at another minute: more actions than anybody could look through."""
    begin = datetime(2026, 9, 7, 8, tzinfo=UTC)
    times = [(begin + timedelta(days=n, minutes=n)).isoformat() for n in range(ALONE_MAX + 1)]
    assert actions_of(sittings_of(((one, "") for one in times), None), None) == []
    assert len(actions_of(sittings_of(((one, "") for one in times[:10]), None), None)) == 10


def test_what_is_no_time_is_passed_over() -> None:
    given = [("demain", ""), ("2026-09-07T10:00", "avant"), ("2026-09-07T10:00", "2026-09-07T09:00"), ("9" * 400, "")]
    (only,) = sittings_of(given, "Nowhere/../..")
    assert (only.begin.isoformat(), only.end) == ("2026-09-07T10:00:00+02:00", None)


def test_the_sittings_of_real_agendas_are_dates(tmp_path: Path) -> None:
    """Those of a real export that say their sittings."""
    path = data("events/openagenda/france-100.json")
    events = json.loads(path.read_text("utf-8"))
    plain = [{name.replace("_", "").lower(): cell for name, cell in one.items()} for one in _list(events)]
    several = [times for one in plain if len(times := _timings(one)) > 1]
    kept = [times for times in several if actions_of(sittings_of(times, None), None)]
    print(f"\n{len(plain)} events, {len(several)} with several sittings, {len(kept)} told as their dates")
    assert several and len(kept) >= 0.9 * len(several)
    assert len(list(read_rows(path, sniff(path)))) >= len(plain)


def _list(document: Any) -> list[dict[str, object]]:
    found = document if isinstance(document, list) else next(v for v in document.values() if isinstance(v, list))
    return [one.get("fields", one) if isinstance(one.get("fields", one), dict) else one for one in found]
