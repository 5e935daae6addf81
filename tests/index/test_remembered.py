# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was looked up is used again as long as the index says the same, and no longer."""

from __future__ import annotations

import pytest
from convergences_node.index import answering, remembered
from convergences_node.index.known import read_known
from convergences_node.index.query import Query
from convergences_node.index.remembered import Looked, RememberedLooks

from .making import Desk

ORIGIN = "convergences/FR-93066/0000000000000001"


def test_a_memory_is_of_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """While something is taken in there is none, and one that is full makes way for another."""
    looks = RememberedLooks()
    first = looks.of(1)
    first.tags[7] = ("1", "2")
    assert looks.of(1) is first
    assert looks.of(None) == Looked()
    assert looks.of(1) is first
    assert looks.of(2) == Looked()
    assert looks.of(1) == Looked(), "what was before does not come back"
    monkeypatch.setattr(remembered, "TAGS_KEPT_MAX", 1)
    full = looks.of(1)
    full.tags.update({1: (), 2: ()})
    assert looks.of(1) == Looked()


def test_what_was_looked_up_is_not_looked_up_again(desk: Desk) -> None:
    """Answers and counts of one state are the same with it and without it, and ask the file less."""
    for number in range(40):
        fields = {"name": f"Bal {number}", "type": ("event", "project")[number % 2], "start": "2026-06-14"}
        desk.logs.state(ORIGIN, "action", fields)
    desk.catch_up()
    db, looked = desk.projection.db, Looked()
    known = read_known(db)
    query = Query(kinds=("action",), facets=(("type", "event"),))
    plain = answering.facets(db, query, known), answering.answer(db, query, known, ())

    def asked() -> int:
        statements: list[str] = []
        db.set_trace_callback(statements.append)
        both = answering.facets(db, query, known, looked), answering.answer(db, query, known, (), looked=looked)
        db.set_trace_callback(None)
        assert both == plain
        return sum("tags" in statement for statement in statements)

    assert asked() > 0
    assert len(looked.tags) == 20
    assert asked() == 0
