# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real browser opens the pages: on an old phone and on a desk, in both languages, in the light and in the dark.

axe finds nothing to reproach, no other host is asked for anything, the console stays silent, and no page is wider than
the screen it is on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from axe_playwright_python.async_playwright import Axe
from convergences_node.index.course import Course
from convergences_node.index.index import Index
from convergences_node.web.town_door import TownStatus
from playwright.async_api import Browser, Page, async_playwright

from .small_town import START, SmallTown

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PHONE, DESK = {"width": 320, "height": 640}, {"width": 1280, "height": 900}
TARGET_PIXELS = 44

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
]


@dataclass
class Watched:
    """A page, and what it did that it should not have."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        await opened.close()


async def open_page(browser: Browser, address: str, size: dict[str, int], language: str, dark: bool) -> Watched:
    context = await browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        locale=language,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    watched = Watched(await context.new_page())
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.on("console", lambda message: watched.said.append(message.text))
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    answer = await watched.page.goto(address, wait_until="load")
    assert answer is not None
    return watched


PAGES = {
    "home": "/",
    "results": "/?q=velo",
    "filtered": "/?kind=place&facet.type=school&from=2026",
    "everything": "/?vue=liste",
    "agenda-day": "/?vue=agenda&from=2026-11-24&to=2026-11-24",
    "agenda-week": "/?vue=agenda",
    "agenda-month": "/?vue=agenda&from=2026-12-01&to=2026-12-31&q=festival",
    "agenda-empty": "/?vue=agenda&from=2031&to=2031-02",
    "map": "/?vue=carte",
    "map-box": "/?vue=carte&box=2.33,48.92,2.37,48.95&kind=place",
    "map-empty": "/?vue=carte&q=introuvable+vraiment",
    "timeline": "/?vue=frise",
    "timeline-year": "/?vue=frise&from=2026&to=2026",
    "poster": "/affiche",
    "poster-empty": "/affiche?from=2031-01-01",
    "screen": "/ecran",
    "screen-stopped": "/ecran?feuille=2&secondes=0",
    "screen-announce": "/ecran?q=festival&feuille=3",
    "space": "/acteurs/atelier-velo-du-canal",
    "about": "/a-propos",
    "figures": "/chiffres",
    "figures-of": "/chiffres?kind=action&territory=FR-93066",
    "nothing": "/?q=introuvable+vraiment&from=2026-12-01",
    "actor": "/e/{Atelier vélo du Canal}",
    "action": "/e/{Festival des Murs}",
    "place": "/e/{Maison des associations}",
    "at-a-date": "/e/{Atelier vélo du Canal}?at=2022-01-01",
    "changed": "/e/{changed}",
    "withdrawn": "/e/{withdrawn}",
    "history": "/e/{changed}/histoire",
    "receipt": "/e/{Festival des Murs}/recu",
    "embed": "/integrer?vue=agenda",
    "embed-element": "/integrer?fiche={Atelier vélo du Canal}&couleurs=site",
    "frame-list": "/cadre?q=velo",
    "frame-agenda": "/cadre?vue=agenda",
    "frame-map": "/cadre?vue=carte&kind=place",
    "frame-colours": "/cadre?vue=agenda&fond=777777&encre=777777&accent=ffff00&police=serif&taille=120",
    "frame-element": "/cadre/e/{Festival des Murs}",
    "mean": "/e/{mean}",
    "lost": "/nulle/part",
}


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [(PHONE, "fr", False), (PHONE, "en", True), (DESK, "fr", True), (DESK, "en", False)],
    ids=["phone-fr-light", "phone-en-dark", "desk-fr-dark", "desk-en-light"],
)
async def test_pages_are_open_to_everyone(
    town: SmallTown, client: TestClient, browser: Browser, size: dict[str, int], language: str, dark: bool
) -> None:
    await town.cosign()
    host = str(client.make_url("/"))
    known = {**town.elements, "mean": next(town.elements[name] for name in town.elements if "Zoé" in name)}
    axe = Axe()
    for name, path in PAGES.items():
        address = host.rstrip("/") + path.format_map(known)
        watched = await open_page(browser, address, size, language, dark)
        await keep_picture(watched.page, f"{name}-{size['width']}-{language}-{'dark' if dark else 'light'}")
        found = await axe.run(watched.page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert all(url.startswith(host) for url in watched.asked), f"{name}: {watched.asked}"
        # A page that is not there says so with its status, which the browser repeats in its console.
        assert [text for text in watched.said if "404" not in text and "410" not in text] == [], name
        assert await watched.page.get_attribute("html", "lang") == language
        assert await watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{name} is too wide"
        )
        assert await too_small(watched.page) == [], name
        assert await heading_jumps(watched.page) == [], name
        await watched.page.context.close()


async def test_the_page_of_who_waits_is_open_to_everyone(
    town: SmallTown, client: TestClient, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index is made again: a bar with its words, in the page and in a frame; it comes back with its figures."""
    town.state = TownStatus(False, "rebuilding", True, START)
    course = Course.beginning(0, 3_000, 100.0)
    monkeypatch.setattr(Index, "course", course)
    for size, path, dark in ((PHONE, "/", False), (DESK, "/", True), (PHONE, "/cadre?vue=agenda", True)):
        course.move(500, course.moved_at + 60)
        watched = await open_page(browser, str(client.make_url(path)), size, "fr", dark)
        await keep_picture(watched.page, f"waiting-{path[1:6]}-{size['width']}")
        bar = watched.page.get_by_role("progressbar", name=f"{course.done:,}".replace(",", "\u202f"))
        assert await bar.get_attribute("value") == str(course.done)
        found = await Axe().run(watched.page)
        assert found.violations_count == 0, found.generate_report()
        assert await watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        await watched.page.context.close()


