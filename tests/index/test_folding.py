# SPDX-License-Identifier: AGPL-3.0-or-later
"""Elements that are the same have one item in an answer, whoever asks for which of them, and neither is lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from convergences_node.index.answering import answer, answer_json, marks
from convergences_node.index.coverage import Covered
from convergences_node.index.folding import GROUP_MAX, groups_of
from convergences_node.index.known import read_known
from convergences_node.index.query import Query
from convergences_node.index.views import Answer
from convergences_protocol.element import ElementId

from .making import SAINT_DENIS, STAINS, Desk, origin_of

DENIS, STAINS_LOG = origin_of(SAINT_DENIS), origin_of(STAINS)


def actor(desk: Desk, name: str, origin: str = DENIS, **more: Any) -> ElementId:
    return desk.logs.state(origin, "actor", {"name": name, "type": "association", **more})


def same(desk: Desk, one: ElementId, other: ElementId, origin: str = DENIS, **more: Any) -> ElementId:
    return desk.logs.state(
        origin, "relation", {"subject": str(one), "predicate": "same_as", "object": str(other), **more}
    )


def asked(desk: Desk, own: Collection[str] = (DENIS,), **params: str | Sequence[str]) -> Answer:
    """An answer, which is the same as JSON."""
    db, query = desk.projection.db, Query.from_params(params)
    known = read_known(db)
    groups = groups_of(known, own)
    found = answer(db, query, known, (), groups)
    assert answer_json(db, query, known, Covered.of(()), groups) == msgspec.json.encode(found)
    return found


def test_two_that_are_one_have_one_mark_on_a_map(desk: Desk) -> None:
    """The oldest has it; if that one has no point, the other, or the place would not be on the map at all."""
    here, there = [489_360_000, 23_540_000], [489_360_100, 23_540_100]
    one, other = actor(desk, "Fanfare", location=here), actor(desk, "La fanfare", location=there)
    nowhere, somewhere = actor(desk, "Cirque"), actor(desk, "Le cirque", location=there)
    actor(desk, "Théâtre", location=here)
    same(desk, one, other)
    same(desk, nowhere, somewhere)
    desk.catch_up()
    db = desk.projection.db
    known = read_known(db)
    found = marks(db, Query(kinds=("actor",)), known, groups_of(known, (DENIS,)))
    assert sorted(mark.name for mark in found.marks) == ["Fanfare", "Le cirque", "Théâtre"]
    assert found.complete
    assert len(marks(db, Query(kinds=("actor",)), known).marks) == 4


def named(found: Answer) -> list[tuple[str, list[str]]]:
    return [(item.name, [each.name for each in item.same]) for item in found.items]


@pytest.mark.parametrize("sort", ["relevance", "name", "newest", "date"])
def test_two_that_are_one_have_one_item_in_every_order(desk: Desk, sort: str) -> None:
    one, other = actor(desk, "Fanfare Une", source="mairie"), actor(desk, "Fanfare Autre", source="réseau")
    actor(desk, "Fanfare Troisième")
    same(desk, one, other)
    desk.catch_up()
    found = asked(desk, q="fanfare", sort=sort)
    assert sorted(named(found)) == [("Fanfare Troisième", []), ("Fanfare Une", ["Fanfare Autre"])]
    assert (found.total.count, found.folded) == (3, 1)
    (item,) = [item for item in found.items if item.same]
    assert item.same[0].source == "réseau"
    assert item.same[0].id == str(other)


def test_each_is_found_by_its_own_words(desk: Desk) -> None:
    one, other = actor(desk, "Fanfare"), actor(desk, "Harmonie")
    same(desk, one, other)
    desk.catch_up()
    assert named(asked(desk, q="fanfare")) == [("Fanfare", ["Harmonie"])]
    assert named(asked(desk, q="harmonie")) == [("Harmonie", ["Fanfare"])]
    assert asked(desk, q="harmonie").folded == 0


def test_on_whatever_page_nothing_comes_twice_or_not_at_all(desk: Desk) -> None:
    """The younger one, met first, waits for the older one's page."""
    elements = [actor(desk, f"Chorale {n:02}") for n in range(9)]
    same(desk, elements[0], elements[8])
    same(desk, elements[3], elements[4])
    desk.catch_up()
    seen: list[str] = []
    params: dict[str, str] = {"q": "chorale", "sort": "newest", "limit": "2"}
    while True:
        found = asked(desk, **params)
        seen += [item.name for item in found.items]
        if found.cursor is None:
            break
        params["cursor"] = found.cursor
    assert sorted(seen) == [f"Chorale {n:02}" for n in range(9) if n not in {4, 8}]


def test_what_is_said_of_three_is_said_of_each(desk: Desk) -> None:
    one, two, three = (actor(desk, f"Amap {n}") for n in range(3))
    same(desk, one, two)
    same(desk, three, two)
    desk.catch_up()
    assert named(asked(desk, q="amap")) == [("Amap 0", ["Amap 1", "Amap 2"])]


def test_a_neighbour_makes_nobody_vanish(desk: Desk) -> None:
    """What one town alone says of another's folds nothing, but at its own node; if both say it, everywhere."""
    one, other = actor(desk, "Cirque"), actor(desk, "Cirque voisin", STAINS_LOG)
    same(desk, one, other)
    desk.catch_up()
    assert len(asked(desk, own=(), q="cirque").items) == 2
    assert len(asked(desk, own=(DENIS,), q="cirque").items) == 1
    same(desk, other, one, STAINS_LOG)
    desk.catch_up()
    assert len(asked(desk, own=(), q="cirque").items) == 1


def test_what_was_withdrawn_or_has_ended_folds_nothing(desk: Desk) -> None:
    one, other, third = (actor(desk, f"Club {n}") for n in range(3))
    said = same(desk, one, other)
    same(desk, one, third, to="2020")
    desk.catch_up()
    desk.projection.tables.nesting_changed = False
    assert len(asked(desk, q="club").items) == 2
    desk.logs.withdraw(DENIS, said, "relation")
    desk.catch_up()
    assert desk.projection.tables.nesting_changed, "what is known is read again"
    assert len(asked(desk, q="club").items) == 3


def test_one_that_is_not_here_is_not_named(desk: Desk) -> None:
    one, other = actor(desk, "Ici"), actor(desk, "Là-bas", STAINS_LOG)
    same(desk, one, other)
    desk.catch_up([DENIS])
    assert named(asked(desk, q="ici")) == [("Ici", [])]


def test_a_group_has_a_bound(desk: Desk) -> None:
    """A chain of a hundred relations is no group of a hundred."""
    elements = [actor(desk, f"Maillon {n}") for n in range(GROUP_MAX + 5)]
    for one, other in pairwise(elements):
        same(desk, one, other)
    desk.catch_up()
    groups = groups_of(read_known(desk.projection.db), (DENIS,))
    assert max(map(len, groups.values())) == GROUP_MAX
