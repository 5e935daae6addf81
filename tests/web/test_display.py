# SPDX-License-Identifier: AGPL-3.0-or-later
"""The screen of the town hall: large sheets that turn by themselves, for months, whatever happens to the node."""

from __future__ import annotations

import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, unused_port
from convergences_node.web.app import make_app, make_runner
from convergences_node.web.page_display import LINES_MAX
from playwright.async_api import async_playwright

from .small_town import SmallTown
from .test_browser import ARGUMENTS, CHROMIUM


async def sheet(client: TestClient, query: str = "") -> str:
    answer = await client.get(f"/ecran?lang=fr&{query}")
    assert answer.status == 200, await answer.text()
    return await answer.text()


def title(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html, re.DOTALL)
    assert found is not None
    return re.sub(r"<[^>]*>", "", found[1]).strip()


async def test_it_begins_with_today_and_goes_through_the_week(client: TestClient) -> None:
    first = await sheet(client)
    assert title(first) == "Aujourd’hui vendredi 20 novembre"
    assert "Rien d’inscrit pour aujourd’hui." in first
    second = await sheet(client, "feuille=2")
    assert title(second) == "mardi 24 novembre"
    assert "Réparer son vélo" in second
    assert "2 sur 3" in second
    third = await sheet(client, "feuille=3")
    assert title(third) == "Prochainement"
    assert "samedi 5 au dimanche 6 décembre" in third


async def test_a_day_with_nothing_tells_what_comes_next(client: TestClient) -> None:
    first = await sheet(client)
    assert "<h2>Prochainement</h2>" in first
    assert "mardi 24 novembre" in first
    assert first.index("Réparer son vélo") < first.index("Festival des Murs")


async def test_a_week_with_nothing_ends_with_how_to_have_something_announced(client: TestClient) -> None:
    first, second, third = [await sheet(client, f"q=festival&feuille={number}") for number in (1, 2, 3)]
    assert "Festival des Murs" in first
    assert title(second) == "Prochainement"
    assert title(third) == "Annoncer un rendez-vous ici"
    assert "Dites-le à Saint-Denis" in third


async def test_after_the_last_sheet_comes_the_first(client: TestClient) -> None:
    last = await sheet(client, "feuille=3")
    assert 'data-next="/ecran?feuille=1&amp;lang=fr"' in last
    assert '<noscript><meta http-equiv="refresh" content="15; url=/ecran?feuille=1&amp;lang=fr"></noscript>' in last
    assert title(await sheet(client, "feuille=4")) == title(await sheet(client))


async def test_a_full_day_takes_several_sheets(client: TestClient, town: SmallTown) -> None:
    for number in range(LINES_MAX + 1):
        await town.add("action", f"Atelier {number}", type="event", start=f"2026-11-20T1{number}:00+01:00")
    await town.index.catch_up()
    first, second = await sheet(client), await sheet(client, "feuille=2")
    assert title(first) == title(second)
    assert [html.count('<li class="line') for html in (first, second)] == [LINES_MAX, 1]


async def test_it_can_be_stopped_and_goes_on(client: TestClient) -> None:
    """WCAG 2.2.2: what changes by itself can be stopped."""
    (stop,) = re.findall(r'<a href="([^"]*)">Arrêter</a>', await sheet(client))
    stopped = await (await client.get(stop.replace("&amp;", "&"))).text()
    assert "http-equiv" not in stopped
    assert 'data-seconds="0"' in stopped
    assert "Faire tourner" in stopped


async def test_where_nothing_has_a_date_it_shows_what_goes_on(client: TestClient, town: SmallTown) -> None:
    await town.add("action", "Aide aux devoirs", type="service")
    await town.index.catch_up()
    html = await sheet(client, "q=devoirs&feuille=2")
    assert title(html) == "Ce qui s’y fait"
    assert "Aide aux devoirs" in html


@pytest.mark.parametrize("query", ["feuille=0", "feuille=x", "secondes=-1", "secondes=301", "secondes=²"])
async def test_what_is_no_number_is_refused(client: TestClient, query: str) -> None:
    assert (await client.get(f"/ecran?{query}")).status == 400


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium")
async def test_it_survives_a_restart_of_the_node(town: SmallTown) -> None:
    """While nobody answers the sheet stays and says so; once somebody does again, it turns."""
    port = unused_port()
    runner = await served(town, port)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = await browser.new_page(locale="fr")
        await page.goto(f"http://127.0.0.1:{port}/ecran?secondes=5")
        await runner.cleanup()
        away = page.locator("#away")
        await away.wait_for(state="visible", timeout=20_000)
        assert "Pas de réponse" in await away.inner_text()
        assert "Aujourd’hui" in await page.locator("h1").inner_text()
        runner = await served(town, port)
        await page.wait_for_url("**/ecran?feuille=2&secondes=5", timeout=40_000)
        assert "Réparer son vélo" in await page.locator("main").inner_text()
        await browser.close()
    await runner.cleanup()


async def served(town: SmallTown, port: int) -> web.AppRunner:
    runner = make_runner(make_app(town))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner
