# SPDX-License-Identifier: AGPL-3.0-or-later
"""How pages present themselves elsewhere: their one address, what search engines are told, and by which name."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web import sitemap
from yarl import URL

from .small_town import SmallTown, asking, small_town

PUBLIC = "https://saint-denis.example"
LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def metas(html: str) -> dict[str, str]:
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)">', html)
    return dict(found)


def path_of(address: str) -> str:
    return URL(address).raw_path_qs


async def test_every_address_that_leaves_is_the_one_that_the_operator_gave(tmp_path: Path) -> None:
    """In calendars, feeds, tables, linked data, canonical links, Open Graph and the sitemap, whoever asks."""
    async with small_town(tmp_path / "node", public_url=PUBLIC) as town, asking(town) as client:
        element = town.elements["Festival des Murs"]
        came_by = str(client.make_url("/"))
        suffixes = ("ics", "atom", "geojson", "csv", "jsonld")
        paths = [f"/e/{element}.{suffix}" for suffix in suffixes] + [f"/search.{suffix}" for suffix in suffixes]
        for path in (*paths, "/sitemap.xml", "/robots.txt"):
            text = (await (await client.get(path)).text()).replace("\r\n ", "")
            assert PUBLIC in text, path
            assert came_by not in text, path
        page = await (await client.get(f"/e/{element}?lang=en&at=2026")).text()
        assert f'<link rel="canonical" href="{PUBLIC}/e/{element}?at=2026">' in page
        assert metas(page)["og:url"] == f"{PUBLIC}/e/{element}?at=2026"


async def test_without_one_it_is_the_name_that_the_reader_came_by(client: TestClient) -> None:
    """And a name that no browser would send is not repeated."""
    page = await (await client.get("/?q=velo")).text()
    assert f'href="{client.make_url("/")}?q=velo"' in page
    answer = await client.get("/robots.txt", headers={"Host": 'evil"><script>'})
    assert "script" not in await answer.text()


async def test_a_page_says_in_its_head_what_it_is(client: TestClient, town: SmallTown) -> None:
    page = await (await client.get(f"/e/{town.elements['Festival des Murs']}")).text()
    found = metas(page)
    assert found["og:title"].split() == ["Festival", "des", "Murs", "–", "Saint-Denis"]
    assert "Deux jours de musique dans la rue." in found["og:description"]
    assert found["og:site_name"] == "Saint-Denis"
    assert (found["og:type"], found["og:locale"], found["twitter:card"]) == ("article", "fr_FR", "summary")


async def test_a_refusal_is_no_page_to_find(client: TestClient) -> None:
    answer = await client.get("/nulle/part", headers={"Accept": "text/html"})
    assert "canonical" not in await answer.text()


async def test_the_map_lists_every_element_that_is_there(client: TestClient, town: SmallTown) -> None:
    """Those withdrawn are not, nor relations, which nobody looks for."""
    answer = await client.get("/sitemap.xml")
    assert answer.content_type == "application/xml"
    listed = [each.text or "" for each in ET.fromstring(await answer.read()).iter(LOC)]
    shown = {name: id_ for name, id_ in town.elements.items() if len(name) > 1 and name != "withdrawn"}
    for name, id_ in shown.items():
        assert any(where.endswith(f"/e/{id_}") for where in listed), name
    assert len([where for where in listed if "/e/" in where]) == len(set(shown.values()))
    for where in listed[:8]:
        assert (await client.get(path_of(where))).status == 200


async def test_many_elements_make_an_index_of_maps(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemap, "ADDRESSES_MAX", 20)
    parts = [each.text or "" for each in ET.fromstring(await (await client.get("/sitemap.xml")).read()).iter(LOC)]
    assert len(parts) >= 3
    listed: list[str] = []
    for part in parts:
        answer = await client.get(path_of(part))
        assert answer.status == 200
        listed += [each.text or "" for each in ET.fromstring(await answer.read()).iter(LOC)]
    assert len(listed) == len(set(listed)) == len(sitemap.PAGES) + await town.index.count(sitemap.KINDS_LISTED)
    for beyond in (f"/sitemap-{len(parts) + 1}.xml", "/sitemap-9999.xml"):
        assert (await client.get(beyond)).status == 404
