# SPDX-License-Identifier: AGPL-3.0-or-later
"""Outlines and points in the words of GeoSPARQL: what is written is read back, and what others write is read too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from convergences_node.web.surfaces import wkt

from tests.web.small_town import TERRITORY, SmallTown

from .test_pair import brought, empty_town

RING = [489100000, 23300000, 489100000, 23700000, 489600000, 23700000, 489100000, 23300000]
HOLE = [489200000, 23400000, 489200000, 23500000, 489300000, 23500000, 489200000, 23400000]
OTHER = [-1, -5, 0, 10, 1234567, 1, -1, -5]
ISLAND = """
@prefix pair: <http://virtual-assembly.org/ontologies/pair#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
<https://elsewhere.example/places/1> a pair:Place ; pair:label "Halle" ;
    geo:hasGeometry [ a geo:Geometry ; geo:asWKT "POINT(2.36 48.93)"^^geo:wktLiteral ] .
<https://elsewhere.example/places/2> a pair:Place ; pair:label "Parc" ;
    geo:hasGeometry [ a geo:Geometry ; geo:asWKT "POLYGON((2 48,3 48,3 49,2 48))"^^geo:wktLiteral ] .
"""


@pytest.mark.parametrize("outline", [[[RING]], [[RING, HOLE]], [[RING, HOLE], [OTHER]]])
def test_an_outline_is_read_as_it_was_written(outline: wkt.Outline) -> None:
    assert wkt.read_outline(wkt.written(outline)) == outline


def test_a_ring_is_closed_when_it_is_written() -> None:
    assert wkt.written([[RING[:-2]]]) == wkt.written([[RING]])
    assert wkt.written([[OTHER]]) == "MULTIPOLYGON(((-0.0000005 -0.0000001,0.000001 0,0.0000001 0.1234567,"\
        "-0.0000005 -0.0000001)))"  # fmt: skip


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("POINT(2.36 48.93)", [489300000, 23600000]),
        (" point ( 2.36  48.93 ) ", [489300000, 23600000]),
        (f"<{wkt.CRS84}> POINT(2.36 48.93)", [489300000, 23600000]),
        (f"<{wkt.EPSG4326}> POINT(48.93 2.36)", [489300000, 23600000]),
        ("<http://www.opengis.net/def/crs/EPSG/0/2154> POINT(652000 6862000)", None),
        ("POINT Z (2.36 48.93 30)", None),
        ("POINT(2,36 48,93)", None),
        ("POINT EMPTY", None),
        ("LINESTRING(1 2,3 4)", None),
        ("POLYGON((1 2,3 4,5 6,1 2))", None),
        ("POINT(1e999 0)", None),
    ],
)
def test_a_point_is_read_on_its_axes_or_not_at_all(text: str, point: list[int] | None) -> None:
    assert wkt.read_point(text) == point


@pytest.mark.parametrize("text", ["POLYGON EMPTY", "MULTIPOLYGON(((1 2,3)))", "POINT(1 2)", "POLYGON((a b))", ""])
def test_what_is_no_outline_is_none(text: str) -> None:
    assert wkt.read_outline(text) is None


@pytest.mark.parametrize("text", ["MULTIPOLYGON(" + "(" * 500_000 + ")", "POLYGON(" + "(1 2)," * 170_000 + ")"])
def test_a_text_that_means_harm_is_none(text: str) -> None:
    """Half a million brackets: it ends."""
    assert wkt.read_outline(text) is None


async def test_a_territory_keeps_its_outline(town: SmallTown, tmp_path: Path) -> None:
    """Out as linked data, and into a node that did not describe its territory: the same shape."""
    from .test_pair import exported

    path = tmp_path / "towns.nq"
    path.write_bytes(await exported(town))
    assert b'asWKT> "MULTIPOLYGON(((2.33 48.91,2.37 48.91,' in path.read_bytes()
    async with empty_town(tmp_path / "again") as again:
        report = await brought(again, path)
        assert not any("Geometry" in each["what"] for each in report["not_held"]), report["not_held"]
        shapes: list[Any] = [each.outline for each in await again.index.outlines() if each.code == TERRITORY]
        assert shapes == [each.outline for each in await town.index.outlines() if each.code == TERRITORY]


async def test_a_point_of_another_archive_is_a_place_and_an_outline_that_no_kind_holds_is_listed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "island.ttl"
    path.write_text(ISLAND, "utf-8")
    async with empty_town(tmp_path / "node") as node:
        report = await brought(node, path)
        assert {each["what"]: each["count"] for each in report["not_held"]} == {"geo:hasGeometry": 1}
        found = [item async for item in _places(node)]
        assert found == [("Halle", [489300000, 23600000]), ("Parc", None)]


async def _places(node: Any) -> Any:
    from convergences_node.index.query import Query

    for item in (await node.index.search(Query(kinds=("place",), sort="name"))).items:
        view = await node.index.element(item.id)
        yield view.fields["name"], view.fields.get("location")
