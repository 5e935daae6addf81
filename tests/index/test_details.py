# SPDX-License-Identifier: AGPL-3.0-or-later
"""What agendas, maps and exports ask beside an answer: all fields, all times, who is behind, outlines, a beginning."""

from __future__ import annotations

import pytest
from convergences_node.index import details
from convergences_node.index.answering import answer
from convergences_node.index.known import read_known
from convergences_node.index.query import Query
from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId

from .making import PIERREFITTE, SAINT_DENIS, STAINS, Desk, origin_of

DENIS = origin_of(SAINT_DENIS)
WEEK = (span("2026-10-19")[0], span("2026-11-01")[1])


def action(desk: Desk, name: str, start: str, **more: object) -> ElementId:
    return desk.logs.state(DENIS, "action", {"name": name, "type": "event", "start": start, **more})


def test_a_weekly_workshop_happens_at_the_same_hour_when_the_clocks_change(desk: Desk) -> None:
    """Summer time ends on 25 October 2026: 18:00 in Paris is 16:00 UTC before, 17:00 after."""
    weekly = action(
        desk, "Atelier", "2026-09-01T18:00+02:00", recurrence="FREQ=WEEKLY;BYDAY=TU", timezone="Europe/Paris"
    )
    once = action(desk, "Une fois", "2026-10-20")
    desk.catch_up()
    found = details.occurrences_of(desk.projection.db, [weekly, once, weekly], WEEK)
    assert list(found) == [str(weekly)]
    hours = [span(text)[0] for text in ("2026-10-20T18:00+02:00", "2026-10-27T18:00+01:00")]
    assert [first for first, _ in found[str(weekly)]] == hours


def test_occurrences_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [action(desk, f"Jour {n}", "2026-09-01", recurrence="FREQ=DAILY") for n in range(3)]
    desk.catch_up()
    monkeypatch.setattr(details, "OCCURRENCES_SHOWN_MAX", 5)
    found = details.occurrences_of(desk.projection.db, many, WEEK)
    assert sum(map(len, found.values())) == 5


def test_details_hold_every_field_and_the_names_it_mentions(desk: Desk) -> None:
    theme = desk.logs.state(DENIS, "theme", {"name": "Musique"})
    concert = action(desk, "Concert", "2026-10-20", themes=[str(theme)], audience="tous")
    desk.catch_up()
    known = read_known(desk.projection.db)
    (found,) = details.details_of(desk.projection.db, [concert, ElementId.new(STAINS, 1, bytes(10))], known).values()
    assert found.fields["audience"] == "tous"
    assert found.labels == {str(theme): "Musique"}


def test_a_later_record_has_a_higher_revision_even_in_the_log_that_took_over(desk: Desk) -> None:
    """A calendar drops an event whose number goes back (RFC 5545 section 3.8.7.4)."""
    old = origin_of(PIERREFITTE)
    for _ in range(3):
        desk.logs.state(old, "actor", {"name": "Une autre", "type": "association"})
    element = desk.logs.state(old, "actor", {"name": "Avant", "type": "association"})
    speakers = {PIERREFITTE: [(old, None), (DENIS, None)], SAINT_DENIS: [(DENIS, None)]}
    numbers = []
    for name in ("Avant", "Après", "Ensuite"):
        if name != "Avant":
            desk.logs.state(DENIS, "actor", {"name": name, "type": "association"}, element)
        desk.catch_up(speakers=speakers)
        found = details.details_of(desk.projection.db, [element], read_known(desk.projection.db))[str(element)]
        assert found.fields["name"] == name
        numbers.append(found.revision)
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= details.REVISION_MAX


def test_who_is_behind_most_comes_first(desk: Desk) -> None:
    actors = [desk.logs.state(DENIS, "actor", {"name": name, "type": "association"}) for name in ("A", "B", "C")]
    concerts = [action(desk, f"Concert {n}", "2026-10-20") for n in range(3)]
    said = [(0, "organises", 0), (1, "organises", 0), (1, "takes_part_in", 0), (1, "organises", 1), (2, "about", 2)]
    for who, predicate, what in said:
        fields = {"subject": str(actors[who]), "predicate": predicate, "object": str(concerts[what])}
        desk.logs.state(DENIS, "relation", fields)
    desk.catch_up()
    found = details.people_behind(desk.projection.db, concerts, 5)
    assert [item.name for item in found] == ["B", "A"]
    assert [item.name for item in details.people_behind(desk.projection.db, concerts, 1)] == ["B"]
    assert details.people_behind(desk.projection.db, [], 5) == ()


def test_outlines_are_those_of_the_territories_records(desk: Desk) -> None:
    square = [[[0, 0, 0, 10, 10, 10, 10, 0, 0, 0]]]
    desk.logs.state(
        DENIS, "territory", {"name": "Saint-Denis", "code": SAINT_DENIS, "type": "commune", "outline": square}
    )
    desk.logs.state(DENIS, "territory", {"name": "Stains", "code": STAINS, "type": "commune"})
    desk.catch_up()
    (found,) = details.outlines_of(desk.projection.db, read_known(desk.projection.db))
    assert (found.code, found.name, found.outline) == (SAINT_DENIS, "Saint-Denis", square)


def test_a_question_can_begin_at_a_moment(desk: Desk) -> None:
    """However much goes on since long ago, what begins is found on the first page."""
    for year in range(1990, 2020):
        action(desk, f"Depuis {year}", f"{year}", end="2030")
    action(desk, "Ce soir", "2026-10-20T20:00+02:00")
    action(desk, "Dès le début", "2026-10-19")
    desk.catch_up()
    query = Query(kinds=("action",), since="2026-10-19", until="2026-11-01", limit=5)
    known = read_known(desk.projection.db)
    found = answer(desk.projection.db, details.beginning_at(query, WEEK[0]), known, ())
    assert [item.name for item in found.items] == ["Dès le début", "Ce soir"]
