# SPDX-License-Identifier: AGPL-3.0-or-later
"""Relations: joined when read, confirmed by both homes, walked within bounds, as they were at a date."""

from __future__ import annotations

from typing import Any

import pytest
from convergences_node.index import element as elements
from convergences_node.index.element import element_view, near, walk
from convergences_node.index.known import read_known
from convergences_node.index.views import ElementView, RelationView, Walk
from convergences_protocol.element import ElementId

from .making import PIERREFITTE, SAINT_DENIS, STAINS, Desk, origin_of

DENIS, STAINS_LOG, PIERREFITTE_LOG = origin_of(SAINT_DENIS), origin_of(STAINS), origin_of(PIERREFITTE)


def actor(desk: Desk, origin: str, name: str) -> ElementId:
    return desk.logs.state(origin, "actor", {"name": name, "type": "association"})


def relate(desk: Desk, origin: str, one: ElementId, other: ElementId, **more: Any) -> ElementId:
    fields = {"subject": str(one), "predicate": "partner_of", "object": str(other), **more}
    return desk.logs.state(origin, "relation", fields)


def view(desk: Desk, element: ElementId, at: str | None = None) -> ElementView:
    found = element_view(desk.projection.db, element, read_known(desk.projection.db), at)
    assert found is not None
    return found


def relations(desk: Desk, element: ElementId, at: str | None = None) -> list[RelationView]:
    db = desk.projection.db
    return [view for _, view in near(db, element, read_known(db), at).views]


def walked(desk: Desk, element: ElementId, depth: int) -> Walk:
    return walk(desk.projection.db, element, read_known(desk.projection.db), None, depth)


def test_a_relation_is_seen_from_both_ends(desk: Desk) -> None:
    one, other = actor(desk, DENIS, "Une"), actor(desk, DENIS, "Autre")
    relate(desk, DENIS, one, other, role="fanfare")
    desk.catch_up()
    (out,), (back,) = relations(desk, one), relations(desk, other)
    assert (out.outgoing, out.other, out.role, out.asserted_by) == (True, str(other), "fanfare", SAINT_DENIS)
    assert (back.outgoing, back.other) == (False, str(one))
    assert out.item is not None
    assert out.item.name == "Autre"


def test_it_is_confirmed_when_both_homes_say_so(desk: Desk) -> None:
    one, other = actor(desk, DENIS, "Une"), actor(desk, STAINS_LOG, "Autre")
    relate(desk, DENIS, one, other)
    desk.catch_up()
    assert [each.confirmed for each in relations(desk, one)] == [False]
    relate(desk, STAINS_LOG, one, other)
    desk.catch_up()
    assert [(each.asserted_by, each.confirmed) for each in relations(desk, one)] == [
        (SAINT_DENIS, True),
        (STAINS, True),
    ]


def test_within_one_town_its_own_word_is_enough(desk: Desk) -> None:
    one, other = actor(desk, DENIS, "Une"), actor(desk, DENIS, "Autre")
    relate(desk, DENIS, one, other)
    desk.catch_up()
    assert relations(desk, one)[0].confirmed


def test_a_third_town_confirms_nothing(desk: Desk) -> None:
    one, other = actor(desk, DENIS, "Une"), actor(desk, STAINS_LOG, "Autre")
    relate(desk, PIERREFITTE_LOG, one, other)
    relate(desk, STAINS_LOG, one, other)
    desk.catch_up()
    assert [each.confirmed for each in relations(desk, one)] == [False, False]


def test_a_successor_speaks_for_the_town_that_merged_into_it(desk: Desk) -> None:
    one, other = actor(desk, PIERREFITTE_LOG, "Une"), actor(desk, STAINS_LOG, "Autre")
    relate(desk, DENIS, one, other)
    relate(desk, STAINS_LOG, one, other)
    desk.catch_up(
        speakers={
            PIERREFITTE: [(PIERREFITTE_LOG, 1), (DENIS, None)],
            SAINT_DENIS: [(DENIS, None)],
            STAINS: [(STAINS_LOG, None)],
        }
    )
    assert [each.confirmed for each in relations(desk, one)] == [True, True]


def test_a_relation_may_come_before_its_ends(desk: Desk) -> None:
    one, other = desk.logs.new_id(SAINT_DENIS), desk.logs.new_id(STAINS)
    relate(desk, DENIS, one, other)
    desk.catch_up()
    (before,) = relations(desk, one)
    assert before.item is None
    desk.logs.state(STAINS_LOG, "actor", {"name": "Autre", "type": "company"}, other)
    desk.catch_up()
    (after,) = relations(desk, one)
    assert after.item is not None


