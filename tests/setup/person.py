# SPDX-License-Identifier: AGPL-3.0-or-later
"""Somebody in front of a node's pages, in a real browser: what they fill in and press, and whether they all could."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from convergences_node.control import call
from playwright.async_api import Browser, Page

from .processes import Process

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
PHONE, DESK = {"width": 320, "height": 640}, {"width": 1280, "height": 900}

IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
]


def in_a_browser(test: Any) -> Any:
    """Of a test that needs one."""
    for mark in IN_A_BROWSER:
        test = mark(test)
    return test


class Person:
    """Somebody in front of the pages, who counts what is asked of them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answers = 0
        self.asked_elsewhere: list[str] = []

    async def fill(self, label: str, text: str) -> None:
        await self.page.get_by_label(label, exact=True).fill(text)
        self.answers += 1

    async def press(self, name: str | re.Pattern[str]) -> None:
        await self.page.get_by_role("button", name=name).click()
        self.answers += 1

    async def open_to_everyone(self, name: str) -> None:
        """axe finds nothing, nothing is wider than the screen, and a picture is kept if a folder is named for it."""
        if folder := os.environ.get("CONVERGENCES_PICTURES"):
            await self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
        found = await Axe().run(self.page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        wide = "document.documentElement.scrollWidth > window.innerWidth"
        assert not await self.page.evaluate(wide), f"{name} is too wide"


async def at(browser: Browser, address: str, size: dict[str, int] = DESK, **context: Any) -> Person:
    opened = await browser.new_context(viewport=size, locale="fr", **context)  # type: ignore[arg-type]
    page = await opened.new_page()
    await page.goto(address)
    return Person(page)


async def operator_at(browser: Browser, process: Process, path: str, size: dict[str, int], scheme: str) -> Person:
    """The operator, logged in, at one of their pages; in the light or in the dark."""
    given = await asyncio.to_thread(call, process.folder, "operator", {})
    person = await at(browser, f"{process.address()}operateur/entrer", size, color_scheme=scheme)
    await person.fill("Nom d’utilisateur", given["name"])
    await person.fill("Mot de passe", given["password"])
    await person.press("Se connecter")
    await person.page.goto(f"{process.address()}{path[1:]}")
    return person
