# SPDX-License-Identifier: AGPL-3.0-or-later
"""A webmaster pastes the line into a bare page on another port, and a real browser shows it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port
from axe_playwright_python.async_playwright import Axe
from convergences_node.web.static_files import address_if_built
from playwright.async_api import Browser, Frame, Page, Route, expect

from .small_town import SmallTown
from .test_browser import browser, keep_picture, pytestmark  # noqa: F401  a fixture, and what the whole file is marked

WAIT_MS = 15_000


class Site:
    """Another site, on another port, with one page."""

    def __init__(self) -> None:
        self.body = ""
        app = web.Application()
        app.router.add_get("/", self._page)
        self.server = TestServer(app)

    async def _page(self, request: web.Request) -> web.Response:
        head = '<title>Un site</title><link rel="icon" href="data:,">'
        html = f'<!doctype html><html lang="fr"><head>{head}</head><body>{self.body}</body></html>'
        return web.Response(text=html, content_type="text/html")

    @property
    def address(self) -> str:
        return str(self.server.make_url("/"))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.server.start_server()
    yield made
    await made.server.close()


async def line(client: TestClient, path: str) -> str:
    """The line that the page to embed gives to copy."""
    html = await (await client.get(path)).text()
    return unescape(re.findall(r'<textarea id="line"[^>]*>(.*?)</textarea>', html, re.S)[0])


async def frames(page: Page, many: int) -> list[Frame]:
    """The frames, once each has been shown."""
    shown = page.locator("iframe")
    await expect(shown).to_have_count(many, timeout=WAIT_MS)
    for number in range(many):
        await expect(shown.nth(number)).to_be_visible(timeout=WAIT_MS)
    return [frame for frame in page.frames if frame is not page.main_frame]


async def test_an_agenda_is_embedded_in_a_bare_page_on_another_port(
    town: SmallTown,
    client: TestClient,
    browser: Browser,  # noqa: F811  pytest's way to ask for a fixture
    site: Site,
) -> None:
    """With a map and an element beside it: each as tall as its content, in the site's colours, nothing left behind."""
    club = town.elements["Atelier vélo du Canal"]
    context = await browser.new_context(viewport={"width": 360, "height": 740}, locale="fr")
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.goto(site.address)
    before = set(await page.evaluate("Object.getOwnPropertyNames(window)"))
    site.body = "<main><h1>Notre site</h1>" + "".join(
        [
            await line(client, "/integrer?vue=agenda&couleurs=site&fond=1b2a41&encre=ffffff&accent=ffcc00"),
            await line(client, "/integrer?vue=carte"),
            await line(client, f"/integrer?fiche={club}"),
        ]
    )
    await page.goto(site.address)
    for _ in range(3):
        await page.mouse.wheel(0, 4000)  # what is far down is only asked for when somebody comes near
        await page.wait_for_timeout(150)
    found = await frames(page, 3)
    agenda = next(frame for frame in found if "vue=agenda" in frame.url)
    assert "Réparer son vélo" in await agenda.inner_text("main")
    assert await agenda.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(27, 42, 65)"
    if address_if_built("map.js"):
        moving = next(frame for frame in found if "vue=carte" in frame.url)
        await expect(moving.locator(".live .leaflet-control-zoom-in")).to_be_visible(timeout=WAIT_MS)
        await moving.click(".live .leaflet-control-zoom-in")
        assert "/cadre?vue=carte" in moving.url, "what surrounds the map in a page of ours was asked for in a frame"
    for frame in found:
        inside = await frame.evaluate("document.documentElement.scrollHeight - window.innerHeight")
        assert inside <= 0, f"{frame.url} scrolls inside its frame"
        assert await frame.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), frame.url
    assert set(await page.evaluate("Object.getOwnPropertyNames(window)")) - before <= {"0", "1", "2"}
    assert await page.locator("main > a:visible").count() == 0
    assert await context.cookies() == []
    assert said == []
    report = await Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    await keep_picture(page, "embedded-360")
    await context.close()


async def test_a_frame_reads_on_inside_and_leads_out_beside_the_site(
    town: SmallTown,
    client: TestClient,
    browser: Browser,  # noqa: F811
    site: Site,
) -> None:
    """The next days come in the same frame, which grows or shrinks with them; an entry opens in a page of its own."""
    site.body = await line(client, "/integrer?vue=agenda")
    page = await (await browser.new_context(locale="fr")).new_page()
    await page.goto(site.address)
    (frame,) = await frames(page, 1)
    async with page.expect_popup() as opening:
        await frame.click("text=Réparer son vélo >> nth=0")
    opened = await opening.value
    await opened.wait_for_load_state()
    assert "/e/FR-93066:" in opened.url
    height = await page.evaluate("document.querySelector('iframe').offsetHeight")
    await frame.click("a[rel=next]")
    await frame.wait_for_url(re.compile("from="))
    await page.wait_for_function("(old) => document.querySelector('iframe').offsetHeight !== old", arg=height)
    assert page.url == site.address
    await page.context.close()


async def test_while_the_node_is_away_readers_have_the_link(
    browser: Browser,  # noqa: F811
    site: Site,
) -> None:
    """No script, no frame, no empty box: the line is a link to where it would be."""
    away = f"http://127.0.0.1:{unused_port()}"
    site.body = (
        f'<a href="{away}/?vue=agenda">Agenda</a><script async src="{away}/integrer.js" data-cadre="/cadre"></script>'
    )
    page = await (await browser.new_context()).new_page()
    await page.goto(site.address)
    assert await page.locator("a").is_visible()
    assert await page.locator("iframe").count() == 0
    await page.context.close()


async def test_a_node_that_answers_late_is_asked_again(
    client: TestClient,
    browser: Browser,  # noqa: F811
    site: Site,
) -> None:
    """The link stays until the frame has something to show, and then makes way."""
    site.body = await line(client, "/integrer?vue=agenda")
    context = await browser.new_context()
    page = await context.new_page()
    await page.clock.install()
    asked = []

    async def late(route: Route) -> None:
        asked.append(route.request.url)
        await (route.abort() if len(asked) == 1 else route.continue_())

    await page.route("**/cadre?*", late)
    await page.goto(site.address)
    await page.wait_for_function("document.querySelector('iframe')")
    await page.wait_for_timeout(200)
    assert await page.locator("body > a").is_visible()
    assert not await page.locator("iframe").is_visible()
    await page.clock.fast_forward(21_000)
    await frames(page, 1)
    assert len(asked) == 2
    assert not await page.locator("body > a").is_visible()
    await context.close()


async def test_a_stranger_cannot_pass_for_the_node(
    client: TestClient,
    browser: Browser,  # noqa: F811
    site: Site,
) -> None:
    """Heights are taken from the frame alone, within bounds; a line may only show what its own script came from."""
    wrong = '<script async src="{0}integrer.js" data-cadre="https://elsewhere.example/cadre"></script>'
    site.body = await line(client, "/integrer?vue=agenda") + wrong.format(client.make_url("/"))
    page = await (await browser.new_context()).new_page()
    await page.goto(site.address)
    await frames(page, 1)
    height = await page.evaluate("document.querySelector('iframe').offsetHeight")
    for said in ('{convergences: "cadre", height: 9}', '"text"', "null", '{convergences: "cadre", height: "9"}'):
        await page.evaluate(f"window.postMessage({said}, '*')")
    await page.wait_for_timeout(100)
    assert await page.evaluate("document.querySelector('iframe').offsetHeight") == height
    await page.context.close()
