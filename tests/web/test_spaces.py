# SPDX-License-Identifier: AGPL-3.0-or-later
"""Actors' own spaces: addresses that outlive names, colours that can always be read, and all that belongs there."""

from __future__ import annotations

import re
from random import Random

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.web.colours import MARK, TEXT, Colour, contrast, read_colour
from convergences_node.web.monogram import band, initials, monogram
from convergences_node.web.page_space import sheet
from convergences_node.web.slugs import SLUG_CHARS_MAX, read_slug, slug_of

from .small_town import MEAN_NAME, SmallTown

CLUB = "Atelier vélo du Canal"


def path_of(town: SmallTown, name: str) -> str:
    return f"/acteurs/{slug_of(name, town.elements[name])}"


async def test_a_space_shows_all_that_belongs_to_its_actor(client: TestClient, town: SmallTown) -> None:
    html = await (await client.get(f"{path_of(town, CLUB)}?lang=fr")).text()
    assert "<h1>Atelier vélo du Canal</h1>" in html
    assert "mardi 24 novembre" in html  # the weekly workshop that it organises
    assert html.count("Réparer son vélo") > 2
    assert "<strong>mardi</strong>" in html
    assert "bonjour@velo.example" in html
    assert "style=" not in html
    assert "<script" not in html


async def test_the_name_alone_leads_there(client: TestClient, town: SmallTown) -> None:
    for typed in ("atelier-velo-du-canal", "Atelier-vélo-du-Canal", "ATELIER VELO DU CANAL"):
        answer = await client.get(f"/acteurs/{typed}?lang=en", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (307, f"{path_of(town, CLUB)}?lang=en")


async def test_an_address_outlives_the_name(client: TestClient, town: SmallTown) -> None:
    (placed,) = await town.archive.append([NewRecord("actor", {"name": "Les Amis du Rail", "type": "association"})])
    await town.index.catch_up()
    old = f"/acteurs/{slug_of('Les Amis du Rail', str(placed.element))}"
    assert (await client.get(old)).status == 200
    await town.change(placed, "actor", {"name": "Rail et Canal", "type": "association"})
    await town.index.catch_up()
    answer = await client.get(old, allow_redirects=False)
    assert answer.status == 308
    assert answer.headers["Location"].startswith("/acteurs/rail-et-canal-")
    assert (await client.get(old)).status == 200
    assert (await client.get("/acteurs/amis-du-rail")).status == 404


async def test_two_of_one_name_have_two_addresses_and_the_older_one_has_the_name(
    client: TestClient, town: SmallTown
) -> None:
    first = path_of(town, CLUB)
    await town.add("actor", CLUB, type="company")
    await town.index.catch_up()
    assert path_of(town, CLUB) != first
    assert (await client.get(path_of(town, CLUB), allow_redirects=False)).status == 200
    answer = await client.get("/acteurs/atelier-velo-du-canal", allow_redirects=False)
    assert answer.headers["Location"] == first


@pytest.mark.parametrize("slug", ["personne", "a" * 70, "0000000000", "%F0%9F%9A%B2", "%00", "maison-des-associations"])
async def test_what_is_no_actor_has_no_space(client: TestClient, slug: str) -> None:
    answer = await client.get(f"/acteurs/{slug}", headers={"Accept": "text/html"})
    assert answer.status == 404
    assert "text/html" in answer.headers["Content-Type"]


async def test_a_hostile_name_is_only_text(client: TestClient, town: SmallTown) -> None:
    answer = await client.get(path_of(town, MEAN_NAME))
    assert answer.status == 200
    assert "<b>Éric" not in await answer.text()


async def test_its_colours_come_in_a_sheet_of_their_own(client: TestClient, town: SmallTown) -> None:
    await town.add("actor", "Fanfare", type="collective", colours=["#ffd84d", "#0b5864"])
    await town.index.catch_up()
    html = await (await client.get(path_of(town, "Fanfare"))).text()
    (address,) = re.findall(r'href="(/acteurs/[^"]*\.css)"', html)
    answer = await client.get(address)
    assert answer.content_type == "text/css"
    assert "--banner: #ffd84d" in await answer.text()
    again = await client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    plain = await (await client.get(path_of(town, CLUB))).text()
    assert not re.search(r'href="/acteurs/[^"]*\.css"', plain)


def test_any_colours_can_be_read() -> None:
    dice = Random(11)
    for _ in range(300):
        chosen = tuple(Colour(*dice.randbytes(3)) for _ in range(dice.choice((1, 2))))
        text = sheet(chosen)
        head = {name: read_colour(value) for name, value in re.findall(r"--(\S*banner\S*): (\S+);", text)}
        assert contrast(head["banner"], head["on-banner"]) >= TEXT  # type: ignore[arg-type]
        assert contrast(head["banner"], head["banner-mark"]) >= MARK  # type: ignore[arg-type]
        for paper, accent in re.findall(r"--paper: (\S+);.*?--accent: (\S+);", text):
            assert contrast(read_colour(paper), read_colour(accent)) >= TEXT  # type: ignore[arg-type]


def test_a_slug_is_bounded_and_says_when_its_element_was_born() -> None:
    element = "FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
    slug = slug_of("L’Été des Murs, édition n° 3 ! " * 5, element)
    assert slug.startswith("ete-des-murs-edition-n-3")
    assert len(slug) <= SLUG_CHARS_MAX
    tail = read_slug(slug).birth
    assert tail is not None
    assert read_slug(slug_of("🚲", element)).birth == tail
    assert read_slug("atelier-velo").birth is None


def test_a_mark_is_made_of_what_the_name_says() -> None:
    assert initials("Atelier vélo du Canal") == "AV"
    assert initials("L’Étoile du 93") == "É9"
    assert initials("🚲") == "·"
    assert "·" in monogram("< <")
    assert band("a") == band("a") != band("b")
