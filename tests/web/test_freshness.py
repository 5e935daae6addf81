# SPDX-License-Identifier: AGPL-3.0-or-later
"""How fresh an answer is, in words: "nothing found" and "not heard since Tuesday" are read as different things."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
from convergences_node.index.views import Coverage
from convergences_node.web.cards import Reading
from convergences_node.web.freshness import SILENCE_SECONDS, freshness
from convergences_node.web.messages import catalogue
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import End
from convergences_protocol.origin import LogIdentity

NOW = 1_795_165_200  # Friday 20 November 2026, 10:00 in Paris
READING = Reading(catalogue("fr"), ZoneInfo("Europe/Paris"), NOW, "fr", None)
NAMES = {"FR-93072": "Stains", "FR-93079": "Villetaneuse", "FR-93066": "Saint-Denis", "FR-200057867": "Plaine Commune"}


def log(code: str, heard: int | None = NOW - 180, **values: object) -> Coverage:
    fields = {"size": 5, "applied": 5, **values}
    return Coverage(territory=code, origin=f"convergences/{code}/00000000000000aa", cosigned_at=heard, **fields)  # type: ignore[arg-type]


def said(*coverage: Coverage, charter: Charter | None = None) -> tuple[str, list[tuple[str, bool]]]:
    found = freshness(READING, coverage, NAMES, charter)
    assert found is not None
    return found.summary.replace("\u00a0", " "), [(line.replace("\u00a0", " "), late) for line, late in found.lines]


def test_an_archive_alone_is_simply_up_to_date() -> None:
    summary, lines = said(log("FR-93072", own=True, heard=None))
    assert summary == "À jour : archive tenue ici"
    assert lines == [("Stains : archive de cette page, tenue à jour ici même.", False)]


def test_each_town_says_how_old_its_news_are() -> None:
    summary, lines = said(log("FR-200057867", own=True), log("FR-93072"), log("FR-93079", NOW - 600))
    assert summary == "2 villes · nouvelles reçues il y a 10 minutes"
    assert ("Stains : nouvelles reçues il y a 3 minutes.", False) in lines


def test_where_no_town_speaks_any_more_nobody_counts_none() -> None:
    """A town that has merged keeps its pages, of its own closed archive and of what its agglomeration says."""
    summary, _ = said(log("FR-200057867"))
    assert summary == "Plaine Commune · nouvelles reçues il y a 3 minutes"


def test_a_town_that_is_silent_is_named() -> None:
    summary, lines = said(log("FR-200057867", own=True), log("FR-93072"), log("FR-93079", NOW - 3 * 86_400))
    assert summary == "2 villes · pas de nouvelles récentes de Villetaneuse"
    assert ("Villetaneuse : pas de nouvelles depuis 17 novembre 2026 à 10 h.", True) in lines


def test_an_unknown_age_is_said_to_be_unknown() -> None:
    """Before a clock is plausible a town cosigns nothing: that is not the same as silence."""
    summary, lines = said(log("FR-93072", None), log("FR-93066", own=True))
    assert summary == "2 villes · on ne sait pas de quand sont les nouvelles de Stains"
    assert lines[-1] == ("Stains : on ne sait pas de quand datent ces nouvelles.", True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bodies_wanted": 1}, "Il manque encore le texte d’une fiche."),
        ({"bodies_wanted": 1200}, "Il manque encore le texte de 1\u202f200 fiches."),
        ({"applied": 3}, "2 inscriptions récentes ne sont pas encore dans la recherche."),
        ({"applied": 4}, "1 inscription récente n’est pas encore dans la recherche."),
    ],
)
def test_what_is_missing_is_said(values: dict[str, int], words: str) -> None:
    _, lines = said(log("FR-93072", **values))
    assert lines == [(f"Stains : nouvelles reçues il y a 3 minutes. {words}", True)]


def test_what_is_here_and_not_searched_is_said_first() -> None:
    """A town alone is not "up to date" then: its card takes no write, or a backlog is still being read."""
    summary, _ = said(log("FR-93072", own=True, applied=3))
    assert summary == "2 inscriptions récentes ne sont pas encore dans la recherche"
    summary, _ = said(log("FR-200057867", own=True, size=1_205), log("FR-93072", applied=4))
    assert summary == (
        "1\u202f201 inscriptions récentes ne sont pas encore dans la recherche · 1 ville"
        " · nouvelles reçues il y a 3 minutes"
    )
    summary, _ = said(log("FR-93072", own=True), log("FR-93079", counts=False, applied=0))
    assert summary == "À jour : archive tenue ici"


def test_a_rival_log_is_shown_as_disputed_and_not_counted() -> None:
    summary, lines = said(log("FR-93072"), log("FR-93079", counts=False))
    assert summary == "1 ville · nouvelles reçues il y a 3 minutes"
    assert lines[-1][0].startswith("Villetaneuse : cette archive n’est pas")


def test_an_archive_that_was_closed_has_no_news_to_wait_for() -> None:
    """A town merged into another: its log ended, the other's goes on."""
    ended, successor = log("FR-93079", NOW - 40 * SILENCE_SECONDS), log("FR-93072")
    summary, lines = said(ended, successor, charter=merged(ended.origin, successor.origin))
    assert summary == "1 ville · nouvelles reçues il y a 3 minutes"
    assert ("Villetaneuse : archive close, continuée par celle de Stains.", False) in lines


@dataclass(frozen=True)
class _Known:
    """What the charter says of a log, as far as freshness asks."""

    end: End | None


def merged(origin: str, successor: str) -> Charter:
    """A charter in which a log ended for another."""
    charter = Charter(LogIdentity("convergences/FR-200057867/00000000000000aa", b"k" * 32, b"r" * 32))
    end = End(Checkpoint(origin, 5, b"r" * 32), successor, "merged")
    charter.enrolled = lambda asked: _Known(end if asked == origin else None)  # type: ignore[method-assign,assignment,return-value]
    return charter


def test_nothing_searched_says_nothing() -> None:
    assert freshness(READING, (), NAMES, None) is None
