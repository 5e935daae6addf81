# SPDX-License-Identifier: AGPL-3.0-or-later
"""The map that moves and the ribbon of time, in a real browser: by keyboard alone, in step with the list, quiet, light,
and only a help: without JavaScript every moment and every place is still a link.
"""

from __future__ import annotations

import re
from functools import partial
from operator import ne
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.index import marks as marks_module
from playwright.async_api import Page, async_playwright, expect

from .browsing import SCRIPTED, Opened, opened
from .small_town import TERRITORY, SmallTown
from .test_browser import ARGUMENTS, CHROMIUM, DESK, PHONE, keep_picture

pytestmark = SCRIPTED

HOME_BYTES_MAX = 60_000
MAP_BYTES_MAX = 160_000
SHIFT_MAX = 0.02
"""A tenth of what is called good: https://web.dev/articles/cls."""
HERE = [489_400_000, 23_450_000]


@pytest.fixture
async def lively(town: SmallTown) -> SmallTown:
    """Things that come and go: a cinema that closed, a garden that opened, a festival of one summer."""
    for number, (kind, name, fields) in enumerate(
        (
            ("actor", "Cinéma disparu", {"type": "company", "founded": "1995", "dissolved": "2017-06"}),
            ("actor", "Jardin partagé", {"type": "association", "founded": "2019-03"}),
            ("action", "Fête de juillet 2019", {"type": "festival", "start": "2019-07-06", "end": "2019-07-07"}),
            ("action", "Bal de 2021", {"type": "event", "start": "2021-07-13"}),
        )
    ):
        where = [HERE[0] + number * 40_000, HERE[1] + number * 40_000]
        await town.add(kind, name, location=where, town=TERRITORY, **fields)
    await town.index.catch_up()
    return town


def address(client: TestClient, path: str) -> str:
    return str(client.make_url("/")).rstrip("/") + path


async def live_map(page: Page) -> None:
    """Wait until the map that moves has taken the place of the picture."""
    await page.wait_for_selector(".pane svg.under", state="attached")


async def listed(page: Page, name: str, is_there: bool) -> None:
    card = page.locator("#map-list .card", has_text=name)
    await (expect(card).to_have_count(1) if is_there else expect(card).to_have_count(0))


async def marked(page: Page) -> int:
    """How many elements the map shows, numbers included."""
    names = await page.eval_on_selector_all(
        ".live .dot, .live .many", "all => all.map(each => each.querySelector('b')?.textContent ?? '1')"
    )
    return sum(int(name) for name in names)


IN_SIGHT = """() => { const frame = document.querySelector('.live').getBoundingClientRect();
    return [...document.querySelectorAll('.live .dot, .live .many')].filter(each => {
        const { left, right, top, bottom } = each.getBoundingClientRect();
        const [x, y] = [(left + right) / 2, (top + bottom) / 2];
        return x >= frame.left && x <= frame.right && y >= frame.top && y <= frame.bottom;
    }).reduce((sum, each) => sum + Number(each.querySelector('b')?.textContent ?? 1), 0); }"""
"""How many marks are inside the frame: Leaflet draws a little beyond it."""
LISTED = "() => document.querySelectorAll('#map-list section:first-child .card').length"


async def in_step(page: Page) -> int:
    """Wait until map and list hold as many, once the map has moved and its clusters have opened; how many that is."""
    await page.wait_for_function(f"() => ({IN_SIGHT})() === ({LISTED})()", timeout=10_000)
    return int(await page.evaluate(LISTED))


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


async def test_moving_the_slider_to_2019_shows_what_was_there_then(lively: SmallTown, client: TestClient) -> None:
    """By the arrow keys alone; map, list, title and address all follow, and the address leads back there."""
    async with opened(address(client, "/?vue=carte&lang=fr&kind=actor&kind=action")) as it:
        await live_map(it.page)
        everything = await marked(it.page)
        assert everything == 5
        slider = it.page.get_by_role("slider", name="Moment montré")
        await slider.focus()
        assert await slider.get_attribute("aria-valuetext") == "Toutes les dates"
        for _ in range(20):
            if (await it.page.inner_text("#ribbon-now")) == "2019":
                break
            await it.page.keyboard.press("ArrowLeft")
        assert await slider.get_attribute("aria-valuetext") == "2019\u00a0: 2 commencements"
        await expect(it.page.locator('.bars a[aria-current="true"]')).to_have_attribute("data-at", "2019")
        await listed(it.page, "Fête de juillet 2019", True)
        await listed(it.page, "Jardin partagé", True)
        await listed(it.page, "Cinéma disparu", False)
        await listed(it.page, "Bal de 2021", False)
        assert await marked(it.page) == 2
        assert asked(it.page)["at"] == ["2019"]
        await it.page.reload()
        await live_map(it.page)
        assert await it.page.inner_text("#ribbon-now") == "2019"
        assert await marked(it.page) == 2
        await it.page.get_by_role("slider").press("End")
        await listed(it.page, "Bal de 2021", True)
        assert "at" not in asked(it.page)
        it.is_quiet(address(client, "/"))


