# SPDX-License-Identifier: AGPL-3.0-or-later
"""Territories nest and merge; either name finds both, and names typed among the words are understood."""

from __future__ import annotations

from typing import Any

from .making import AGGLOMERATION, PIERREFITTE, SAINT_DENIS, STAINS, Desk, origin_of

DENIS, STAINS_LOG, PIERREFITTE_LOG = origin_of(SAINT_DENIS), origin_of(STAINS), origin_of(PIERREFITTE)
AGGLO_LOG = origin_of(AGGLOMERATION)
ALL = {PIERREFITTE: [(PIERREFITTE_LOG, None), (DENIS, None)], SAINT_DENIS: [(DENIS, None)]}
ALL |= {STAINS: [(STAINS_LOG, None)], AGGLOMERATION: [(AGGLO_LOG, None)]}


def territory(desk: Desk, origin: str, name: str, code: str, type_: str = "commune", **more: Any) -> None:
    desk.logs.state(origin, "territory", {"name": name, "code": code, "type": type_, **more})


def plaine_commune(desk: Desk) -> Desk:
    territory(desk, AGGLO_LOG, "Plaine Commune", AGGLOMERATION, "ept")
    territory(desk, AGGLO_LOG, "Stains", STAINS, within=[AGGLOMERATION])
    territory(
        desk,
        DENIS,
        "Saint-Denis",
        SAINT_DENIS,
        within=[AGGLOMERATION],
        former_names=["Pierrefitte-sur-Seine"],
        former_codes=[PIERREFITTE],
    )
    for origin, name in ((DENIS, "Club de Saint-Denis"), (PIERREFITTE_LOG, "Chorale"), (STAINS_LOG, "Vélo Club")):
        desk.logs.state(origin, "actor", {"name": name, "type": "association"})
    desk.logs.state(AGGLO_LOG, "actor", {"name": "Plaine Co", "type": "institution"})
    desk.logs.state(AGGLO_LOG, "place", {"name": "Stade", "type": "sport", "town": SAINT_DENIS})
    return desk.catch_up(speakers=ALL)


def test_a_territory_holds_those_inside_it(desk: Desk) -> None:
    plaine_commune(desk)
    assert len(desk.names(territory=AGGLOMERATION, kind="actor")) == 4
    assert desk.names(territory=STAINS, kind="actor") == ["Vélo Club"]


def test_either_name_of_a_merged_town_finds_both(desk: Desk) -> None:
    plaine_commune(desk)
    both = ["Chorale", "Club de Saint-Denis"]
    assert sorted(desk.names(territory=SAINT_DENIS, kind="actor")) == both
    assert sorted(desk.names(territory=PIERREFITTE, kind="actor")) == both
    assert sorted(desk.names(q="Pierrefitte-sur-Seine", kind="actor")) == both
    assert sorted(desk.names(q="saint denis", kind="actor")) == both
    assert "Saint-Denis" in desk.names(q="pierrefitte")


def test_the_charter_alone_tells_of_a_merge(desk: Desk) -> None:
    desk.logs.state(DENIS, "actor", {"name": "Club", "type": "association"})
    desk.logs.state(PIERREFITTE_LOG, "actor", {"name": "Chorale", "type": "association"})
    desk.catch_up(speakers=ALL)
    assert sorted(desk.names(territory=PIERREFITTE)) == ["Chorale", "Club"]


def test_an_agglomeration_that_answers_for_a_dead_town_has_not_become_it(desk: Desk) -> None:
    desk.logs.state(AGGLO_LOG, "actor", {"name": "Plaine Co", "type": "institution"})
    desk.logs.state(PIERREFITTE_LOG, "actor", {"name": "Chorale", "type": "association"})
    desk.catch_up(
        speakers={PIERREFITTE: [(PIERREFITTE_LOG, None), (AGGLO_LOG, None)], AGGLOMERATION: [(AGGLO_LOG, None)]}
    )
    assert desk.names(territory=PIERREFITTE) == ["Chorale"]


def test_a_town_typed_among_the_words_is_where_to_look(desk: Desk) -> None:
    plaine_commune(desk)
    assert desk.names(q="club Stains") == ["Vélo Club"]
    assert desk.names(q="stade saint-denis") == ["Stade"]
    assert desk.names(q="stade stains") == []


def test_what_the_agglomeration_says_of_a_town_is_found_in_the_town(desk: Desk) -> None:
    plaine_commune(desk)
    assert desk.names(territory=SAINT_DENIS, kind="place") == ["Stade"]


def test_towns_that_hold_each_other_end(desk: Desk) -> None:
    territory(desk, AGGLO_LOG, "Un", STAINS, within=[SAINT_DENIS])
    territory(desk, AGGLO_LOG, "Deux", SAINT_DENIS, within=[STAINS])
    desk.logs.state(STAINS_LOG, "actor", {"name": "Club", "type": "company"})
    desk.catch_up(speakers=ALL)
    assert desk.names(territory=SAINT_DENIS, kind="actor") == ["Club"]


def test_a_towns_own_word_about_itself_outweighs_anothers(desk: Desk) -> None:
    from convergences_node.index.known import read_known

    territory(desk, DENIS, "Saint-Denis", SAINT_DENIS)
    territory(desk, AGGLO_LOG, "Ville de Saint-Denis", SAINT_DENIS)
    desk.catch_up(speakers=ALL)
    assert read_known(desk.projection.db).name_of(SAINT_DENIS) == "Saint-Denis"
