# SPDX-License-Identifier: AGPL-3.0-or-later
"""The narrowest phone: a search box that one can type in, a first answer within sight, pictures that move nothing."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web.messages import LANGUAGES

from benchmarks.audit.limits import SHIFT_MAX
from tests.media.pictures import drawn, written

from .browsing import SCRIPTED, opened
from .small_town import SmallTown
from .test_map_browser import address
from .test_media import medium, written_down

pytestmark = SCRIPTED

NARROW = {"width": 320, "height": 640}
TYPED_PIXELS_MIN = 190
"""Some twenty letters."""
BROKEN = """(found) => found.flatMap((it) => {
  const text = it.firstChild, range = document.createRange(), broken = [];
  for (const { index, 0: word } of text.data.matchAll(/[^\\s-]+/g)) {
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    if (range.getClientRects().length > 1) broken.push(word);
  }
  return broken;
})"""
"""The words of these texts that begin on one line and end on the next."""
SQUARE = written(drawn(144, 144), "WEBP")


@pytest.fixture
async def pages(town: SmallTown) -> dict[str, str]:
    await town.blobs.add_bytes(SQUARE)
    said = medium(SQUARE, "La place un jour de fête", width=144, height=144)
    start = "2026-11-20T18:00+01:00"
    event = await written_down(town, "action", "Fête de la place", type="event", start=start, pictures=[said])
    return {
        "home": "/",
        "list": "/?q=fête",
        "agenda": "/?vue=agenda",
        "element": f"/e/{event}",
        "nothing": "/nulle/part",
    }


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_a_narrow_phone_reads_and_searches(pages: dict[str, str], client: TestClient, dark: bool) -> None:
    for name, path in pages.items():
        async with opened(address(client, path), NARROW, "fr", dark) as it:
            box = it.page.get_by_role("searchbox")
            if name == "element":
                assert await box.count() == 0
                assert await it.page.get_by_role("link", name="Recherche").is_visible()
            else:
                room = await box.bounding_box()
                assert room is not None and room["width"] >= TYPED_PIXELS_MIN, name
                assert await it.page.get_by_role("button", name="Chercher").is_visible(), name
            if name in ("home", "list"):
                first = await it.page.locator(".thumb").first.bounding_box()
                assert first is not None and first["y"] < NARROW["height"], f"{name}: an answer on the first screen"
            assert await it.shifted() < SHIFT_MAX
            await it.is_open_to_everyone()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_word_of_the_first_heading_is_cut(client: TestClient, language: str) -> None:
    async with opened(address(client, f"/?lang={language}"), NARROW, language) as it:
        assert await it.page.locator(".land").count() == 1, "beside a picture, where there is least room"
        assert await it.page.locator("h1").evaluate_all(BROKEN) == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_day_is_cut_on_the_leaf_of_a_calendar(town: SmallTown, client: TestClient, language: str) -> None:
    """Of a Wednesday in September, whose English name is the longest, beside what happens then."""
    await written_down(town, "action", "Forum", type="event", start="2026-09-23T14:00+02:00")
    path = f"/?vue=agenda&from=2026-09-21&to=2026-09-27&lang={language}"
    async with opened(address(client, path), {"width": 1280, "height": 800}, language) as it:
        said = it.page.locator(".date span")
        assert await said.count() >= 2
        assert await said.evaluate_all(BROKEN) == []


async def test_agenda_and_map_are_a_key_away_from_any_entry(pages: dict[str, str], client: TestClient) -> None:
    """By the keyboard: skip, town, search, agenda."""
    async with opened(address(client, pages["element"])) as it:
        for _ in range(4):
            await it.page.keyboard.press("Tab")
        assert await it.page.evaluate("document.activeElement.textContent") == "Agenda"
        await it.page.keyboard.press("Enter")
        await it.page.wait_for_url("**vue=agenda*")