async def test_a_year_is_moved_through_month_by_month(lively: SmallTown, client: TestClient) -> None:
    async with opened(address(client, "/?vue=carte&lang=fr&at=2019-06&kind=actor&kind=action")) as it:
        await live_map(it.page)
        assert await it.page.inner_text("#ribbon-now") == "juin 2019"
        await listed(it.page, "Fête de juillet 2019", False)
        await it.page.get_by_role("slider").press("ArrowRight")
        await listed(it.page, "Fête de juillet 2019", True)
        assert asked(it.page)["at"] == ["2019-07"]


async def test_the_bars_are_dragged_over_and_the_ribbon_plays(lively: SmallTown, client: TestClient) -> None:
    async with opened(address(client, "/?vue=carte&lang=fr"), motion="no-preference") as it:
        await live_map(it.page)
        bars = it.page.locator(".ribbon .bars")
        await bars.scroll_into_view_if_needed()
        box = await bars.bounding_box()
        assert box is not None
        years = await it.page.locator(".bars a").count()
        x = [box["x"] + box["width"] * (2019 + part - (2026 - years + 1)) / years for part in (-1.5, 0.5)]
        await it.page.mouse.move(x[0], box["y"] + 10)
        await it.page.mouse.down()
        await it.page.mouse.move(x[1], box["y"] + 10, steps=4)
        await it.page.mouse.up()
        assert await it.page.inner_text("#ribbon-now") == "2019"
        play = it.page.get_by_role("button", name="Faire défiler")
        await play.click()
        await expect(it.page.locator("#ribbon-now")).to_have_text("2021")
        await it.page.get_by_role("button", name="Arrêter").click()
        await listed(it.page, "Bal de 2021", True)
        await expect(it.page.get_by_role("button", name="Faire défiler")).to_be_visible()


async def test_the_map_is_used_by_the_keyboard_alone(lively: SmallTown, client: TestClient) -> None:
    """Reach it, bring it closer, open a number, a mark, its balloon, leave that again, and follow its link."""
    async with opened(address(client, "/?vue=carte&lang=fr&kind=actor&kind=action")) as it:
        page = it.page
        await live_map(page)
        for _ in range(40):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.classList.contains('live')"):
                break
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
        await page.keyboard.press("+")
        await expect(page.locator("#map")).to_be_visible()
        await page.wait_for_url(re.compile("box="))
        box = asked(page)["box"]
        await page.keyboard.press("ArrowRight")
        await page.wait_for_function("before => new URL(location).searchParams.get('box') !== before", arg=box[0])
        while not await page.evaluate("document.activeElement.matches('.dot')"):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.matches('.many')"):
                await page.keyboard.press("Enter")
            assert await page.evaluate("Boolean(document.activeElement.closest('#map'))"), "no mark was reached"
        name = await page.evaluate("document.activeElement.getAttribute('aria-label')")
        await page.keyboard.press("Enter")
        await expect(page.locator(".leaflet-popup a:focus")).to_have_count(1)
        await it.is_open_to_everyone()
        await page.keyboard.press("Escape")
        await expect(page.locator(".leaflet-popup")).to_have_count(0)
        assert await page.evaluate("document.activeElement.getAttribute('aria-label')") == name
        await page.keyboard.press("Enter")
        await expect(page.locator(".leaflet-popup a:focus")).to_have_count(1)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile("/e/FR-"))
        title = await page.inner_text("h1")
        assert name.startswith(title)


async def test_the_list_holds_what_the_frame_holds_and_each_lights_the_other(
    lively: SmallTown, client: TestClient
) -> None:
    async with opened(address(client, "/?vue=carte&lang=fr&kind=actor&kind=action")) as it:
        page = it.page
        await live_map(page)
        await page.hover("#map-list .card:has-text('Jardin partagé')")
        await expect(page.locator(".live .lit")).to_have_count(1)
        await page.locator(".live .many").first.click()
        await page.wait_for_url(re.compile("box="))
        closer = page.get_by_role("button", name="Approcher")
        for _ in range(6):
            inside = await in_step(page)
            if inside < 5:
                break
            before = page.url
            await closer.click()
            await page.wait_for_url(partial(ne, before))
            await page.wait_for_load_state("networkidle")
        assert 0 < inside < 5
        await page.mouse.move(0, 0)
        for dot in await page.locator(".live .dot").all():
            box, frame = await dot.bounding_box(), await page.locator(".live").bounding_box()
            assert box is not None
            assert frame is not None
            if frame["x"] < box["x"] < frame["x"] + frame["width"] - 44 and frame["y"] < box["y"]:
                await page.mouse.move(box["x"] + 22, box["y"] + 22)
                break
        await expect(page.locator("#map-list .card.lit")).to_have_count(1)
        await page.get_by_role("link", name="Toute la carte").click()
        await live_map(page)
        assert await marked(page) == 5


