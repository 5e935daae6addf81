# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pictures of the operator's guides: the first day of a node, in a real browser. `python docs/make_pictures.py`

A node is set up in a temporary folder, in French and in English, and each page is kept as its reader first sees it.
Needs Debian's Chromium.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from convergences_node.web.operator.setup_pages import AGAIN
from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.setup.person import ARGUMENTS, CHROMIUM  # noqa: E402
from tests.setup.processes import Process  # noqa: E402 - found only on the path above
from tests.setup.test_first_day import PASSWORD, words_asked  # noqa: E402

SIZE = {"width": 620, "height": 760}
PICTURE_BYTES_MAX = 100_000


async def main() -> None:
    """Make them all."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for language in ("fr", "en"):
            with tempfile.TemporaryDirectory() as folder:
                process = Process(Path(folder) / "node")
                try:
                    page = await browser.new_page(viewport=SIZE, locale=language)  # type: ignore[arg-type]
                    await first_day(page, process, ROOT / "docs" / language)
                finally:
                    process.stop()
        await browser.close()


async def first_day(page, process: Process, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """From the code to the operator's page, a picture a page."""

    async def keep(name: str) -> None:
        path = folder / f"{name}.png"
        await page.screenshot(path=str(path))
        assert path.stat().st_size <= PICTURE_BYTES_MAX, path

    await page.goto(process.address())
    await keep("code")
    await page.fill("#code", process.code())
    await page.click("button[type=submit]")
    await keep("town")
    await page.goto(process.address() + AGAIN[1:])
    await keep("again")
    await page.go_back()
    await page.fill("#q", "93240")
    await page.press("#q", "Enter")
    await page.click("button[value=FR-93072]")
    await keep("node")
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")
    await page.wait_for_selector(".recovery")
    await keep("sheet")
    for number, word in enumerate(await words_asked(page), 1):
        await page.fill(f"#word{number}", word)
    await page.press("#word2", "Enter")
    await page.wait_for_selector(".lights")
    await keep("operator")


if __name__ == "__main__":
    asyncio.run(main())
