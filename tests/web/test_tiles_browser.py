# SPDX-License-Identifier: AGPL-3.0-or-later
"""An operator puts a `.pmtiles` file into the node's folder, and the map is drawn on it: from this node, in ranges."""

from __future__ import annotations

import dataclasses

from aiohttp.test_utils import TestClient
from playwright.async_api import expect

from .browsing import SCRIPTED, opened
from .small_town import SmallTown
from .test_map_browser import address, live_map
from .tiny_tiles import tiny_tiles

pytestmark = SCRIPTED

WATER = [128, 222, 234]
"""The colour of water in Protomaps' light basemap."""

_COLOURS = """() => [...document.querySelectorAll('canvas.leaflet-tile')].map(
    each => [...each.getContext('2d').getImageData(each.width / 2, each.height / 2, 1, 1).data].slice(0, 3))"""


async def test_the_operators_tiles_are_drawn_under_the_marks(town: SmallTown, client: TestClient) -> None:
    path = town.archive.folder / "ville.pmtiles"
    path.write_bytes(tiny_tiles())
    town.web_settings = dataclasses.replace(town.web_settings, map_tiles=path)
    async with opened(address(client, "/?vue=carte")) as it:
        await live_map(it.page)
        await it.page.wait_for_selector("canvas.leaflet-tile-loaded")
        await expect(it.page.locator(".map .said")).to_have_text("© Les cartographes")
        colours = await it.page.evaluate(_COLOURS)
        assert WATER in colours, colours
        await it.is_open_to_everyone()
        it.is_quiet(address(client, "/"))
        assert any("tiles.pmtiles" in url for url in it.asked)


async def test_a_file_that_is_no_map_leaves_the_outlines(town: SmallTown, client: TestClient) -> None:
    path = town.archive.folder / "ville.pmtiles"
    path.write_bytes(b"not a map" * 100)
    town.web_settings = dataclasses.replace(town.web_settings, map_tiles=path)
    async with opened(address(client, "/?vue=carte")) as it:
        await live_map(it.page)
        await it.page.wait_for_load_state("networkidle")
        assert await it.page.locator(".live path.town").count() == 1
        assert await it.page.locator(".map.tiled").count() == 0
