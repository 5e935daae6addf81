# SPDX-License-Identifier: AGPL-3.0-or-later
"""The poster of the week: seven days, bounded to a sheet, with a code that leads to the same days."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web.page_poster import LINES_MAX, lines_a_day
from playwright.async_api import async_playwright

from .small_town import SmallTown
from .test_browser import ARGUMENTS, CHROMIUM, keep_picture


async def poster(client: TestClient, query: str = "") -> str:
    answer = await client.get(f"/affiche?lang=fr&{query}")
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def test_it_tells_seven_days_from_today_or_from_a_day_that_is_asked(client: TestClient) -> None:
    now = await poster(client)
    assert "vendredi 20 au jeudi 26 novembre 2026" in now
    assert "Réparer son vélo" in now
    assert now.index("Réparer son vélo") < now.index("Prochainement") < now.index("Festival des Murs")
    later = await poster(client, "from=2026-12-04")
    assert "Festival des Murs" in later
    assert later.count("Festival des Murs") == 2


async def test_it_fits_on_a_sheet(client: TestClient, town: SmallTown) -> None:
    for number in range(60):
        await town.add("action", f"Atelier {number}", type="event", start=f"2026-11-2{number % 5}")
    await town.index.catch_up()
    html = await poster(client)
    assert len(re.findall('<li class="line', html)) <= LINES_MAX
    assert len(re.findall('<h2 id="p2026', html)) == 5
    assert "Ce n’est pas tout" in html


def test_a_full_day_leaves_room_for_the_others() -> None:
    assert lines_a_day([0] * 7) == LINES_MAX
    assert lines_a_day([20, 0, 0, 0, 0, 0, 0]) == 20
    assert lines_a_day([60, 1, 1, 0, 0, 0, 0]) == 18
    assert lines_a_day([60] * 7) == 2


async def test_a_week_with_nothing_is_no_empty_sheet(client: TestClient, town: SmallTown) -> None:
    """It says so, whom to tell what should be on it, and all that is true beside: what comes, lasts and goes on."""
    await town.add("action", "Aide entre voisins", type="service")
    await town.add("action", "Repas des voisins", type="event", start="2026-12-19")
    await town.add("action", "Exposition des voisins", type="event", start="2026-08-01", end="2027-06-30")
    await town.index.catch_up()
    html = await poster(client, "from=2026-11-27&q=voisins")
    assert "Rien d’inscrit à ces dates." in html
    assert "Pour qu’un rendez-vous soit annoncé ici\u00a0: Dites-le à Saint-Denis" in html
    for title, name in (
        ("Prochainement", "Repas des voisins"),
        ("En ce moment, et pour longtemps", "Exposition des voisins"),
        ("Ce qui s’y fait", "Aide entre voisins"),
    ):
        assert html.count(name) == 1
        assert 0 < html.index(title) < html.index(name)
    assert "samedi 19 décembre" in html


async def test_what_is_beside_leaves_the_sheet_one_sheet(client: TestClient, town: SmallTown) -> None:
    for number in range(30):
        await town.add("action", f"Aide {number}", type="service")
        await town.add("action", f"Bal {number}", type="event", start=f"2027-03-{number + 1:02}")
    await town.index.catch_up()
    html = await poster(client, "from=2026-12-13")
    assert 10 < len(re.findall('<li class="line', html)) <= LINES_MAX


async def test_its_code_leads_to_the_same_days(client: TestClient) -> None:
    html = await poster(client, "from=2026-12-04&q=festival")
    (address,) = re.findall(r'<p class="address">([^<]*)</p>', html)
    assert "<svg" in html.split('role="img"')[1]
    path = address.replace("&amp;", "&").removeprefix(str(client.make_url("/")).rstrip("/"))
    assert "Festival des Murs" in await (await client.get(path)).text()


@pytest.mark.parametrize("start", ["0001", "9999-12-31", "2026", "2026-11-20T10:00+14:00"])
async def test_any_day_typed_by_hand_is_answered(client: TestClient, start: str) -> None:
    assert (await client.get("/affiche", params={"from": start})).status == 200


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium")
async def test_it_prints_on_one_page(client: TestClient, town: SmallTown, tmp_path: Path) -> None:
    """A full sheet of the longest names and places, printed by a real browser, is one page of A4."""
    long = {"locality": "L’Île-Saint-Denis", "address": "Maison des associations et de la vie de quartier, 12 bis rue"}
    for number in range(60):
        name = f"Concert des élèves du conservatoire et de la fanfare municipale, avec leurs professeurs {number}"
        start = f"2026-11-2{number % 7}T18:30+01:00"
        await town.add("action", name, type="event", start=start, end=start.replace("18", "20"), **long)
        await town.add(
            "action", name, type="event", start="2026-08-01T10:00+02:00", end="2028-11-30T20:00+01:00", **long
        )
        await town.add(
            "action", name, type="event", start="2027-12-31T20:00+01:00", end="2028-01-01T02:00+01:00", **long
        )
        await town.add("action", name, type="service", **long)
    await town.index.catch_up()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = await browser.new_page(locale="fr")
        await page.emulate_media(media="print")
        for name, asked in (("full", ""), ("little", "from=2026-11-27"), ("bare", "from=2026-11-27&q=Concert")):
            await page.goto(str(client.make_url(f"/affiche?lang=fr&{asked}")))
            await keep_picture(page, f"poster-printed-{name}")
            printed = await page.pdf(prefer_css_page_size=True, print_background=True)
            assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1, name
        await browser.close()
