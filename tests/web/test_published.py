# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is published on one thing shows everywhere it belongs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.index import belonging, published

from .small_town import TERRITORY, SmallTown

ARTICLE = "Les équilibristes de la place"
EVERYWHERE = (
    "show",
    "festival",
    "circus",
    "town",
    "town hall",
    "partnership",
    "period",
    "area",
    "agglomeration",
    "theme",
    "theme above",
)


@pytest.fixture
async def season(town: SmallTown) -> Mapping[str, str]:
    """A circus show within a summer festival carried by the town, with an article about the show alone."""
    add = town.add
    theme = await add("theme", "Spectacle vivant")
    circus_theme = await add("theme", "Cirque", broader=theme)
    area = await add("place", "Quartier Pleyel", type="x-quartier", town=TERRITORY)
    square = await add("place", "Place de la Fête", type="x-place", town=TERRITORY)
    hall = await add("actor", "Ville de Saint-Denis", type="institution", town=TERRITORY)
    circus = await add("actor", "Cirque des Ondes", type="collective", themes=[circus_theme])
    period = await add("action", "Été 2027", type="x-saison", start="2027-06", end="2027-09")
    festival = await add("action", "Festival de l’été", type="festival", start="2027-07-01", end="2027-07-04")
    show = await add("action", "La Grande Bascule", type="event", start="2027-07-02T20:00+02:00")
    await add(
        "territory", "Plaine Commune", code="FR-200057867", type="epci", within=["FR-93"]
    )  # fmt: skip
    await add("relation", "carries", subject=hall, predicate="organises", object=festival)
    await add("relation", "plays", subject=circus, predicate="organises", object=show)
    await add("relation", "within", subject=show, predicate="part_of", object=festival)
    await add("relation", "season", subject=festival, predicate="part_of", object=period)
    await add("relation", "where", subject=show, predicate="hosted_at", object=square)
    await add("relation", "quarter", subject=square, predicate="part_of", object=area)
    partnership = await add("relation", "partners", subject=circus, predicate="partner_of", object=hall)
    article = await add("content", ARTICLE, type="article", about=[show], published="2027-07-03", text="Sur un fil.")
    await town.index.catch_up()
    elements = town.elements
    return {
        "show": show,
        "festival": festival,
        "circus": circus,
        "town": elements["Saint-Denis"],
        "town hall": hall,
        "partnership": partnership,
        "period": period,
        "area": area,
        "agglomeration": elements["Plaine Commune"],
        "theme": circus_theme,
        "theme above": theme,
        "article": article,
        "stranger": elements["Chœur des Joncherolles"],
    }


def published_in(html: str) -> list[str]:
    """The titles in the list of what is published."""
    listed = re.search(r'<ul class="publications">(.*?)</ul>', html, re.S)
    return re.findall(r'<a href="[^"]*">([^<]*)</a>\s*<p class="soft">', listed[1]) if listed else []


@pytest.mark.parametrize(("starts", "portion"), [(300, 1_000), (0, 1_000), (0, 1), (1, 2)])
async def test_an_article_about_a_show_is_seen_everywhere_it_belongs(
    town: SmallTown,
    client: TestClient,
    season: Mapping[str, str],
    starts: int,
    portion: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the show, the festival, the circus, the town, the partnership, the period, the area and the theme; and not
    where it does not belong. From above and from below, and behind what was published since."""
    monkeypatch.setattr(published, "STARTS_MAX", starts)
    monkeypatch.setattr(published, "PORTION", portion)
    for number in range(3):
        await town.add("content", f"Autre chose {number}", type="article", about=[season["stranger"]])
    await town.index.catch_up()
    seen = {}
    assert published_in(await (await client.get(f"/e/{season['article']}")).text()) == []
    for where in (*EVERYWHERE, "stranger"):
        page = await (await client.get(f"/e/{season[where]}")).text()
        seen[where] = ARTICLE in published_in(page)
    assert seen == {where: where != "stranger" for where in (*EVERYWHERE, "stranger")}


async def test_it_is_seen_in_every_frame_and_every_feed_of_these_too(
    client: TestClient, season: Mapping[str, str]
) -> None:
    """What other sites embed or follow has it as the pages have it."""
    for where in EVERYWHERE:
        frame = await (await client.get(f"/cadre/e/{season[where]}")).text()
        assert ARTICLE in published_in(frame), where
        assert ARTICLE in await (await client.get(f"/e/{season[where]}.atom")).text(), where


async def test_a_relation_that_comes_later_is_followed_at_once(
    town: SmallTown, client: TestClient, season: Mapping[str, str]
) -> None:
    """Both ends were here before; nothing is copied when something is published."""
    federation = await town.add("actor", "Fédération des cirques", type="association")
    await town.add("relation", "joined", subject=season["circus"], predicate="member_of", object=federation)
    await town.index.catch_up()
    assert ARTICLE in published_in(await (await client.get(f"/e/{federation}")).text())


async def test_who_plays_at_a_festival_is_not_behind_the_other_shows(
    town: SmallTown, client: TestClient, season: Mapping[str, str]
) -> None:
    """Taking part leads to what is said of the festival itself, and no further."""
    band = await town.add("actor", "Fanfare invitée", type="collective")
    await town.add("relation", "guest", subject=band, predicate="takes_part_in", object=season["festival"])
    await town.add("content", "Le bilan du festival", type="report", about=[season["festival"]])
    await town.index.catch_up()
    seen = published_in(await (await client.get(f"/e/{band}")).text())
    assert seen == ["Le bilan du festival"]


async def test_when_and_by_whom_is_said(client: TestClient, season: Mapping[str, str]) -> None:
    page = await (await client.get(f"/e/{season['festival']}")).text()
    line = " ".join(page[page.index(ARTICLE) :].split("</li>")[0].split())
    assert "samedi 3 juillet 2027" in line
    assert "publié par Saint-Denis" in line
    assert "La Grande Bascule" in line


async def test_a_walk_that_is_bounded_says_so(
    town: SmallTown, client: TestClient, season: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that cannot show all of it leads to the rest."""
    monkeypatch.setattr(belonging, "NODES_MAX", 2)
    found = await town.index.published(season["period"], 12)
    assert found.more
    page = await (await client.get(f"/e/{season['period']}")).text()
    assert "Tout ce qui est publié" in page


async def test_what_was_not_looked_through_is_said_to_be_more(
    town: SmallTown, client: TestClient, season: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An article behind more contents than one question walks up."""
    for name, value in (("STARTS_MAX", 0), ("PORTION", 1), ("PORTIONS_MAX", 2)):
        monkeypatch.setattr(published, name, value)
    for number in range(3):
        await town.add("content", f"Autre chose {number}", type="article", about=[season["stranger"]])
    await town.index.catch_up()
    found = await town.index.published(season["theme"], 12)
    assert (found.publications, found.more) == ((), True)
    page = await (await client.get(f"/e/{season['theme']}")).text()
    assert "Tout ce qui est publié" in page


async def test_a_cycle_between_two_towns_ends(town: SmallTown, season: Mapping[str, str]) -> None:
    await town.add("relation", "back", subject=season["festival"], predicate="part_of", object=season["show"])
    await town.index.catch_up()
    found = await town.index.published(season["show"], 12)
    assert [each.item.name for each in found.publications] == [ARTICLE]
    assert published.KINDS_PUBLISHED == ("content",)
