# SPDX-License-Identifier: AGPL-3.0-or-later
"""A whole list is every element once, in the order of birth, with the links that hold at the moment asked about."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from convergences_node.index import listing
from convergences_node.index.known import read_known
from convergences_node.index.listing import Link, listing_of, types_of
from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId

from .making import SAINT_DENIS, STAINS, Desk, origin_of

DENIS = origin_of(SAINT_DENIS)
NOW = span("2026-11-22")[0]


def actor(desk: Desk, name: str, **fields: object) -> ElementId:
    return desk.logs.state(DENIS, "actor", {"name": name, "type": "association", **fields})


def portions(desk: Desk, most: int, kinds: Sequence[str] = ("actor",)) -> list[list[str]]:
    """All of a list's names, portion by portion."""
    known, found = read_known(desk.projection.db), []
    after: int | None = -1
    while after is not None:
        some = listing_of(desk.projection.db, kinds, known, after, NOW, most)
        assert set(some.details) == {item.id for item in some.items}
        found.append([item.name for item in some.items])
        after = some.after
    return found


@pytest.mark.parametrize("most", [1, 3, 7, 8, 100])
def test_every_element_is_listed_once_whatever_the_portions(desk: Desk, most: int) -> None:
    for number in range(7):
        actor(desk, f"n{number}")
    desk.logs.state(DENIS, "theme", {"name": "Musique"})
    desk.catch_up()
    assert [name for some in portions(desk, most) for name in some] == [f"n{number}" for number in range(7)]
    assert portions(desk, most, ("place",)) == [[]]


def test_what_is_written_meanwhile_makes_nothing_be_skipped_or_repeated(desk: Desk) -> None:
    made = [actor(desk, f"n{number}") for number in range(6)]
    desk.catch_up()
    known = read_known(desk.projection.db)
    first = listing_of(desk.projection.db, ["actor"], known, most=3)
    desk.logs.withdraw(DENIS, made[0])
    desk.logs.state(DENIS, "actor", {"name": "n4 bis", "type": "association"}, made[4])
    actor(desk, "n6")
    desk.catch_up()
    assert first.after is not None
    second = listing_of(desk.projection.db, ["actor"], known, first.after, most=10)
    assert [item.name for item in second.items] == ["n3", "n4 bis", "n5", "n6"]


def test_links_hold_at_the_moment_and_are_seen_from_both_ends(desk: Desk) -> None:
    """Relations that ended are not told, and an end that is not here is named all the same."""
    club, choir = actor(desk, "Club"), actor(desk, "Chœur")
    away = ElementId.new(STAINS, 1_750_000_000_000, bytes(10))
    for subject, predicate, target, dates in (
        (club, "partner_of", choir, {"from": "2020"}),
        (club, "organises", away, {}),
        (choir, "member_of", club, {"to": "2024"}),
        (choir, "supports", club, {"from": "2030"}),
    ):
        fields = {"subject": str(subject), "predicate": predicate, "object": str(target), **dates}
        desk.logs.state(DENIS, "relation", fields)
    desk.logs.state(DENIS, "content", {"name": "Article", "type": "article", "about": [str(club)]})
    desk.catch_up()
    found = listing_of(desk.projection.db, ["actor"], read_known(desk.projection.db), -1, NOW).links
    assert set(found[str(club)]) == {Link("partner_of", str(choir), True), Link("organises", str(away), True)}
    assert found[str(choir)] == [Link("partner_of", str(club), False)]


def test_links_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LINKS_MAX", 3)
    hub = actor(desk, "Carrefour")
    for number in range(5):
        other = actor(desk, f"n{number}")
        desk.logs.state(DENIS, "relation", {"subject": str(hub), "predicate": "partner_of", "object": str(other)})
    desk.catch_up()
    assert len(listing.links_of(desk.projection.db, [hub], NOW)[str(hub)]) == 3


def test_elements_are_counted_by_kind_and_type(desk: Desk) -> None:
    actor(desk, "a")
    actor(desk, "b", type="x-fanfare")
    desk.logs.state(DENIS, "theme", {"name": "Musique"})
    desk.catch_up()
    assert types_of(desk.projection.db) == {("actor", "association"): 1, ("actor", "x-fanfare"): 1, ("theme", ""): 1}
