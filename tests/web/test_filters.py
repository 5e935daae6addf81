# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each link beside an answer leads to the question that it says, however many are written at once."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from convergences_node.index.query import Circle, Query
from convergences_node.index.views import FacetCount, Facets, Total
from convergences_node.web.cards import Reading
from convergences_node.web.filters import FACETS_SHOWN, groups, page_link, toggled
from convergences_node.web.messages import catalogue

READING = Reading(catalogue("fr"), ZoneInfo("Europe/Paris"), 1_795_000_000, "fr", "fr", view="carte")
VALUES = ("action", "FR-93066", "2026", "%00", "a=b&c+d é", "event")

QUESTIONS = (
    Query(),
    Query(text="vélo %00 & co", kinds=("action", "place"), themes=("a",), sort="name", cursor="x", limit=40),
    Query(facets=(("type", "event"), ("status", "planned")), since="2026", until="2026", at="2026-05"),
    Query(territories=("FR-93066",), circle=Circle(489_000_000, 23_000_000, 500), depth=2, facets=(("type", "a=b"),)),
)


@pytest.mark.parametrize("asked", QUESTIONS, ids=range(len(QUESTIONS)))
def test_a_value_is_chosen_or_taken_back_by_its_own_link(asked: Query) -> None:
    counts = {key: tuple(FacetCount(value=value, count=7) for value in VALUES) for key in FACETS_SHOWN}
    shown = groups(READING, asked, Facets(counts=counts, total=Total(count=7)))
    assert [group.key for group in shown] == list(FACETS_SHOWN)
    for group in shown:
        expected = [toggled(asked, group.key, value) for value in VALUES]
        assert [choice.href for choice in group.choices] == [page_link(READING, query) for query, _ in expected]
        assert [choice.chosen for choice in group.choices] == [is_chosen for _, is_chosen in expected]
