# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a map is drawn from: marks, outlines, and the operator's tiles."""

from __future__ import annotations

import dataclasses

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.config import parse_config
from convergences_node.index import marks as marks_module
from convergences_node.index.details import OutlineView
from convergences_node.web import api_map
from convergences_node.web.element_place import KEPT_SECONDS
from convergences_protocol.errors import LocalError

from .small_town import SmallTown


async def test_marks_are_what_the_question_finds_and_has_a_place(town: SmallTown, client: TestClient) -> None:
    answer = await (await client.get("/api/v1/marks", params={"kind": "action"})).json()
    assert answer["complete"]
    (workshop,) = answer["marks"]
    id_, kind, name, lat, lon, began, ended = workshop
    assert (id_, kind, name) == (town.elements["Réparer son vélo"], "action", "Réparer son vélo")
    assert (lat, lon) == (489361000, 23541000)
    assert began == 1_795_539_600  # 24 November 2026, 18:00 in Paris
    assert ended is None  # every week from then on
    everywhere = await (await client.get("/api/v1/marks")).json()
    assert len(everywhere["marks"]) == 47
    outside = await (await client.get("/api/v1/marks", params={"box": "3,48,4,49"})).json()
    assert outside == {"marks": [], "complete": True}


async def test_more_marks_than_one_answer_holds_are_said_to_be_more(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks_module, "MARKS_MAX", 10)
    answer = await (await client.get("/api/v1/marks")).json()
    assert (len(answer["marks"]), answer["complete"]) == (10, False)


async def test_outlines_are_geojson_and_need_not_be_sent_again(client: TestClient) -> None:
    answer = await client.get("/api/v1/outlines")
    assert answer.headers["Content-Type"] == "application/geo+json"
    (feature,) = (await answer.json())["features"]
    assert feature["properties"]["name"] == "Saint-Denis"
    (ring,) = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    tag = answer.headers["ETag"]
    again = await client.get("/api/v1/outlines", headers={"If-None-Match": tag})
    assert (again.status, again.headers["ETag"]) == (304, tag)


async def test_outlines_are_put_together_once_a_minute(
    town: SmallTown, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await (await client.get("/api/v1/outlines")).read()
    monkeypatch.setattr(api_map, "POINTS_MAX", 4)
    assert await (await client.get("/api/v1/outlines")).read() == first
    now = town.now() + KEPT_SECONDS
    monkeypatch.setattr(town, "now", lambda: now)
    assert (await (await client.get("/api/v1/outlines")).json(content_type=None))["features"] == []


def test_many_outlines_are_drawn_on_a_coarser_grid_on_which_neighbours_still_touch() -> None:
    """Two towns with a long crooked border in common: it stays in common."""
    border = [(489_000_000 + number * 600, 23_000_000 + number % 7 * 500) for number in range(6_000)]
    west = [*border, (489_000_000, 22_000_000)]
    east = [*border, (489_000_000, 24_000_000)]
    outlines = [
        OutlineView(code=code, name=code, within=(), outline=[[[value for corner in ring for value in corner]]])
        for code, ring in (("FR-1", west), ("FR-2", east))
    ]
    rings = [outline[0][0] for _, outline in api_map._thinned(outlines)]
    assert len(rings) == 2
    assert sum(map(len, rings)) // 2 <= api_map.POINTS_MAX
    assert rings[0][:-2] == rings[1][:-2]


async def test_tiles_are_served_in_ranges_once_the_operator_has_put_them_there(
    town: SmallTown, client: TestClient
) -> None:
    assert (await client.get("/api/v1/tiles.pmtiles")).status == 404
    path = town.archive.folder / "ville.pmtiles"
    path.write_bytes(bytes(range(256)) * 10)
    town.web_settings = dataclasses.replace(town.web_settings, map_tiles=path)
    answer = await client.get("/api/v1/tiles.pmtiles", headers={"Range": "bytes=256-259"})
    assert answer.status == 206
    assert await answer.read() == bytes([0, 1, 2, 3])
    assert answer.headers["Content-Range"] == "bytes 256-259/2560"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    path.unlink()
    assert (await client.get("/api/v1/tiles.pmtiles")).status == 404


def test_tiles_are_a_file_of_the_nodes_folder_and_no_other() -> None:
    node = '[node]\nname = "x"\nterritory = "FR-93066"\n[map]\ntiles = '
    assert parse_config(f'{node}"ville.pmtiles"'.encode()).map.tiles == "ville.pmtiles"
    for name in ("../keys/node", "/etc/x.pmtiles", "archive.db", "a/b.pmtiles", ".pmtiles"):
        with pytest.raises(LocalError, match=r"map\.tiles"):
            parse_config(f'{node}"{name}"'.encode())