async def test_where_there_are_too_many_marks_the_map_says_so_and_brings_those_it_is_moved_to(
    lively: SmallTown, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 51 marks the newest ten are sent first; in a small frame, those that are there."""
    monkeypatch.setattr(marks_module, "MARKS_MAX", 10)
    async with opened(address(client, "/?vue=carte&lang=fr")) as it:
        await live_map(it.page)
        assert await marked(it.page) == 10
        await expect(it.page.locator(".map .said")).to_contain_text("derniers inscrits seulement")
        await it.page.goto(address(client, "/?vue=carte&lang=fr&box=2.349,48.929,2.351,48.9305"))
        await live_map(it.page)
        await it.page.wait_for_load_state("networkidle")
        await it.page.wait_for_function(f"() => ({IN_SIGHT})() >= 5", timeout=10_000)
        async with it.page.expect_response(lambda answer: "/api/v1/marks" in answer.url and "box=" in answer.url):
            await it.page.get_by_role("link", name="Nord ↑").click()
        await it.page.wait_for_load_state("networkidle")
        await it.page.wait_for_function(f"() => ({IN_SIGHT})() >= 5", timeout=10_000)


async def test_the_filters_and_ways_out_follow_the_map(lively: SmallTown, client: TestClient) -> None:
    """Whatever leads on from the page leads on from what it shows now."""
    async with opened(address(client, "/?vue=carte&lang=fr")) as it:
        await live_map(it.page)
        await it.page.get_by_role("slider").press("Home")
        await it.page.wait_for_url(re.compile("at=1995"))
        for place in (".views a[href*='vue=agenda']", ".filters .facet a >> nth=0", ".take a >> nth=0"):
            await expect(it.page.locator(place)).to_have_attribute("href", re.compile("at=1995"))
        await it.page.fill("#q", "cinéma")
        await it.page.press("#q", "Enter")
        await it.page.wait_for_url(re.compile("q=cin"))
        assert asked(it.page)["at"] == ["1995"]


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [(PHONE, "fr", False), (PHONE, "en", True), (DESK, "fr", True), (DESK, "en", False)],
    ids=["phone-fr-light", "phone-en-dark", "desk-fr-dark", "desk-en-light"],
)
async def test_the_map_is_open_to_everyone_quiet_light_and_still(
    lively: SmallTown, client: TestClient, size: dict[str, int], language: str, dark: bool
) -> None:
    for path in ("/?vue=carte", "/?vue=carte&at=2019", "/?vue=carte&at=2019-07"):
        async with opened(address(client, path), size, language, dark) as it:
            await live_map(it.page)
            await it.page.wait_for_load_state("networkidle")
            assert await it.shifted() < SHIFT_MAX
            await keep_picture(it.page, f"live-{len(path)}-{size['width']}-{language}")
            await it.is_open_to_everyone()
            await too_small(it)
            it.is_quiet(address(client, "/"))
            assert it.received_bytes < MAP_BYTES_MAX


async def too_small(it: Opened) -> None:
    found = await it.page.evaluate(
        """() => [...document.querySelectorAll('#map button, #map input, #map .chip, .live .dot, .live .many')]
            .filter(each => each.offsetParent && Math.min(each.offsetWidth, each.offsetHeight) < 43.5)
            .map(each => each.outerHTML.slice(0, 100))"""
    )
    assert found == []


async def test_the_home_page_is_light(lively: SmallTown, client: TestClient) -> None:
    async with opened(address(client, "/")) as it:
        await it.page.wait_for_load_state("networkidle")
        assert it.received_bytes < HOME_BYTES_MAX
        assert not any(".js" in url for url in it.asked)


async def test_without_javascript_every_year_is_a_link(lively: SmallTown, client: TestClient) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = await (await browser.new_context(java_script_enabled=False, locale="fr")).new_page()
        await page.goto(address(client, "/?vue=carte&kind=actor&kind=action"))
        assert await page.locator(".pane svg").is_visible()
        await page.click("summary:has-text('Choisir une année')")
        await page.click("#ribbon ol a:has-text('2019')")
        await listed(page, "Fête de juillet 2019", True)
        await listed(page, "Cinéma disparu", False)
        assert await page.inner_text("#ribbon-now") == "2019"
        await page.click("text=Mois par mois")
        await page.click("summary:has-text('Choisir un mois')")
        await page.click("#ribbon ol a:has-text('août 2019')")
        await listed(page, "Fête de juillet 2019", False)
        await browser.close()


async def test_the_picture_stays_where_the_marks_do_not_come(lively: SmallTown, client: TestClient) -> None:
    """A node that is stopped while the page is open leaves a page that reads."""
    async with opened(address(client, "/")) as it:
        await it.page.route("**/api/v1/marks*", lambda route: route.abort())
        await it.page.goto(address(client, "/?vue=carte"))
        await it.page.wait_for_load_state("networkidle")
        assert await it.page.locator(".pane svg").first.is_visible()
        assert await it.page.locator(".live").count() == 0
