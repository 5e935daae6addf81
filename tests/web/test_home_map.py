# SPDX-License-Identifier: AGPL-3.0-or-later
"""The home page's picture of the town: bounded, this town never left out, and a link to the map that can be used."""

from __future__ import annotations

import re

from aiohttp.test_utils import TestClient
from convergences_node.index.details import OutlineView
from convergences_node.index.marks import Mark
from convergences_node.web import home_map
from convergences_node.web.home_map import DOTS_MAX, PATHS_CHARS_MAX, drawn

from .small_town import SmallTown

E7 = 10_000_000


def square(code: str, south: int, west: int, steps: int = 1) -> OutlineView:
    """A town of a degree across, its southern side with so many corners."""
    side = [each for step in range(steps) for each in (south * E7 + step % 2 * E7 // 9, west * E7 + step * E7 // steps)]
    rest = [south * E7, (west + 1) * E7, (south + 1) * E7, (west + 1) * E7, (south + 1) * E7, west * E7]
    return OutlineView(code=code, name=code, within=(), outline=[[side + rest]])


def mark(kind: str, lat: int, lon: int) -> Mark:
    return Mark("FR-1:x", kind, "", lat, lon, None, None)


def test_this_town_is_drawn_over_its_neighbours_and_is_never_left_out() -> None:
    towns = [square(f"FR-{number}", number, 0, 300) for number in range(1, 30)]
    picture = drawn(towns, (), "FR-29")
    assert picture is not None
    assert [part.is_own for part in picture.parts][-1] is True
    assert sum(part.is_own for part in picture.parts) == 1
    assert sum(len(part.path) for part in picture.parts) < 2 * PATHS_CHARS_MAX
    assert len(picture.parts) < len(towns)
    alone = drawn([square("FR-1", 1, 0, 20_000)], (), "FR-1")
    assert alone is not None and len(alone.parts) == 1


def test_dots_are_bounded_told_apart_by_kind_and_inside_of_the_picture() -> None:
    many = [mark("actor", E7 + lat * 20_000, lon * 20_000) for lat in range(100) for lon in range(100)]
    elsewhere = mark("place", 40 * E7, 40 * E7)
    picture = drawn([square("FR-1", 1, 0)], [mark("action", E7 + E7 // 2, E7 // 2), elsewhere, *many], "FR-1")
    assert picture is not None
    dots = {kind: moves.count("M") for kind, moves in picture.dots}
    assert dots["action"] == 1 and "place" not in dots
    assert sum(dots.values()) <= DOTS_MAX


def test_where_no_outline_is_known_there_is_no_picture() -> None:
    assert drawn((), [mark("actor", 1, 1)], "FR-1") is None


async def test_the_home_page_has_it_as_one_link_to_the_map(client: TestClient, town: SmallTown) -> None:
    html = await (await client.get("/?lang=fr")).text()
    (link,) = re.findall(r'<a class="land" href="([^"]*)">', html)
    assert "vue=carte" in link
    assert "Voir la carte" in html
    assert home_map.HOME_MAP in client.app
