# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page for those who read a node from another system: every address on it answers, and every surface is on it."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp.test_utils import TestClient
from convergences_node.web.surfaces.gogocarto import number_of
from convergences_node.web.surfaces.routes import SURFACES

from .small_town import SmallTown

PAGE = Path(__file__).parents[2] / "docs" / "interoperability.md"


def addresses() -> set[str]:
    """What the page's tables and its `curl` lines name."""
    text = PAGE.read_text("utf-8")
    named = set(re.findall(r"`(/[a-z.][^` ]*)`", text)) | set(re.findall(r"https://noeud\.example(/[^\s'`]+)", text))
    return {each for each in named if "…" not in each}


async def test_every_address_on_the_page_answers(client: TestClient, town: SmallTown) -> None:
    ids = {"themes": "Culture", "organizations": "Atelier vélo du Canal"}
    for named in sorted(addresses()):
        container = named.split("/")[1]
        path = named.replace("<container>", "events")
        for id_ in ("<id>", "FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"):
            path = path.replace(id_, town.elements[ids.get(container, "Réparer son vélo")])
        path = path.replace("<number>", str(number_of(town.elements["Culture"])))
        path = path.replace("<INSEE>", "93066").replace("<kind>", "place")
        answer = await client.get(path)
        assert answer.status == 200, (named, path, answer.status)


def test_every_surface_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    for route in SURFACES:
        written = re.sub(r"\{(\w+)\}", lambda found: f"<{'INSEE' if found[1] == 'code' else found[1]}>", route.path)
        parts = {written, written.replace("<container>", "themes")}
        stems = {each.removesuffix(".atom").removesuffix(".geojson") for each in parts}
        assert written == "/<container>" or any(f"{each}" in text for each in parts | stems), route.path
