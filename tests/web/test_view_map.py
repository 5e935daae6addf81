# SPDX-License-Identifier: AGPL-3.0-or-later
"""The map and its list hold the same, and what has no place is counted beside them."""

from __future__ import annotations

import re
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.index.query import E7, Box, Query
from convergences_node.index.views import Total
from convergences_node.web.cards import Reading
from convergences_node.web.map_question import _placeless
from convergences_node.web.messages import catalogue
from convergences_node.web.projecting import WIDTH, frame_around, path_of

from .asking import page
from .small_town import START, TERRITORY, SmallTown

READING = Reading(catalogue("fr"), ZoneInfo("Europe/Paris"), START, "fr", None)


async def test_the_map_and_its_list_hold_the_same(client: TestClient) -> None:
    html = await page(client, "/?vue=carte&kind=place&lang=fr")
    drawing, _, twin = html.partition("</svg>")
    marks = [int(text) for text in re.findall(r">(\d+)</text>", drawing)]
    marks += [1] * len(re.findall(r'class="mark (?!many)', drawing))
    assert sum(marks) == 46
    assert twin.split("<aside")[0].count('<li class="card') == 46


def _said(html: str) -> list[str]:
    """The sentences over the list beside the map."""
    beside = html.split('id="map-list"')[1].split("<ol>")[0].split("<details>")[0]
    return re.findall(r'<p class="soft">(.*?)</p>', beside)


async def test_the_list_beside_the_map_has_what_the_map_has_and_the_rest_is_counted(
    client: TestClient, town: SmallTown
) -> None:
    """The newest answers have no place and would fill a page: the map asks only for what lies in its frame."""
    for number in range(210):
        await town.add("actor", f"Sans lieu {number}", type="association")
    await town.add("place", "Maison de vacances", type="other", location=[435000000, 50000000])
    await town.index.catch_up()
    html = await page(client, "/?vue=carte&kind=place&kind=actor&lang=fr")
    shown, rest = _said(html)
    listed = html.split('id="map-list"')[1].split("<aside")[0]
    assert listed.count('<li class="card') == 46
    assert shown == "46 réponses sur cette carte."
    assert "Sans lieu" not in listed
    everything = (await _all(town, "place", "actor")) - 47
    assert rest.startswith(f"{everything} autres réponses n’ont pas de lieu précis. 1 autre est hors du cadre")
    way = unescape(re.findall(r'href="([^"]*)"', rest)[0])
    assert "vue=carte" not in way
    assert "box=" not in way
    assert f"{everything + 47} résultats" in await page(client, way)


async def _all(town: SmallTown, *kinds: str) -> int:
    return (await town.index.search(Query(kinds=kinds))).total.count


async def test_a_map_s_page_has_the_next_one_within_its_frame(client: TestClient, town: SmallTown) -> None:
    """As many as a map holds, of how many, and a link to those that come after, which has them all."""
    for number in range(230):
        point = [489300000 + number * 500, 23500000]
        await town.add("place", f"Borne {number}", type="other", location=point)
    await town.index.catch_up()
    first = await page(client, "/?vue=carte&kind=place&lang=fr")
    assert _said(first)[0].startswith("200 réponses sur les 276 de cette carte.")
    (way,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = await page(client, unescape(way))
    names = [set(re.findall(r"Borne \d+", html.split('id="map-list"')[1])) for html in (first, second)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 230


@pytest.mark.parametrize(
    ("found", "placed", "said"),
    [
        (Total(count=40), Total(count=28), ["12 autres réponses n’ont pas de lieu précis."]),
        (Total(count=40), Total(count=40), []),
        (Total(count=8_000), Total(count=7_100, exact=False), [catalogue("fr").text("map.some_placeless")]),
        (Total(count=8_000), Total(count=5_890, exact=False), [catalogue("fr").count("map.about_placeless", 2_100)]),
    ],
)
def test_what_has_no_place_is_a_number_only_where_that_is_known(found: Total, placed: Total, said: list[str]) -> None:
    """The difference of an estimate may be nothing but its error."""
    assert list(_placeless(READING, found, placed)) == said


async def test_answers_of_which_none_has_a_place_are_not_called_none(client: TestClient, town: SmallTown) -> None:
    await town.add("actor", "Introuvable sur la carte", type="association")
    await town.index.catch_up()
    html = await page(client, "/?vue=carte&q=introuvable&lang=fr")
    assert _said(html)[0] == "Aucune réponse n’a son lieu sur cette carte."
    assert "1 autre réponse n’a pas de lieu précis." in html
    assert 'class="empty"' not in html


async def test_a_town_on_the_map_is_a_link_that_says_what_is_there(client: TestClient) -> None:
    html = await page(client, "/?vue=carte&lang=fr")
    (town,) = re.findall(r'<a href="([^"]*)" class="town own"[^>]*aria-label="([^"]*)"', html)
    assert f"territory={TERRITORY}" in town[0]
    assert "vue=carte" in town[0]
    assert town[1].startswith("Saint-Denis\u00a0: ")


def test_a_frame_holds_its_box_and_has_the_shape_of_a_picture() -> None:
    for box in (
        Box(23300000, 489100000, 23700000, 489600000),
        Box(0, 0, 0, 0),
        Box(-180 * E7, -90 * E7, 180 * E7, 90 * E7),
        Box(0, 89 * E7, 1, 90 * E7),
        Box(0, 0, 100 * E7, 1),
    ):
        frame = frame_around(box)
        assert frame.box.west <= box.west < frame.box.east
        assert 100 <= frame.height <= WIDTH * 2


def test_an_outline_is_drawn_once_a_corner_and_left_out_when_it_is_elsewhere() -> None:
    frame = frame_around(Box(0, 0, E7, E7), margin=0)
    far = [[[50 * E7, 50 * E7, 50 * E7, 51 * E7, 51 * E7, 51 * E7]]]
    near = [[[0, 0, 0, 1, 0, 2, 0, E7, E7, E7, E7, 0]]]
    assert path_of(frame, far) == ""
    assert path_of(frame, near).count("L") == 3
