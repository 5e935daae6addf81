# SPDX-License-Identifier: AGPL-3.0-or-later
"""Search finds what a plain look at every element finds, in the same order, whichever way it goes about it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from convergences_node.index import conditions, dated, near, ranking, rarest, sampling, search
from convergences_node.index import facets as facets_module
from convergences_node.index.answering import answer, answer_json
from convergences_node.index.coverage import Covered
from convergences_node.index.filters import make_filter
from convergences_node.index.known import read_known
from convergences_node.index.query import Box, Circle, Query
from convergences_node.index.remembered import Looked
from convergences_node.index.row import id_of
from convergences_node.index.views import Coverage
from convergences_protocol.element import ElementId

from .making import AGGLOMERATION, PIERREFITTE, SAINT_DENIS, STAINS, Desk, origin_of
from .naive import Naive
from .random_logs import ACTION_TYPES, ACTOR_TYPES, POINTS, WORDS, random_logs

QUESTIONS = 120
WINDOWS = (("2026-05", "2026-06"), ("2026-06-14", "2026-06-14"), ("2026", None), (None, "2026-01"), ("2028", "2030"))
DATES = ("1998", "2026-06-14", "2027", "2030")


def random_query(dice: random.Random, themes: list[str]) -> Query:
    """A question with each filter there or not."""
    asked: dict[str, Any] = {"limit": dice.choice((1, 3, 20, 200))}
    if dice.random() < 0.5:
        asked["text"] = " ".join(dice.choice(WORDS) for _ in range(dice.randrange(1, 3)))
    if dice.random() < 0.5:
        asked["kinds"] = tuple(dice.sample(("actor", "action", "place", "theme", "relation"), dice.randrange(1, 3)))
    if dice.random() < 0.3:
        asked["themes"] = (dice.choice(themes),)
    if dice.random() < 0.4:
        codes = (SAINT_DENIS, PIERREFITTE, STAINS, AGGLOMERATION, "FR-01001")
        asked["territories"] = tuple(dice.sample(codes, dice.randrange(1, 3)))
    if dice.random() < 0.2:
        asked["facets"] = (("type", dice.choice((*ACTOR_TYPES, *ACTION_TYPES, "nothing"))),)
    if dice.random() < 0.3:
        asked["since"], asked["until"] = dice.choice(WINDOWS)
    if dice.random() < 0.2:
        asked["at"] = dice.choice(DATES)
    if dice.random() < 0.3:
        asked |= random_place(dice)
    asked["sort"] = dice.choice(("name", "date", "newest", None))
    return Query(**asked)


def random_place(dice: random.Random) -> dict[str, Any]:
    lat, lon = dice.choice(POINTS)
    size = dice.choice((0, 10_000, 500_000, 20_000_000, 600_000_000))
    if dice.random() < 0.4:
        return {"circle": Circle(lat, lon, dice.choice((1, 2_000, 60_000, 400_000)))}
    south, north = max(lat - size, -900_000_000), min(lat + size, 900_000_000)
    return {"box": Box(lon - size, south, lon + size, north)}


@pytest.fixture(params=range(4))
def territory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Desk, Naive, random.Random]]:
    dice = random.Random(request.param)
    logs, speakers = random_logs(dice, records=160)
    yield Desk(tmp_path / "index.db", logs).catch_up(speakers=speakers), Naive.of(logs, speakers), dice


@pytest.mark.parametrize("own_bits", [True, False])
@pytest.mark.parametrize("few", [True, False])
def test_it_finds_what_looking_at_everything_finds(
    territory: tuple[Desk, Naive, random.Random], few: bool, own_bits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page after page, by every order. With `few` off, the ways for very many matches are taken for all questions; with
    `own_bits` off, no mask is believed."""
    desk, naive, dice = territory
    if not own_bits:
        monkeypatch.setattr(conditions, "is_sure", lambda _: False)
    if not few:
        monkeypatch.setattr(rarest, "RARE_MAX", -1)
        monkeypatch.setattr(search, "SORTED_MAX", -1)
        monkeypatch.setattr(search, "COUNT_MAX", 5)
        monkeypatch.setattr(search, "AROUND_MAX", 0)
        monkeypatch.setattr(near, "POINTS_MAX", 5)
        monkeypatch.setattr(conditions, "CHECKS_MAX", 1)
        monkeypatch.setattr(dated, "LISTS_MAX", 2)
    themes = [str(element) for element, (kind, _) in naive.states.items() if kind == "theme"]
    found_any = 0
    for _ in range(QUESTIONS):
        query = random_query(dice, themes)
        expected = naive.search(query)
        found = [item.id for item in desk.all(query)]
        if query.order == "relevance":
            assert sorted(found) == sorted(expected), query
        else:
            assert found == expected, query
        total = desk.ask(query).total
        if total.exact:
            assert total.count == len(expected), query
        found_any += bool(expected)
    assert found_any > QUESTIONS / 4, "most questions found nothing: they prove nothing"


