# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing that a person types is a traceback: not as a question, a parameter, a cursor, or a name to be indexed."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from convergences_node.index import cursors
from convergences_node.index.normalise import words
from convergences_node.index.query import PARAMETERS, TEXT_CHARS_MAX, Query
from convergences_protocol.errors import Refused
from hypothesis import given, settings
from hypothesis import strategies as st

from .making import SAINT_DENIS, Desk, Logs, origin_of

NAUGHTY = Path(__file__).resolve().parents[3] / "shared" / "data" / "conformance" / "blns" / "blns.json"
ORIGIN = origin_of(SAINT_DENIS)
SYNTAX = [
    '"',
    '"a',
    "a*",
    "*",
    "^a",
    "a AND",
    "AND OR NOT",
    "NEAR(a b, 2)",
    "{a b} : c",
    "a : b",
    "(a",
    "a)",
    "-",
    "--",
    "-a",
    '-"',
    "a -b -c",
    '""',
    "'; DROP TABLE words; --",
    "\ue0001",
    "\ue001w18",
    "\x00",
    "a\x00b",
    "words MATCH 'a'",
    "rowid:1",
    "+a",
    "a NOT b",
    "%_",
    "\\",
    "𝒱élo",
    "vé\u200blo",
    "🚲",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("naughty") / "index.db", Logs())
    desk.logs.state(ORIGIN, "actor", {"name": "A b c vélo", "type": "association"})
    return desk.catch_up()


@pytest.fixture(scope="module")
def naughty() -> list[str]:
    if not NAUGHTY.exists():
        warnings.warn(f"the naughty strings are not at {NAUGHTY}: only our own were tried", stacklevel=2)
        pytest.skip("the big list of naughty strings is not beside this repository")
    found = json.loads(NAUGHTY.read_text("utf-8"))
    assert len(found) > 400
    return [str(text) for text in found]


def ask(desk: Desk, **params: str) -> None:
    """Ask; a refusal with faults is an answer too."""
    try:
        desk.ask(None, **params)
        desk.facets(**params)
    except Refused as refused:
        assert refused.faults


@pytest.mark.parametrize("text", SYNTAX)
def test_the_syntax_of_full_text_search_is_only_words(small: Desk, text: str) -> None:
    ask(small, q=text)
    ask(small, q=text, sort="name")
    ask(small, q=text, sort="date", **{"from": "2026"})


def test_naughty_strings_are_only_words(small: Desk, naughty: list[str]) -> None:
    for text in naughty:
        ask(small, q=text[:TEXT_CHARS_MAX])
        ask(small, q=text[:TEXT_CHARS_MAX], sort="date")


def test_naughty_strings_in_any_parameter_are_faults(small: Desk, naughty: list[str]) -> None:
    for name in (*PARAMETERS, "cursor", "facet.type", "facet.themes"):
        for text in naughty[::7]:
            ask(small, **{name: text})
    for text in naughty:
        ask(small, **{text: "1"})


def test_naughty_names_are_found_by_themselves(naughty: list[str], tmp_path: Path) -> None:
    """Each string that has words finds the element that is named so, among all the others."""
    desk = Desk(tmp_path / "index.db", Logs())
    named: dict[str, str] = {}
    for text in naughty:
        try:
            named[text] = str(desk.logs.state(ORIGIN, "actor", {"name": text, "type": "company", "summary": text}))
        except Refused:
            continue
    desk.catch_up()
    desk.is_sound()
    assert len(named) > 300
    for text, id_ in named.items():
        if words(text) and len(text) <= TEXT_CHARS_MAX and '"' not in text and not set(text.split()) & {"-"}:
            if any(piece.startswith("-") for piece in text.split()):
                continue
            assert id_ in {item.id for item in desk.all(Query(text=text, limit=200))}, text


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_question(small: Desk, text: str) -> None:
    ask(small, q=text)


@given(st.dictionaries(st.sampled_from([*PARAMETERS, "cursor", "facet.type", "x"]), st.text(max_size=30), max_size=4))
def test_any_parameters_are_a_question_or_faults(params: dict[str, str]) -> None:
    try:
        query = Query.from_params(params)
    except Refused as refused:
        assert refused.faults
        assert all(fault.code and fault.path is not None for fault in refused.faults)
    else:
        again = Query.from_params(dict(query.to_params()))
        assert again == query


@given(st.text(max_size=100))
def test_any_cursor_is_a_place_or_none(text: str) -> None:
    cursors.read(text)


def test_a_cursor_belongs_to_its_question() -> None:
    query = Query(text="vélo", kinds=("actor",))
    cursor = cursors.write(query, -12, 34, 1, True)
    assert Query.from_params({"q": "vélo", "kind": "actor", "limit": "5", "cursor": cursor}).cursor == cursor
    with pytest.raises(Refused) as refused:
        Query.from_params({"q": "velo", "cursor": cursor})
    assert [(fault.path, fault.code) for fault in refused.value.faults] == [("cursor", "not_a_cursor")]


def test_a_cursor_with_the_wrong_sort_of_key_is_refused(small: Desk) -> None:
    for key in (1, "text", -(1 << 62)):
        for sort in ("name", "date", "newest"):
            query = Query(sort=sort)
            ask(small, sort=sort, cursor=cursors.write(query, key, 5, 1, True))


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Refused) as refused:
        Query.from_params({"from": "demain", "box": "1,2", "limit": "0", "sort": "best", "colour": "red", "depth": "9"})
    assert {fault.path for fault in refused.value.faults} == {"from", "box", "limit", "sort", "colour", "depth"}
