# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is offered and needed is read by a stranger in the words of ValueFlows, and only while it is."""

from __future__ import annotations

import json

import rdflib
from aiohttp.test_utils import TestClient

from tests.web.reading_back import take
from tests.web.small_town import SmallTown

from .conftest import BASE

VF = rdflib.Namespace("https://w3id.org/valueflows/ont/vf#")


async def test_offers_and_needs_are_proposals(client: TestClient, town: SmallTown) -> None:
    club, choir = town.elements["Atelier vélo du Canal"], town.elements["Chœur des Joncherolles"]
    welding = await town.add("resource", "Soudure", type="skill")
    van = await town.add("resource", "Camionnette", type="equipment")
    await town.add("relation", "offer", subject=club, predicate="offers", object=welding, role="le samedi")
    await town.add("relation", "need", subject=choir, predicate="needs", object=van)
    await town.add("relation", "over", subject=choir, predicate="offers", object=van, **{"from": "2020", "to": "2021"})
    await town.index.catch_up()
    body = await take(client, "/offers.jsonld")
    graph = rdflib.Graph().parse(data=body, format="json-ld")
    proposals = set(graph.subjects(rdflib.RDF.type, VF.Proposal))
    assert {str(each) for each in proposals} == {f"{BASE}/e/{town.elements[name]}" for name in ("offer", "need")}
    offered = rdflib.URIRef(f"{BASE}/e/{town.elements['offer']}")
    (intent,) = graph.objects(offered, VF.publishes)
    assert graph.value(offered, VF.purpose) == VF.offer
    assert str(graph.value(offered, VF.note)) == "le samedi"
    assert graph.value(intent, VF.action) == VF.work
    assert str(graph.value(intent, VF.provider)) == f"{BASE}/e/{club}"
    about = graph.value(intent, VF.resourceConformsTo)
    assert (str(about), str(graph.value(about, VF.name))) == (f"{BASE}/e/{welding}", "Soudure")
    needed = rdflib.URIRef(f"{BASE}/e/{town.elements['need']}")
    (intent,) = graph.objects(needed, VF.publishes)
    assert graph.value(needed, VF.purpose) == VF.request
    assert (graph.value(intent, VF.action), graph.value(intent, VF.provider)) == (VF.use, None)
    assert str(graph.value(intent, VF.receiver)) == f"{BASE}/e/{choir}"
    skills = json.loads(await take(client, "/skills"))["ldp:contains"]
    assert [each["pair:label"] for each in skills] == ["Soudure"]
    assert skills[0]["pair:offeredBy"] == [f"{BASE}/e/{club}"]


async def test_a_town_where_nothing_is_offered_says_so(client: TestClient) -> None:
    assert json.loads(await take(client, "/offers.jsonld"))["@graph"] == []