def test_facets_count_what_is_found(territory: tuple[Desk, Naive, random.Random]) -> None:
    """For every facet value: as many as there are results when it is added to the question."""
    desk, naive, dice = territory
    themes = [str(element) for element, (kind, _) in naive.states.items() if kind == "theme"]
    for _ in range(QUESTIONS // 4):
        query = random_query(dice, themes)
        answer = facets_of(desk, query)
        assert answer.exact
        found = [ElementId.parse(id_) for id_ in naive.search(query)]
        assert answer.total.count == len(found), query
        for each in answer.counts.get("kind", ()):
            assert each.count == sum(naive.states[element][0] == each.value for element in found)
        for each in answer.counts.get("themes", ()):
            assert each.count == sum(each.value in naive.themes(element) for element in found)
            assert each.label == naive.states[ElementId.parse(each.value)][1]["name"]
        for each in answer.counts.get("territory", ()):
            assert each.count == sum(each.value in naive.territories(element) for element in found)
        for each in answer.counts.get("year", ()):
            years = [naive.begins(element) for element in found if naive.moments(element)]
            assert each.count == sum(year_of(second) == each.value for second in years)


@pytest.mark.parametrize("whole", [20, 2_000])
def test_a_sample_is_of_matches_and_is_all_of_them_where_they_are_few(
    territory: tuple[Desk, Naive, random.Random], whole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Along the lists by date, and in full-text search."""
    desk, naive, dice = territory
    for name, value in (("WHOLE_MAX", whole), ("LISTED_WHOLE_MAX", whole), ("SAMPLE", 10), ("SAMPLE_LEAST", 5)):
        monkeypatch.setattr(sampling, name, value)
    db, known = desk.projection.db, read_known(desk.projection.db)
    tags_of = dict(db.execute("SELECT id, tags FROM elements").fetchall())
    themes = [str(element) for element, (kind, _) in naive.states.items() if kind == "theme"]
    parts, looked = 0, Looked()
    for _ in range(QUESTIONS):
        query = random_query(dice, themes)
        wanted = make_filter(db, query, known, looked=looked)
        assert wanted == make_filter(db, query, known)
        expected = Counter(tuple(tags_of[id_of(ElementId.parse(each))].split()) for each in naive.search(query))
        if wanted.impossible:
            continue
        sample = sampling.sample_of(db, wanted, expected.total() if dice.random() < 0.5 else None)
        drawn = Counter(sample.tags)
        assert drawn == expected if sample.whole else drawn <= expected, query
        assert sample.whole or expected.total() > 5, query
        parts += not sample.whole
    assert bool(parts) == (whole == 20)


def test_counts_of_a_part_are_estimates_of_the_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As near as chance allows, whether or not what was written last is of one kind."""
    for name, value in (("WHOLE_MAX", 300), ("LISTED_WHOLE_MAX", 300), ("SAMPLE", 200), ("SAMPLE_LEAST", 10)):
        monkeypatch.setattr(sampling, name, value)
    origin = "convergences/FR-93066/0000000000000001"
    for number in range(800):
        type_ = "event" if number < 600 else "project"
        desk.logs.state(origin, "action", {"name": f"Bal {number}", "type": type_, "start": "2026-06-14"})
    desk.catch_up()
    for asked in ({"kind": "action", "at": "2026"}, {"kind": "action", "from": "2026-05"}):
        counted = desk.facets(**asked)
        assert not counted.exact
        assert counted.total.count == pytest.approx(800, rel=0.5)
        shares = {each.value: each.count / counted.total.count for each in counted.counts["type"]}
        assert shares == pytest.approx({"event": 0.75, "project": 0.25}, abs=0.15), asked


def test_a_total_by_dates_is_about_right_where_hundreds_begin_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every evening at six: neither the first evening alone nor all that is listed."""
    monkeypatch.setattr(dated, "COUNTED_MAX", 50)
    origin = "convergences/FR-93066/0000000000000001"
    for number in range(800):
        day = f"2026-06-{number % 8 + 1:02}"
        desk.logs.state(origin, "action", {"name": f"Bal {number}", "type": "event", "start": day})
    desk.catch_up()
    for since, expected in (("2026-05", 800), ("2026-06-05", 400)):
        total = desk.ask(Query.from_params({"kind": "action", "from": since})).total
        assert not total.exact
        assert total.count == pytest.approx(expected, rel=0.4)


def facets_of(desk: Desk, query: Query) -> Any:
    from convergences_node.index.answering import facets

    return facets(desk.projection.db, query, read_known(desk.projection.db))


def year_of(second: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(second, UTC).year:04}"


def test_the_name_that_was_typed_comes_first(desk: Desk) -> None:
    origin = "convergences/FR-93066/0000000000000001"
    for name, summary in [
        ("Concert de vélos", "Tout sur le théâtre et le vélo"),
        ("Vélo théâtre", "Une compagnie"),
        ("Théâtre", "Le vélo au théâtre, théâtre et vélo"),
        ("Compagnie", "vélo théâtre vélo théâtre"),
    ]:
        desk.logs.state(origin, "actor", {"name": name, "type": "association", "summary": summary})
    desk.catch_up()
    assert desk.names(q="vélo théâtre")[0] == "Vélo théâtre"
    assert desk.names(q="théâtres")[0] == "Théâtre"
    assert set(desk.names(q='"vélo théâtre"')) == {"Vélo théâtre", "Compagnie"}
    assert set(desk.names(q="vélo -compagnie")) == {"Concert de vélos", "Théâtre"}


def test_very_many_matches_are_weighed_in_part_and_say_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = "convergences/FR-93066/0000000000000001"
    desk.logs.state(origin, "actor", {"name": "Bal bal", "type": "association"})
    for number in range(30):
        desk.logs.state(origin, "actor", {"name": f"Cercle {number}", "type": "association", "summary": "Un bal"})
    desk.catch_up()
    assert desk.ask(q="bal").bounded is False
    monkeypatch.setattr(ranking, "RANKED_MAX", 10)
    monkeypatch.setattr(ranking, "CHAMPIONS_MAX", 5)
    answer = desk.ask(q="bal")
    assert answer.bounded
    assert answer.total.exact is False
    assert [item.name for item in answer.items] == ["Bal bal", *(f"Cercle {number}" for number in range(29, 24, -1))]


def test_pages_neither_repeat_nor_skip_while_records_arrive(desk: Desk) -> None:
    """What was there when the first page was read is shown exactly once, whatever is written between two pages."""
    origin, dice = "convergences/FR-93066/0000000000000001", random.Random(3)
    ids = [
        str(desk.logs.state(origin, "action", {"name": f"Bal {dice.randrange(99)}", "type": "event", "start": start}))
        for start in ("2026-05", "2026-06-01", "2026-06-02", "2026-07") * 6
    ]
    desk.catch_up()
    for sort in ("name", "date", "newest", None):
        seen: list[str] = []
        query: Query | None = Query(sort=sort, limit=5, text="bal" if sort is None else "")
        while query is not None:
            answer = desk.ask(query)
            seen += [item.id for item in answer.items]
            desk.logs.state(
                origin, "action", {"name": f"Bal {dice.randrange(99)}", "type": "event", "start": "2026-06"}
            )
            desk.catch_up()
            query = None if answer.cursor is None else Query(sort=sort, limit=5, text=query.text, cursor=answer.cursor)
        assert len(seen) == len(set(seen))
        assert set(ids) <= set(seen), sort
        ids = [item.id for item in desk.all(Query(limit=200))]


@pytest.mark.parametrize("looked_for_max", [facets_module.COUNTED_MAX, 0])
def test_what_merely_has_a_theme_is_found_by_its_name(
    desk: Desk, looked_for_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a broader theme's name too; what says so itself comes first; and a theme counts what asking for it finds."""
    monkeypatch.setattr(facets_module, "COUNTED_MAX", looked_for_max)
    origin = "convergences/FR-93066/0000000000000001"
    arts = str(desk.logs.state(origin, "theme", {"name": "Arts vivants"}))
    music = str(desk.logs.state(origin, "theme", {"name": "Musique et danse", "broader": arts}))
    actor = {"type": "association"}
    desk.logs.state(origin, "actor", {"name": "Fanfare", "themes": [music], **actor})
    desk.logs.state(origin, "actor", {"name": "Maison de la musique", **actor})
    desk.logs.state(origin, "actor", {"name": "Cirque", "themes": [arts, music], **actor})
    desk.logs.state(origin, "actor", {"name": "Club d'échecs", **actor})
    desk.catch_up()
    assert desk.names(q="musiques", kind="actor") == ["Maison de la musique", "Cirque", "Fanfare"]
    assert desk.names(q="fanfare arts", kind="actor") == ["Fanfare"]
    assert desk.names(q='"musique et danse"', kind="actor") == ["Cirque", "Fanfare"]
    assert desk.names(q='"danse musique"') == []
    assert desk.names(q="club -musique", sort="name") == ["Club d'échecs"]
    assert desk.names(q="cirque -danse") == []
    counted = desk.facets()
    found = {each.label: each.count for each in counted.counts["themes"]}
    assert (found["Musique et danse"], found["Arts vivants"]) == (2, 2 if looked_for_max else 3)
    assert counted.exact == bool(looked_for_max)
    assert len(desk.names(theme=arts)) == 2
    (only,) = desk.facets(q="fanfare").counts["themes"][1:]
    assert (only.label, only.count) in (("Arts vivants", 1), ("Musique et danse", 1))


def test_small_words_are_left_out_unless_they_are_all(desk: Desk) -> None:
    desk.logs.state("convergences/FR-93066/0000000000000001", "actor", {"name": "Le Bal de l'Été", "type": "company"})
    desk.catch_up()
    assert desk.names(q="un bal pour les étés") == ["Le Bal de l'Été"]
    assert desk.names(q="de") == ["Le Bal de l'Été"]
    assert desk.names(q="avec") == []


def test_an_answer_put_together_is_the_one_that_would_be_encoded(
    territory: tuple[Desk, Naive, random.Random],
) -> None:
    """Byte for byte: its cards, made when records were taken in, and its coverage, made when that changed."""
    desk, naive, dice = territory
    db, known = desk.projection.db, read_known(desk.projection.db)
    lines = tuple(
        Coverage(territory=code, origin=origin_of(code), name='N"o\\m', size=9, applied=8)
        for code in (SAINT_DENIS, PIERREFITTE)
    )
    themes = [str(element) for element, (kind, _) in naive.states.items() if kind == "theme"]
    for _ in range(QUESTIONS):
        query = random_query(dice, themes)
        whole = answer(db, query, known, lines)
        assert answer_json(db, query, known, Covered.of(lines)) == msgspec.json.encode(whole), query
