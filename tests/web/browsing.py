# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opening pages with their scripts in a real browser, and watching what they do: for the tests of the scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.async_playwright import Axe
from convergences_node.web.static_files import address_if_built
from playwright.async_api import Page, async_playwright, expect

from .test_browser import ARGUMENTS, CHROMIUM, DESK

SCRIPTED = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium"),
    pytest.mark.skipif(
        address_if_built("map.js") is None, reason="the pages' scripts are not built: make front (needs node and npm)"
    ),
]

PATIENCE_MS = 30_000
"""Every wait is for something that happens; on a machine that is busy it may take its time."""
expect.set_options(timeout=PATIENCE_MS)

_WATCH_SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((each) => { window.shifted += each.value; }))
        .observe({ type: "layout-shift", buffered: true });
"""


@dataclass
class Opened:
    """A page, what it asked for and what it said in its console."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    received_bytes: int = 0
    """Over the wire, compressed, headers included."""

    async def shifted(self) -> float:
        """How much of the page has jumped (Cumulative Layout Shift)."""
        moved: float = await self.page.evaluate("window.shifted")
        return moved

    async def is_open_to_everyone(self) -> None:
        found = await Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()
        assert await self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide"

    def is_quiet(self, host: str) -> None:
        """It asked no other host for anything, and nothing was refused it: neither script nor style."""
        assert [url for url in self.asked if not url.startswith((host, "blob:"))] == []
        assert self.said == []


@asynccontextmanager
async def opened(
    address: str, size: dict[str, int] = DESK, language: str = "fr", dark: bool = False, motion: str = "reduce"
) -> AsyncIterator[Opened]:
    """Open a page, with its scripts, in a browser of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        context = await browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            locale=language,
            color_scheme="dark" if dark else "light",
            reduced_motion=motion,  # type: ignore[arg-type]
        )
        await context.add_init_script(_WATCH_SHIFTS)
        watched = Opened(await context.new_page())
        watched.page.set_default_timeout(PATIENCE_MS)
        watched.page.on("request", lambda request: watched.asked.append(request.url))
        watched.page.on("console", lambda message: watched.said.append(message.text))
        watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
        wire = await context.new_cdp_session(watched.page)
        await wire.send("Network.enable")

        def received(event: dict[str, float]) -> None:
            watched.received_bytes += int(event["encodedDataLength"])

        wire.on("Network.loadingFinished", received)
        try:
            await watched.page.goto(address, wait_until="load")
            yield watched
        finally:
            await browser.close()