def test_relations_are_those_of_the_date(desk: Desk) -> None:
    one, other = actor(desk, DENIS, "Une"), actor(desk, DENIS, "Autre")
    relate(desk, DENIS, one, other, **{"from": "2020", "to": "2022-06"})
    desk.catch_up()
    assert [len(relations(desk, one, at)) for at in ("2019", "2020-12", "2022-06-30", "2022-07", "2021")] == [
        0,
        1,
        1,
        0,
        1,
    ]
    assert len(view(desk, one, "2019").relations) == 0
    assert len(view(desk, one).relations) == 1


def test_what_is_withdrawn_relates_no_more(desk: Desk) -> None:
    one, other = actor(desk, DENIS, "Une"), actor(desk, DENIS, "Autre")
    tie = relate(desk, DENIS, one, other)
    desk.logs.withdraw(DENIS, tie, "relation")
    desk.catch_up()
    assert relations(desk, one) == []


def test_a_walk_ends_though_two_towns_make_a_ring(desk: Desk) -> None:
    ring = [actor(desk, origin, f"N{n}") for n, origin in enumerate((DENIS, STAINS_LOG, DENIS, STAINS_LOG))]
    for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
        relate(desk, DENIS, one, other)
    desk.catch_up()
    found = walked(desk, ring[0], 4)
    assert [(step.depth, step.relation.other) for step in found.steps] == [
        (1, str(ring[1])),
        (1, str(ring[3])),
        (2, str(ring[2])),
    ]
    assert found.complete
    assert sorted(desk.names(related=str(ring[0]), depth="1")) == ["N1", "N3"]
    assert sorted(desk.names(related=str(ring[0]), depth="2")) == ["N1", "N2", "N3"]
    assert desk.names(related=str(ring[0]), depth="4", q="n2") == ["N2"]


def test_a_walk_is_bounded_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = actor(desk, DENIS, "Centre")
    for number in range(12):
        relate(desk, DENIS, hub, actor(desk, DENIS, f"Ami {number}"))
    desk.catch_up()
    assert walked(desk, hub, 1).complete
    monkeypatch.setattr(elements, "WALK_MAX", 5)
    found = walked(desk, hub, 3)
    assert not found.complete
    assert len(found.steps) <= 5
    monkeypatch.setattr(elements, "RELATIONS_MAX", 4)
    seen = view(desk, hub)
    assert len(seen.relations) == 4
    assert seen.relations_more


def test_content_and_narrower_themes_are_relations_too(desk: Desk) -> None:
    club = actor(desk, DENIS, "Club")
    theme = desk.logs.state(DENIS, "theme", {"name": "Musique"})
    under = desk.logs.state(DENIS, "theme", {"name": "Jazz", "broader": str(theme)})
    article = desk.logs.state(
        DENIS, "content", {"name": "Article", "type": "article", "about": [str(club)], "themes": [str(under)]}
    )
    desk.catch_up()
    assert [(each.predicate, each.other) for each in relations(desk, club)] == [("about", str(article))]
    assert [(each.predicate, each.outgoing) for each in relations(desk, theme)] == [("broader", False)]
    assert desk.names(theme=str(theme)) == ["Article"]
    assert view(desk, article).labels == {str(club): "Club", str(under): "Jazz"}


def test_themes_that_run_in_a_ring_end(desk: Desk) -> None:
    one, other = desk.logs.new_id(SAINT_DENIS), desk.logs.new_id(SAINT_DENIS)
    desk.logs.state(DENIS, "theme", {"name": "Un", "broader": str(other)}, one)
    desk.logs.state(DENIS, "theme", {"name": "Deux", "broader": str(one)}, other)
    desk.logs.state(DENIS, "actor", {"name": "Club", "type": "company", "themes": [str(other)]})
    desk.catch_up()
    assert desk.names(theme=str(one)) == ["Club"]


def test_an_unknown_element_is_nothing(desk: Desk) -> None:
    desk.catch_up()
    assert element_view(desk.projection.db, desk.logs.new_id(STAINS), read_known(desk.projection.db)) is None
    assert desk.names(related=str(desk.logs.new_id(STAINS))) == []
