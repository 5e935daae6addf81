# SPDX-License-Identifier: AGPL-3.0-or-later
"""The shapes that are served describe what is served: a stranger's validator finds nothing wrong in our own export, and
something wrong in each of a few exports that were spoilt."""

from __future__ import annotations

from collections.abc import Callable

import pyshacl
import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_protocol.kinds import KINDS

from tests.web.reading_back import DC, PAIR
from tests.web.small_town import SmallTown

from .conftest import BASE

SH = rdflib.Namespace("http://www.w3.org/ns/shacl#")
RDF = rdflib.RDF


async def shapes(client: TestClient) -> rdflib.Graph:
    answer = await client.get("/shapes.ttl")
    assert answer.headers["Content-Type"] == "text/turtle"
    return rdflib.Graph().parse(data=await answer.text(), format="turtle")


async def export(client: TestClient) -> rdflib.Graph:
    """Everything the node says, the graphs put together."""
    data = rdflib.Dataset()
    data.parse(data=await (await client.get("/data/all.nq")).text(), format="nquads")
    graph = rdflib.Graph()
    for subject, predicate, value, _ in data.quads():
        graph.add((subject, predicate, value))
    return graph


def faults(data: rdflib.Graph, shape: rdflib.Graph) -> set[tuple[str, str]]:
    """Which property is at fault, and by which constraint."""
    _, found, _ = pyshacl.validate(data, shacl_graph=shape, meta_shacl=True)
    assert isinstance(found, rdflib.Graph)

    def last(result: rdflib.term.Node, said: rdflib.URIRef) -> str:
        return str(found.value(result, said)).rpartition("#")[2]

    results = found.subjects(RDF.type, SH.ValidationResult)
    return {(last(each, SH.resultPath), last(each, SH.sourceConstraintComponent)) for each in results}


async def test_every_kind_has_a_shape_and_the_export_fits_them(client: TestClient, town: SmallTown) -> None:
    await town.add(
        "place", "Tout", type="park", other_names=["Parc", "Square"], summary="a", description="b", postcode="93200",
        themes=[town.elements["Vélo"]], address="2 rue", locality="Saint-Denis", town="FR-93066", location=[-1, 2],
        opening_hours="24/7", accessibility="oui", website="https://x.example/é", began="1987-05", ended="2020",
        source="s", source_id="1", licence="CC0", fetched="2026-11-22", language="fr",
    )  # fmt: skip
    await town.index.catch_up()
    shape = await shapes(client)
    assert {str(each).rpartition("#")[2] for each in shape.subjects(RDF.type, SH.NodeShape)} == {
        name for name, kind in KINDS.items() if not kind.control
    }
    assert faults(await export(client), shape) == set()


Spoil = Callable[[rdflib.Graph, rdflib.term.Node], None]
SPOILT: dict[tuple[str, str], Spoil] = {
    ("label", "MinCountConstraintComponent"): lambda g, s: (g.remove((s, PAIR.label, None)), None)[1],
    ("label", "MaxCountConstraintComponent"): lambda g, s: (g.add((s, PAIR.label, rdflib.Literal("deux"))), None)[1],
    ("hasTopic", "NodeKindConstraintComponent"): lambda g, s: (g.add((s, PAIR.hasTopic, rdflib.Literal("x"))), None)[1],
    ("modified", "PatternConstraintComponent"): lambda g, s: (g.set((s, DC.modified, rdflib.Literal("hier"))), None)[1],
    ("startDate", "DatatypeConstraintComponent"): lambda g, s: (
        g.set((s, PAIR.startDate, rdflib.Literal("2026"))), None)[1],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
async def test_what_is_spoilt_is_found_by_its_property(client: TestClient) -> None:
    shape, whole = await shapes(client), await export(client)
    (festival,) = whole.subjects(PAIR.label, rdflib.Literal("Festival des Murs"))
    assert str(festival).startswith(f"{BASE}/e/")
    for expected, spoil in SPOILT.items():
        data = rdflib.Graph()
        for triple in whole:
            data.add(triple)
        spoil(data, festival)
        found = faults(data, shape)
        key = {(path.rpartition("/")[2], constraint) for path, constraint in found}
        assert expected in key, (expected, found)
