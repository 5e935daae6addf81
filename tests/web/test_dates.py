# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dates are said as a neighbour would, and never more precisely than they are known."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from convergences_node.web import dates, words
from convergences_node.web.messages import catalogue

PARIS = ZoneInfo("Europe/Paris")
FR, EN = catalogue("fr"), catalogue("en")
HOUR = "\u00a0h"


@pytest.mark.parametrize(
    ("start", "end", "french", "english"),
    [
        ("2026", None, "2026", "2026"),
        ("2026-12", None, "décembre 2026", "December 2026"),
        ("2026-12-05", None, "samedi 5 décembre 2026", "Saturday 5 December 2026"),
        ("2026-08-01", None, "samedi 1er août 2026", "Saturday 1 August 2026"),
        ("2026-12-05", "2026-12-06", "du samedi 5 au dimanche 6 décembre 2026", "Saturday 5 to Sunday 6 December 2026"),
        (
            "2026-11-30",
            "2026-12-06",
            "du lundi 30 novembre au dimanche 6 décembre 2026",
            "Monday 30 November to Sunday 6 December 2026",
        ),
        (
            "2026-12-05T14:00+01:00",
            "2026-12-05T18:30+01:00",
            f"samedi 5 décembre 2026, 14{HOUR}\u00a0– 18{HOUR}\u00a030",
            "Saturday 5 December 2026, 14:00 – 18:30",
        ),
        ("2026-06-30T22:30:00Z", None, f"mercredi 1er juillet 2026, 0{HOUR}\u00a030", "Wednesday 1 July 2026, 0:30"),
        ("2013", "2015", "2013\u00a0– 2015", "2013 – 2015"),
        (None, "2026-12", "jusqu’à décembre 2026", "until December 2026"),
        (None, None, "", ""),
    ],
)
def test_when_in_words(start: str | None, end: str | None, french: str, english: str) -> None:
    assert dates.when(FR, start, end, PARIS) == french
    assert dates.when(EN, start, end, PARIS) == english


@pytest.mark.parametrize("text", ["", "samedi", "2026-13", "2026-02-30", "0000-01-01", "2026-12-05T99:00Z", "9" * 400])
def test_a_date_that_is_none_is_shown_as_it_is(text: str) -> None:
    assert dates.day_in_words(FR, text, PARIS) == text


@pytest.mark.parametrize(
    ("age", "french"),
    [
        (0, "à l’instant"),
        (-5, "à l’instant"),
        (61, "il y a 1 minute"),
        (3 * 60, "il y a 3 minutes"),
        (2 * 3600, "il y a 2 heures"),
        (3 * 86400, "il y a 3 jours"),
        (40 * 86400, f"le 12 octobre 2026 à 11{HOUR}"),
    ],
)
def test_how_long_ago(age: int, french: str) -> None:
    now = 1795251600  # 21 November 2026, 10:00 in Paris
    assert dates.ago(FR, now - age, now, PARIS) == french


@pytest.mark.parametrize("seconds", [-(10**18), 10**18, -62_135_596_801])
def test_a_clock_gone_mad_is_an_unknown_date(seconds: int) -> None:
    assert dates.instant(FR, seconds, PARIS) == "date inconnue"
    assert dates.iso(seconds) == ""


def test_an_unknown_time_zone_falls_back_on_the_town_s() -> None:
    assert dates.zone("Mars/Olympus", "Europe/Paris") == PARIS
    assert dates.zone("../../etc/passwd", "Europe/Paris") == PARIS
    assert dates.zone(None, "Europe/Paris") == PARIS


@pytest.mark.parametrize(
    ("rule", "french"),
    [
        ("FREQ=WEEKLY;BYDAY=TU", "chaque mardi"),
        ("FREQ=WEEKLY;BYDAY=TU,TH", "chaque mardi et jeudi"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "chaque samedi, une fois sur 2"),
        ("FREQ=DAILY;UNTIL=20261231T225959Z", "tous les jours, jusqu’au jeudi 31 décembre 2026"),
        ("FREQ=MONTHLY", "tous les mois"),
        ("FREQ=MONTHLY;BYDAY=1SA", "se répète"),
        ("FREQ=SECONDLY", "se répète"),
        ("n’importe quoi", "se répète"),
    ],
)
def test_recurrences_in_words(rule: str, french: str) -> None:
    assert words.recurrence(FR, rule, PARIS) == french
