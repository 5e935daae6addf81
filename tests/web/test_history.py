# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who changed what, when, for a person; and what is left to say of what is gone."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.web.differences import ADDED, PARTS_MAX, REMOVED, SAME, Piece, differences
from convergences_node.web.page_history import EVENTS_MAX
from convergences_protocol.element import ElementId
from convergences_protocol.erasure import Erasure

from .small_town import SmallTown

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "conformance" / "blns" / "blns.json"


def side(pieces: tuple[Piece, ...], way: str) -> str:
    return "".join(piece.text for piece in pieces if piece.way in (SAME, way))


# -------------------------------------------------------------------------------------------------------- two texts
def test_a_changed_word_is_shown_beside_the_one_it_replaces() -> None:
    found = differences("On y répare son vélo le mardi.", "On y répare son vélo le jeudi soir.")
    assert [(piece.way, piece.text.strip()) for piece in found] == [
        (SAME, "On y répare son vélo le"),
        (REMOVED, "mardi"),
        (ADDED, "jeudi soir"),
        (SAME, "."),
    ]


def test_both_texts_are_in_the_differences() -> None:
    """Short ones whole: what stays and what is gone is the first, what stays and what is new is the second."""
    chance = random.Random(4)
    for _ in range(300):
        words = [chance.choice(("un", "deux", "trois", " ", "\n", "!", "é")) for _ in range(chance.randrange(20))]
        other = [each for each in words if chance.random() < 0.7] + [chance.choice(("quatre", " "))]
        before, after = " ".join(words), " ".join(other)
        found = differences(before, after)
        assert side(found, ADDED).split() == after.split()
        assert side(found, REMOVED).split() == before.split()


def test_naughty_texts_are_compared() -> None:
    if not NAUGHTY.exists():
        pytest.skip(f"no naughty strings at {NAUGHTY}")
    texts: list[str] = json.loads(NAUGHTY.read_text("utf-8"))
    for first, second in pairwise(texts):
        differences(first, second)


def test_what_stays_is_shortened_around_the_change() -> None:
    long = " ".join(f"mot{number}" for number in range(2_000))
    found = differences(f"{long} mardi {long}", f"{long} jeudi {long}")
    assert len("".join(piece.text for piece in found)) < 400
    assert [piece.way for piece in found] == [SAME, REMOVED, ADDED, SAME]


def test_two_long_texts_without_a_word_in_common_take_no_time() -> None:
    """60 KB each: the one is shown replaced by the other, cut."""
    found = differences("a b " * 15_000, "c d " * 15_000)
    assert [piece.way for piece in found] == [REMOVED, ADDED]
    assert sum(len(piece.text) for piece in found) < 10_000
    assert PARTS_MAX < 2_000


# ------------------------------------------------------------------------------------------------------------- pages
async def test_a_change_is_read_field_by_field(client: TestClient, town: SmallTown) -> None:
    """Old and new, in words, with words for those who do not see colours."""
    html = await (await client.get(f"/e/{town.elements['changed']}/histoire")).text()
    assert "Histoire de" in html
    text = re.sub(r"\s+", " ", html)
    assert re.search(r"<h3>Nom</h3>.*?<del>.*?Ancien ?</del> <ins>.*?Nouveau ?</ins> ?nom", text), text
    assert re.search(r"<h3>Sorte</h3>.*?<del>Entreprise</del>.*?<ins>Association</ins>", text)
    assert re.search(r"<h3>Site web</h3>.*?Après.*?https://nouveau.example", text)
    assert "Avant" in text
    assert text.index("Fiche modifiée") < text.index("Fiche créée")


async def test_the_page_of_an_element_says_the_last_changes_and_leads_to_all(
    client: TestClient, town: SmallTown
) -> None:
    html = await (await client.get(f"/e/{town.elements['changed']}")).text()
    assert f'href="/e/{town.elements["changed"]}/histoire"' in html
    assert "Nom, Sorte, Site web" in html


async def test_a_long_history_has_pages(client: TestClient, town: SmallTown) -> None:
    """Every change once, each compared with the one before it, across the pages too."""
    (placed,) = await town.archive.append([NewRecord("actor", {"name": "N 0", "type": "company"})])
    for number in range(1, 2 * EVENTS_MAX + 5):
        placed = await town.change(placed, "actor", {"name": f"N {number}", "type": "company"})
    await town.index.catch_up()
    seen: list[str] = []
    for page in (1, 2, 3):
        html = await (await client.get(f"/e/{placed.element}/histoire?page={page}")).text()
        seen += re.findall(r"<ins>.*?</span>(\d+)</ins>", html)
        assert ("Plus ancien" in html) == (page < 3)
        assert ("Plus récent" in html) == (page > 1)
    assert seen == [str(number) for number in range(2 * EVENTS_MAX + 4, 0, -1)]
    for wrong in ("0", "x", "1001", "-1"):
        assert (await client.get(f"/e/{placed.element}/histoire?page={wrong}")).status == 400
    assert (await client.get(f"/e/{placed.element}/histoire?page=4")).status == 404


async def test_what_was_withdrawn_is_gone_and_says_so(client: TestClient, town: SmallTown) -> None:
    gone = town.elements["withdrawn"]
    answer = await client.get(f"/e/{gone}")
    html = await answer.text()
    assert answer.status == 410
    assert "retirée" in html
    assert "Parti sans laisser" not in html
    for path in (
        f"/e/{gone}.ics",
        f"/api/v1/elements/{gone}",
        f"/cadre/e/{gone}",
        f"/api/v1/elements/{gone}/relations",
    ):
        assert (await client.get(path)).status == 410, path
    assert (await client.get(f"/e/{gone}/histoire")).status == 200


async def test_of_what_was_erased_no_word_is_left(client: TestClient, town: SmallTown) -> None:
    """410 with a sentence; its history says that something was written and erased, and not what."""
    person = await town.add("actor", "Camille Personne", type="person", summary="Répare des accordéons.")
    await town.index.catch_up()
    assert (await client.get(f"/e/{person}")).status == 200
    await town.archive.erase(Erasure("asked for", ElementId.parse(person)), at_once=True)
    await town.index.catch_up()
    for path in (f"/e/{person}", f"/e/{person}/histoire"):
        answer = await client.get(path)
        html = await answer.text()
        assert "Camille" not in html, path
        assert "accordéons" not in html, path
        assert "effacée" in html, path
    assert (await client.get(f"/e/{person}")).status == 410


@pytest.mark.parametrize("path", ["/e/FR-93066:01a1f82f-1e80-7a5a-8000-ffffffffffff", "/e/rien", "/e/rien/histoire"])
async def test_what_never_was_is_not_found(client: TestClient, path: str) -> None:
    assert (await client.get(path)).status == 404
