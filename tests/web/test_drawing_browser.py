# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tree of relations drawn: on demand, by the keyboard too, in step with the lists that it is drawn from."""

from __future__ import annotations

import re

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import expect

from .browsing import SCRIPTED, opened
from .small_town import SmallTown
from .test_browser import DESK, PHONE, keep_picture
from .test_map_browser import address

pytestmark = SCRIPTED

UNDRAWN_BYTES_MAX = 60_000
"""The drawing's library alone is three times this: nobody fetches it who did not ask for it."""


@pytest.fixture
async def club(town: SmallTown) -> str:
    """An association with partners of every year, and what these organise."""
    found = town.elements["Atelier vélo du Canal"]
    for number in range(12):
        partner = await town.add("actor", f"Partenaire {number:02}", type="association")
        since = {"from": str(2010 + number)}
        await town.add("relation", f"p{number}", subject=found, predicate="partner_of", object=partner, **since)
        if number % 3 == 0:
            event = await town.add("action", f"Sortie {number:02}", type="event", start="2026-12-12")
            await town.add("relation", f"o{number}", subject=partner, predicate="organises", object=event)
    await town.index.catch_up()
    return found


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [(PHONE, "fr", True), (DESK, "en", False)],
    ids=["phone-fr-dark", "desk-en-light"],
)
async def test_the_tree_is_drawn_when_it_is_asked_for(
    club: str, client: TestClient, size: dict[str, int], language: str, dark: bool
) -> None:
    async with opened(address(client, f"/e/{club}"), size, language, dark) as it:
        await it.page.wait_for_load_state("networkidle")
        assert it.received_bytes < UNDRAWN_BYTES_MAX
        button = it.page.locator("button.draw")
        assert await button.get_attribute("aria-expanded") == "false"
        await button.click()
        await it.page.wait_for_selector(".drawing canvas")
        await keep_picture(it.page, f"drawing-{size['width']}-{language}")
        await it.is_open_to_everyone()
        it.is_quiet(address(client, "/"))
        await button.click()
        await expect(it.page.locator("#drawing")).to_be_hidden()


async def test_the_drawing_is_walked_through_by_the_keyboard(club: str, client: TestClient) -> None:
    """Arrow keys light one entry after the other, in the lists too, and say it; Enter goes there."""
    async with opened(address(client, f"/e/{club}?lang=fr")) as it:
        page = it.page
        await page.focus("button.draw")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".drawing canvas")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == "drawing"
        seen = []
        for _ in range(await page.locator("#tree [data-leaf]").count()):
            await page.keyboard.press("ArrowRight")
            seen.append(await page.inner_text(".drawing + .said"))
        assert len(seen) == len(set(seen)) == 20
        await page.keyboard.press("ArrowLeft")
        assert await page.inner_text(".drawing + .said") == seen[-2]
        lit = page.locator(".tree .lit > a")
        await expect(lit).to_have_count(1)
        name = await lit.inner_text()
        assert name in await page.inner_text(".drawing + .said")
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile("/e/FR-"))
        await expect(page.locator("h1")).to_have_text(name)


async def test_a_line_of_the_list_lights_its_entry_in_the_drawing(club: str, client: TestClient) -> None:
    async with opened(address(client, f"/e/{club}?lang=fr")) as it:
        await it.page.click("button.draw")
        await it.page.wait_for_selector(".drawing canvas")
        await it.page.mouse.move(0, 0)  # what scrolls under a mouse is pointed at, too
        await it.page.focus(".tree a:has-text('Partenaire 03')")
        said = it.page.locator(".drawing + .said")
        await expect(said).to_contain_text("Atelier vélo du Canal – Partenaire de – Partenaire 03")


async def test_at_a_year_the_tree_and_its_drawing_are_those_of_then(club: str, client: TestClient) -> None:
    async with opened(address(client, f"/e/{club}?lang=fr")) as it:
        await it.page.click("#tree >> xpath=.. >> a.chip:has-text('2014')")
        await it.page.wait_for_url(re.compile("at=2014"))
        assert "Partenaire 04" in await it.page.inner_text("#tree")
        assert "Partenaire 05" not in await it.page.inner_text("#tree")
        await expect(it.page.locator(".chip[aria-current]", has_text="2014")).to_have_count(1)
        await it.page.click("button.draw")
        await it.page.wait_for_selector(".drawing canvas")


async def test_a_drawing_that_does_not_come_leaves_the_lists(club: str, client: TestClient) -> None:
    async with opened(address(client, "/")) as it:
        await it.page.route("**/static/graph.*", lambda route: route.abort())
        await it.page.goto(address(client, f"/e/{club}"))
        await it.page.click("button.draw")
        await expect(it.page.locator("#drawing")).to_be_hidden()
        await expect(it.page.locator("#tree a").first).to_be_visible()
