# SPDX-License-Identifier: AGPL-3.0-or-later
"""What two lists say of one: one card that names the other, both facts side by side, and both in what is taken away."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from .small_town import SmallTown
from .test_element import page, text_of


@pytest.fixture
async def two(town: SmallTown) -> tuple[str, str]:
    """A club that the town hall and a network have both written down, and somebody has said so."""
    one = await town.add("actor", "Cercle des échecs", type="association", source="mairie", address="1 rue du Nord")
    town.clock[0] += 60  # births of one millisecond have no order
    other = await town.add(
        "actor", "CDE Saint-Denis", type="association", source="réseau des clubs", address="1, r. du Nord"
    )
    await town.add("relation", "le même", subject=one, predicate="same_as", object=other)
    await town.index.catch_up()
    return one, other


async def test_a_list_has_one_card_that_names_the_other(client: TestClient, two: tuple[str, str]) -> None:
    """Found by either name; in a search for both, the older one has the card."""
    for asked, shown, named in (
        ("échecs", "Cercle des échecs", "CDE Saint-Denis, d’après réseau des clubs"),
        ("CDE", "CDE Saint-Denis", "Cercle des échecs, d’après mairie"),
    ):
        html = await page(client, asked, "/?q={}")
        assert f">{shown}</a>" in html
        assert f"Aussi connu comme {named}" in text_of(html)
    both = text_of(await page(client, "Nord", "/?q={}"))
    assert "Cercle des échecs" in both
    assert "1 fiche est réunie avec une autre" in both
    assert "2 résultats" in both


async def test_the_element_shows_what_each_source_says(client: TestClient, two: tuple[str, str]) -> None:
    one, other = two
    html = await page(client, one)
    text = text_of(html)
    assert "Ce qu’en disent les autres" in text
    assert f'<a href="/e/{other}"' in html
    assert "Adresse 1 rue du Nord 1, r. du Nord" in text
    assert 'class="differs"><th scope="row" role="rowheader">Adresse</th>' in html
    assert "Cercle des échecs" in text_of(await page(client, other))


async def test_the_api_names_the_other_and_gives_both(client: TestClient, two: tuple[str, str]) -> None:
    """A search folds; the element says what it is the same as; what is taken away has both, each by itself."""
    one, other = two
    found = await (await client.get("/api/v1/search", params={"q": "Nord"})).json()
    assert [item["id"] for item in found["items"]] == [one]
    assert (found["total"]["count"], found["folded"]) == (2, 1)
    named = {"id": other, "name": "CDE Saint-Denis", "territory": "FR-93066", "source": "réseau des clubs"}
    assert found["items"][0]["same"] == [named]
    view = await (await client.get(f"/api/v1/elements/{one}")).json()
    assert view["same"] == [named]
    table = (await (await client.get("/search.csv", params={"q": "Nord"})).read()).decode("utf-8-sig")
    assert all(each in table for each in two)
