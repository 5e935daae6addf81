# SPDX-License-Identifier: AGPL-3.0-or-later
"""One question, four views: the filters stay, and nothing typed by hand breaks a page."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.index.query import Query
from convergences_node.index.views import Total
from convergences_node.web.cards import Reading
from convergences_node.web.messages import catalogue
from convergences_node.web.page_search import _total

from .asking import hrefs, page
from .small_town import MEAN_NAME, START, TERRITORY, SmallTown

READING = Reading(catalogue("fr"), ZoneInfo("Europe/Paris"), START, "fr", None)


@pytest.mark.parametrize("view", ["liste", "agenda", "carte", "frise"])
async def test_a_view_keeps_every_filter_and_every_filter_keeps_the_view(client: TestClient, view: str) -> None:
    filters = f"q=vélo&kind=action&territory={TERRITORY}&from=2026-11-23&to=2026-11-29"
    html = await page(client, f"/?{filters}&vue={view}&lang=fr")
    views = html.split('class="views"')[1].split("</nav>")[0]
    assert views.count('aria-current="page"') == 1
    for href in hrefs(views):
        asked = parse_qs(urlsplit(href).query)
        assert (asked["q"], asked["kind"], asked["from"], asked["to"]) == (
            ["vélo"],
            ["action"],
            ["2026-11-23"],
            ["2026-11-29"],
        )
    if view != "liste":
        inside = hrefs(html.split("<aside")[1].split("</aside>")[0])
        assert inside
        assert all(f"vue={view}" in href for href in inside)


async def test_a_view_that_is_none_is_refused(client: TestClient) -> None:
    assert (await client.get("/", params={"vue": "banane"})).status == 400
    assert (await client.get("/api/v1/search", params={"vue": "carte"})).status == 400


async def test_every_address_on_every_view_answers(client: TestClient) -> None:
    """A page's own links lead somewhere: no filter, day, zoom or year of ours is refused."""
    for path in ("/", "/?vue=agenda", "/?vue=carte", "/?vue=frise", "/?vue=carte&box=2.35,48.93,2.36,48.94"):
        for href in sorted(set(hrefs(await page(client, path)))):
            answer = await client.get(href)
            assert answer.status == 200, (path, href, await answer.text())


@pytest.mark.parametrize(
    "params",
    [
        {"from": "0001"},
        {"to": "0001-01"},
        {"from": "9999-12-31"},
        {"from": "0001", "to": "9999"},
        {"to": "9999"},
        {"from": "2026-11-20T10:00+14:00"},
        {"q": "'); DROP--"},
        {"box": "-180,-90,180,90"},
        {"box": "180,90,180,90"},
        {"box": "170,-10,-170,10"},
        {"circle": "90,0,500000"},
        {"circle": "48.936,2.354,1"},
        {"territory": "FR-99999"},
        {"limit": "200"},
    ],
    ids=str,
)
async def test_what_is_typed_by_hand_is_answered_in_every_view(client: TestClient, params: dict[str, str]) -> None:
    for view in ("agenda", "carte", "frise"):
        answer = await client.get("/", params={**params, "vue": view})
        assert answer.status == 200, (view, await answer.text())


async def test_a_mean_name_stays_text_in_every_view(client: TestClient, town: SmallTown) -> None:
    await town.add("actor", MEAN_NAME, type="association", location=[489300000, 23500000])
    await town.index.catch_up()
    for view in ("liste", "carte", "frise"):
        html = await page(client, f"/?vue={view}&kind=actor")
        assert "&lt;b&gt;Éric" in html or view == "frise"
        assert "<b>Éric" not in html


@pytest.mark.parametrize(
    ("found", "counted", "said"),
    [
        (Total(count=12), Total(count=12), "12 résultats"),
        (Total(count=500, exact=False), Total(count=506), "506 résultats"),
        (Total(count=500, exact=False), Total(count=8_912, exact=False), "Environ 8\u202f900 résultats"),
    ],
)
def test_a_total_says_whether_it_was_counted(found: Total, counted: Total, said: str) -> None:
    assert _total(READING, Query(), found, counted) == said
    if not counted.exact:
        assert _total(READING, Query(text="bal"), found, counted) == "Plus de 8\u202f912 résultats"


async def test_the_timeline_s_cards_are_under_their_years(client: TestClient, town: SmallTown) -> None:
    """In the order of dates, what has none at the end; words are in the order of what suits best, without years."""
    for year in ("0052", "1871", "1871-05", "2031"):
        await town.add("action", f"En {year}", type="event", start=year)
    await town.add("action", "Un jour", type="project")
    await town.index.catch_up()
    html = await page(client, "/?vue=frise&kind=action&lang=fr&limit=200")
    said = re.findall(r'<h3 id="y\d+">([^<]*)</h3>', html)
    assert [year for year in said if year in ("1871", "2031")] == ["1871", "2031"]
    assert said[-1] == "Sans date"
    eighteen = html.split(">1871</h3>")[1].split("</section>")[0]
    assert re.findall("En [-0-9]+", eighteen) == ["En 1871", "En 1871-05"]
    assert not re.search(r'<h3 id="y', await page(client, "/?vue=frise&q=en&lang=fr"))


async def test_a_view_has_its_own_heading(client: TestClient) -> None:
    for view, heading in (("liste", "Recherche"), ("agenda", "Agenda"), ("carte", "Carte"), ("frise", "Frise")):
        html = await page(client, f"/?vue={view}&lang=fr")
        assert f"<h1>{heading}</h1>" in html
        assert f"<title>{heading}" in html
    assert "<h1>Recherche : vélo</h1>" in await page(client, "/?vue=carte&q=vélo&lang=fr")


async def test_each_bar_of_the_timeline_leads_to_its_year(client: TestClient, town: SmallTown) -> None:
    for year in (1250, 1871, 2026):
        await town.add("action", f"En {year}", type="event", start=str(year))
    await town.index.catch_up()
    html = await page(client, "/?vue=frise&kind=action&lang=fr")
    rows = re.findall(r'<th scope="row"><a href="([^"]*)">([^<]*)</a></th><td>([^<]*)</td>', html)
    assert [(label, count) for _, label, count in rows] == [("1250–1259", "1"), ("1870–1879", "1"), ("2020–2029", "3")]
    for href, _, _ in rows:
        chosen = await page(client, href.replace("&amp;", "&"))
        assert chosen.count('aria-current="true"') >= 1


async def test_a_word_that_nothing_has_leads_to_all_that_there_is(client: TestClient) -> None:
    html = await page(client, "/?q=introuvable&lang=fr")
    (way,) = re.findall(r'href="([^"]*)">tout ce qui est inscrit<', html)
    assert "Festival des Murs" in await page(client, unescape(way) + "&limit=100")