async def too_small(page: Page) -> list[str]:
    """Links and buttons that a thumb would miss; those inside a sentence are as tall as its line, and those of a
    picture are in the list or the table beside it (WCAG 2.5.8). A link laid over a whole
    card is as large as that."""
    found: list[str] = await page.evaluate(
        """(least) => {
            const over = it => getComputedStyle(it, '::after').position === 'absolute' ? it.offsetParent : null;
            return [...document.querySelectorAll('a, button, input:not([type=hidden]), summary')]
            .filter(it => !it.closest('p:not(.row), dd, .markdown, svg'))
            .filter(it => !it.matches('.skip') && it.offsetParent !== null)
            .filter(it => (it.closest('label') || over(it) || it).getBoundingClientRect().height < least - 0.5)
            .map(it => it.outerHTML.slice(0, 120)); }""",
        TARGET_PIXELS,
    )
    return found


async def heading_jumps(page: Page) -> list[str]:
    """Headings that skip a level, or a page without exactly one first heading."""
    levels: list[str] = await page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(it => it.tagName)")
    jumps = [f"{a} {b}" for a, b in pairwise(levels) if int(b[1]) > int(a[1]) + 1]
    return jumps if levels.count("H1") == 1 and levels[0] == "H1" else [*jumps, f"headings {levels}"]


async def keep_picture(page: Page, name: str) -> None:
    """Keep a picture for a person to look at, when a folder is named for them."""
    if folder := os.environ.get("CONVERGENCES_PICTURES"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


async def test_a_person_searches_narrows_down_and_takes_the_receipt_without_any_script(
    town: SmallTown, client: TestClient, browser: Browser
) -> None:
    """With JavaScript switched off: search, choose a filter, open an element, download its receipt."""
    context = await browser.new_context(java_script_enabled=False, locale="fr", accept_downloads=True)
    page = await context.new_page()
    await page.goto(str(client.make_url("/")))
    await page.fill("#q", "vélo")
    await page.keyboard.press("Enter")
    await page.click("aside .facet a:has-text('Qui : les acteurs')")
    assert await page.locator("h2#results").inner_text() == "1 résultat"
    await page.click("main ol a:has-text('Atelier vélo du Canal')")
    assert await page.locator("h1").inner_text() == "Atelier vélo du Canal"
    assert "Organise" in await page.locator(".tree").inner_text()
    async with page.expect_download() as waiting:
        await page.click("text=Télécharger le reçu")
    kept = await (await waiting.value).path()
    assert (await asyncio.to_thread(kept.read_bytes)).startswith(b"c2sp.org/tlog-proof@v1\n")
    await context.close()


async def test_the_keyboard_alone_reaches_the_content(town: SmallTown, client: TestClient, browser: Browser) -> None:
    """The first key leads to the link that skips to the content, and what has the focus shows it."""
    watched = await open_page(browser, str(client.make_url("/")), DESK, "fr", dark=False)
    await watched.page.keyboard.press("Tab")
    focused = watched.page.locator(":focus")
    assert await focused.inner_text() == "Aller au contenu"
    assert await focused.is_visible()
    await watched.page.keyboard.press("Tab")
    outline = await watched.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    await watched.page.context.close()
