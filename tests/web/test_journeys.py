# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whole journeys of residents in a real browser, by keyboard alone and without script: from the first page to what they
came for.

Every stop of the focus is looked at on the way: what has it shows it (WCAG 2.4.7).
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from icalendar import Calendar
from playwright.async_api import Browser, Download, Page, async_playwright

from .small_town import SmallTown
from .test_browser import ARGUMENTS, CHROMIUM, DESK, PHONE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
]

STOPS_MAX = 120
"""Nothing that a person looks for is further from the beginning of a page."""
A4_POINTS = (595, 842)
FOCUS = """() => {
  const it = document.activeElement;
  const style = getComputedStyle(it);
  const box = it.getBoundingClientRect();
  return {
    left: it === document.body,
    text: (it.innerText || it.labels?.[0]?.textContent || it.getAttribute('aria-label') || '').trim(),
    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0
      && box.bottom > 0 && box.top < innerHeight,
  };
}"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        await opened.close()


class Keyboard:
    """A person with a keyboard and nothing else, whose browser runs no script."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def at(cls, browser: Browser, address: str, size: dict[str, int] = DESK) -> Keyboard:
        context = await browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            locale="fr",
            java_script_enabled=False,
            accept_downloads=True,
        )
        page = await context.new_page()
        page.set_default_timeout(10_000)
        await page.goto(address)
        return cls(page)

    async def go_to(self, text: str) -> None:
        """Press Tab until what has the focus says this; every stop on the way must be seen."""
        for _ in range(STOPS_MAX):
            await self.page.keyboard.press("Tab")
            focus = await self.page.evaluate(FOCUS)
            if focus["left"]:
                break
            assert focus["seen"], f"the focus cannot be seen on {focus['text']!r}"
            if text in focus["text"]:
                return
        raise AssertionError(f"{text!r} is not reached by Tab on {self.page.url}")

    async def follow(self, text: str) -> None:
        """Go to a link or a button, and press it."""
        await self.go_to(text)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def search(self, words: str) -> None:
        """Go to the question, type, and press Enter."""
        await self.go_to("Que cherchez-vous")
        await self.page.keyboard.type(words)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def take(self, text: str) -> Download:
        """Go to a link that is a file, and keep it."""
        await self.go_to(text)
        async with self.page.expect_download() as waiting:
            await self.page.keyboard.press("Enter")
        return await waiting.value

    async def heading(self) -> str:
        return await self.page.locator("h1").inner_text()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_find_saturdays_events_near_me_and_put_them_in_my_calendar(
    town: SmallTown, client: TestClient, browser: Browser, size: dict[str, int]
) -> None:
    """From a place that I know, what is around it this weekend, then that Saturday alone, as a file for my calendar."""
    near, far = [489361500, 23541500], [489500000, 23700000]
    await town.add("action", "Bal du samedi", type="event", start="2026-11-21T20:00+01:00", location=near)
    await town.add("action", "Match au loin", type="event", start="2026-11-21T15:00+01:00", location=far)
    await town.add("action", "Brunch du dimanche", type="event", start="2026-11-22T11:00+01:00", location=near)
    await town.index.catch_up()
    person = await Keyboard.at(browser, str(client.make_url("/")), size)
    await person.search("maison des associations")
    await person.follow("Maison des associations")
    await person.follow("Voir ce qui est à moins de")
    await person.follow("Ce week-end")
    await person.follow("Agenda")
    shown = await person.page.locator("main").inner_text()
    assert "Bal du samedi" in shown
    assert "Match au loin" not in shown
    await person.follow("Jour")
    shown = await person.page.locator("main").inner_text()
    assert "Bal du samedi" in shown
    assert "Brunch du dimanche" not in shown
    kept = await (await person.take("Agenda (.ics)")).path()
    calendar = Calendar.from_ical(await asyncio.to_thread(kept.read_bytes))
    (event,) = calendar.walk("VEVENT")
    assert str(event["SUMMARY"]) == "Bal du samedi"
    assert event["DTSTART"].dt.isoformat() == "2026-11-21T20:00:00+01:00"


async def test_find_an_association_and_all_it_is_part_of(town: SmallTown, client: TestClient, browser: Browser) -> None:
    """By name, to its entry, to its own space, to what it organises, to where that is."""
    person = await Keyboard.at(browser, str(client.make_url("/")))
    await person.search("atelier velo")
    await person.follow("Atelier vélo du Canal")
    tree = await person.page.locator(".tree").first.inner_text()
    for name in ("Réparer son vélo", "Maison des associations", "Chœur des Joncherolles"):
        assert name in tree
    await person.follow("Voir son espace")
    assert "/acteurs/atelier-velo-du-canal-" in person.page.url
    assert "mardi 24 novembre" in await person.page.locator("main").inner_text()
    await person.follow("Réparer son vélo")
    await person.follow("Maison des associations")
    assert await person.heading() == "Maison des associations"


async def test_print_the_poster_of_the_week(town: SmallTown, client: TestClient, browser: Browser) -> None:
    """From the first page; what is printed is one sheet of A4, with the code and without the ways around the page."""
    person = await Keyboard.at(browser, str(client.make_url("/")))
    await person.follow("Affiche de la semaine")
    await person.page.emulate_media(media="print")
    assert await person.page.locator(".poster svg.code").is_visible()
    assert await person.page.locator("header.head").is_hidden()
    printed = await person.page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    (box,) = re.findall(rb"/MediaBox\s*\[\s*0 0 ([0-9.]+) ([0-9.]+)\s*\]", printed)
    assert tuple(round(float(side)) for side in box) == A4_POINTS


async def test_open_a_receipt_and_verify_it(
    town: SmallTown, client: TestClient, browser: Browser, tmp_path: Path
) -> None:
    """The file and the key that the page gives are all that `convergences verify` needs; a changed file fails."""
    await town.cosign()
    person = await Keyboard.at(browser, str(client.make_url(f"/e/{town.elements['Festival des Murs']}")))
    await person.follow("Ce que prouve ce reçu")
    key = await person.page.locator("dl.facts code").first.inner_text()
    kept = tmp_path / "festival.tlog-proof"
    await (await person.take("Télécharger le reçu")).save_as(kept)
    assert await verify(kept, key) == 0
    data = bytearray(await asyncio.to_thread(kept.read_bytes))
    data[len(data) // 2] ^= 1
    await asyncio.to_thread(kept.write_bytes, data)
    assert await verify(kept, key) == 1


async def verify(receipt: Path, key: str) -> int | None:
    """What the command answers, with no node and no network."""
    command = str(Path(sys.executable).with_name("convergences"))
    process = await asyncio.create_subprocess_exec(command, "verify", str(receipt), "--key", key, stdout=-3, stderr=-3)
    return await asyncio.wait_for(process.wait(), 60)
