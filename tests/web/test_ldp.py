# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node is read by SemApps and Archipelago without custom work: VoID, containers and resources in their shapes.

The shapes were read from those systems' sources; the ontology's own file, where it is at hand, judges the words.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.index.views import Coverage
from convergences_node.web.surfaces.linked_context import CONTEXT, full
from convergences_node.web.surfaces.linked_description import fragment
from convergences_node.web.surfaces.pair_terms import CONTAINERS, INVERSES, OBJECT_PROPERTIES
from convergences_node.web.surfaces.whole import lacking_of
from convergences_node.web.town_door import TownStatus
from convergences_protocol.erasure import Erasure
from rdflib.compare import isomorphic

from .reading_back import DC, LDP, LINKED, PAIR, graph_of, ontology, resources, take
from .small_town import MEAN_NAME, START, SmallTown

JSON_LD, TURTLE, N_TRIPLES = "application/ld+json", "text/turtle", "application/n-triples"
ARCHIPELAGO_OWN = {"allowedBy", "allows", "broader", "depictedBy", "hasOrigin", "hasSubactivity", "image"} | {
    "isDepictedBy", "originOf", "solvedBy", "solves",
}  # fmt: skip


ABSTRACT = {
    "agentResourceProperty", "associationProperties", "entityConceptProperty", "interIntentionProperty",
    "interObjectProperty", "interSubjectProperty", "objectSubjectProperty", "pairIntentionProperty",
    "subjectConceptProperties",
}  # fmt: skip
"""Super-properties that nobody writes."""


async def document(client: TestClient, path: str, accept: str = JSON_LD) -> Any:
    return json.loads(await take(client, path, accept))


# --------------------------------------------------------------------------------------------------------- description
@pytest.mark.parametrize(
    ("host", "made"),
    [
        ("noeud.ville.example", "noeud_ville.example"),
        ("saint-denis.plaine-commune.example", "saint_denis_plaine-commune.example"),
        ("127.0.0.1:8750", "127_0.0.1_8750"),
    ],
)
def test_a_host_becomes_a_fragment_as_archipelago_writes_it(host: str, made: str) -> None:
    assert fragment(host) == made


async def test_void_leads_to_every_container_and_says_how_much_each_holds(client: TestClient) -> None:
    """Their client derives a path from each partition, so the dataset's space ends with a slash."""
    found = await document(client, "/.well-known/void")
    (dataset,) = found["@graph"]
    base = dataset["void:uriSpace"]
    assert base.endswith("/")
    assert dataset["@id"].startswith("#")
    partitions = {each["void:uriSpace"].replace(base, "/"): each for each in dataset["void:classPartition"]}
    assert set(partitions) == {f"/{name}" for name in CONTAINERS}
    for path, partition in partitions.items():
        contained = (await document(client, path))["ldp:contains"]
        assert partition["void:entities"] == str(len(contained)), path
        assert not contained or partition["void:entities"] != "0"
    assert partitions["/places"]["void:entities"] == "46"
    assert partitions["/tasks"]["void:entities"] == "0"


async def test_void_is_the_same_in_turtle(client: TestClient) -> None:
    as_json, as_turtle = [await graph_of(client, "/.well-known/void", form) for form in (JSON_LD, TURTLE)]
    assert isomorphic(as_json, as_turtle)
    void = rdflib.Namespace("http://rdfs.org/ns/void#")
    (dataset,) = as_json.subjects(rdflib.RDF.type, void.Dataset)
    assert "/.well-known/void#" in str(dataset)
    assert len(list(as_json.objects(dataset, void.classPartition))) == len(CONTAINERS)


async def test_the_context_is_the_one_that_is_written_into_each_document(client: TestClient) -> None:
    alone = await document(client, "/.well-known/context.jsonld")
    inside = await document(client, "/events")
    assert alone["@context"] == inside["@context"] == dict(CONTEXT)
    for name in ("pair:startDate", "pair:endDate", "pair:dueDate"):
        assert alone["@context"][name] == {"@type": "xsd:dateTime"}
    for name in (
        "hasPostalAddress", "hasMean", "meanOf", "hasFinality", "finalityOf", "hasSolution", "isSolutionFor", "skillOf",
    ):  # fmt: skip
        assert alone["@context"][f"pair:{name}"] == {"@type": "@id"}


def test_the_words_are_those_of_the_ontology() -> None:
    """Every object property of PAIR's `#` namespace that is not abstract, their inverses, and every class we emit."""
    pair = ontology()
    if pair is None:
        pytest.skip("PAIR's file is not beside the repository: nothing was proved about its words")
    properties = map(str, pair.subjects(rdflib.RDF.type, rdflib.OWL.ObjectProperty))
    terms = {each[len(PAIR) :] for each in properties if each in PAIR}
    assert {name.removeprefix("pair:") for name in OBJECT_PROPERTIES} == (terms - ABSTRACT) | ARCHIPELAGO_OWN
    for one, other in pair.subject_objects(rdflib.OWL.inverseOf):
        if str(one) in PAIR and str(other) in PAIR:
            assert full(INVERSES[f"pair:{str(one)[len(PAIR) :]}"]) == str(other)
    classes = set(pair.subjects(rdflib.RDF.type, rdflib.OWL.Class))
    assert {rdflib.URIRef(full(class_)) for class_ in CONTAINERS.values()} <= classes


# ---------------------------------------------------------------------------------------------------------- containers
@pytest.mark.parametrize("name", CONTAINERS)
async def test_a_container_says_the_same_in_each_form_and_only_its_own_class(client: TestClient, name: str) -> None:
    """N-Triples are Turtle without its prefixes, line for line: what reads the one stream reads the other."""
    as_json, as_turtle = [await graph_of(client, f"/{name}", form) for form in (JSON_LD, TURTLE)]
    assert isomorphic(as_json, as_turtle)
    turtle, triples = [(await take(client, f"/{name}", form)).decode() for form in (TURTLE, N_TRIPLES)]
    assert triples == re.sub(r"^@prefix .*\n", "", turtle, flags=re.MULTILINE)
    (container,) = as_json.subjects(rdflib.RDF.type, LDP.BasicContainer)
    assert (container, rdflib.RDF.type, LDP.Container) in as_json
    contained = set(as_json.objects(container, LDP.contains))
    for each in contained:
        assert (each, rdflib.RDF.type, rdflib.URIRef(full(CONTAINERS[name]))) in as_json
        assert (each, PAIR.label, None) in as_json or name == "membership-associations"


async def test_a_container_in_n_triples_can_be_minimal_too(client: TestClient) -> None:
    """Whole, it has what the JSON-LD has, read by a parser of that form; minimal, only what it says of itself."""
    whole = await graph_of(client, "/organizations", N_TRIPLES)
    assert isomorphic(whole, await graph_of(client, "/organizations", JSON_LD))
    prefer = 'return=representation; include="http://www.w3.org/ns/ldp#PreferMinimalContainer"'
    minimal = await graph_of(client, "/organizations", N_TRIPLES, Prefer=prefer)
    assert set(minimal.predicates()) == {rdflib.RDF.type}
    answer = await client.get("/organizations", headers={"Accept": N_TRIPLES})
    assert answer.content_type == N_TRIPLES


async def test_turtle_can_be_taken_apart_as_semapps_mirror_does(client: TestClient) -> None:
    """It lifts the prefix lines off and puts the rest into a SPARQL update: no base, no SPARQL prefixes."""
    body = (await take(client, "/places", TURTLE)).decode()
    prefixes = re.findall(r"^@prefix (\S+): <([^>]+)> \.$", body, re.MULTILINE)
    assert ("pair", str(PAIR)) in prefixes
    rest = re.sub(r"^@prefix .*\n", "", body, flags=re.MULTILINE)
    assert not re.search("^(@base|PREFIX|BASE)", rest, re.MULTILINE)
    graph = rdflib.Graph()
    graph.update(f"INSERT DATA {{ {rest} }}")
    assert len(list(graph.objects(None, LDP.contains))) == 46


async def test_an_event_has_the_fields_that_archipelago_reads(client: TestClient, town: SmallTown) -> None:
    events = resources(await document(client, "/events"))
    festival = events["Festival des Murs"]
    assert festival["type"] == "pair:Event"
    assert festival["id"].endswith(f"/e/{town.elements['Festival des Murs']}")
    assert festival["pair:comment"] == "Deux jours de musique dans la rue."
    assert festival["pair:startDate"] == "2026-12-05T00:00:00+01:00"
    assert festival["pair:endDate"] == "2026-12-06T23:59:59+01:00"
    assert len(festival["pair:hasTopic"]) == 2
    (choir,) = festival["pair:involves"]
    groups = resources(await document(client, "/groups"))
    assert groups["Chœur des Joncherolles"]["id"] == choir
    assert groups["Chœur des Joncherolles"]["pair:involvedIn"] == [festival["id"]]
    modified = datetime.fromisoformat(festival["dc:modified"])
    assert modified.tzinfo is not None
    assert festival["pair:identifier"] == town.elements["Festival des Murs"]


async def test_an_organization_a_place_and_a_theme(client: TestClient, town: SmallTown) -> None:
    club = resources(await document(client, "/organizations"))["Atelier vélo du Canal"]
    assert club["pair:e-mail"] == "bonjour@velo.example"
    assert club["pair:description"].startswith("## Venir")
    assert club["pair:hasType"].endswith("/types/actor-association")
    assert "pair:partnerOf" not in club, "that ended in 2024"
    hall = resources(await document(client, "/places"))["Maison des associations"]
    assert (hall["pair:latitude"], hall["pair:longitude"]) == (48.936, 2.354)
    assert hall["pair:hasPostalAddress"] == {
        "type": "pair:PostalAddress",
        "pair:addressStreet": "1 rue des Lilas",
        "pair:addressZipCode": "93200",
        "pair:addressLocality": "Saint-Denis",
        "pair:addressCountry": "France",
    }
    workshop = resources(await document(client, "/activities"))["Réparer son vélo"]
    assert workshop["pair:hasLocation"]["type"] == "pair:Place"
    assert workshop["pair:hasLocation"]["pair:latitude"] == 48.9361
    assert workshop["pair:hostedIn"] == [hall["id"]]
    assert hall["pair:hosts"] == [workshop["id"]]
    themes = resources(await document(client, "/themes"))
    assert themes["Musique"]["pair:broader"] == themes["Culture"]["id"]
    assert club["pair:hasTopic"] == [themes["Vélo"]["id"]]


async def test_words_are_things_with_a_label_and_an_address(client: TestClient) -> None:
    types = resources(await document(client, "/types"))
    assert types["Festival"]["type"] == ["pair:Type", "pair:EventType"]
    assert types["fanfare"]["id"].endswith("/types/actor-x-fanfare")
    path = "/types/action-festival"
    assert types["Festival"]["id"].endswith(path)
    graph = await graph_of(client, path, TURTLE)
    assert (None, rdflib.RDF.type, PAIR.EventType) in graph
    assert (await client.get("/types/action-nothing", headers={"Accept": JSON_LD})).status == 404


async def test_a_membership_is_a_thing_with_both_ends_and_its_role(client: TestClient, town: SmallTown) -> None:
    ends = {"subject": town.elements["Atelier vélo du Canal"], "object": town.elements["Chœur des Joncherolles"]}
    await town.add("relation", "m", predicate="member_of", role="trésorière", **ends)
    await town.index.catch_up()
    (made,) = (await document(client, "/membership-associations"))["ldp:contains"]
    assert made["type"] == ["pair:Association", "pair:MembershipAssociation"]
    assert made["pair:membershipActor"].endswith(ends["subject"])
    assert made["pair:membershipOrganization"].endswith(ends["object"])
    assert made["pair:membershipRole"]["pair:label"] == "trésorière"
    void = await document(client, "/.well-known/void")
    counted = {each["void:class"]: each["void:entities"] for each in void["@graph"][0]["void:classPartition"]}
    assert counted["pair:MembershipAssociation"] == "1"


async def test_a_minimal_container_is_without_what_it_contains(client: TestClient) -> None:
    prefer = 'return=representation; include="http://www.w3.org/ns/ldp#PreferMinimalContainer"'
    for form in (JSON_LD, TURTLE):
        graph = await graph_of(client, "/places", form, Prefer=prefer)
        assert len(graph) == 2
        assert (None, LDP.contains, None) not in graph


# ----------------------------------------------------------------------------------------------------------- resources
async def test_a_resource_is_the_same_alone_and_in_its_container(client: TestClient, town: SmallTown) -> None:
    """At the address that every document calls it by, and by the container's path."""
    for container, name in (("events", "Festival des Murs"), ("organizations", "Atelier vélo du Canal")):
        listed = resources(await document(client, f"/{container}"))[name]
        path = f"/e/{town.elements[name]}"
        for address in (path, f"/{container}/{town.elements[name]}"):
            alone = await document(client, address)
            del alone["@context"]
            assert alone == listed
        assert isomorphic(await graph_of(client, path, JSON_LD), await graph_of(client, path, TURTLE))


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/ld+json", JSON_LD),
        ("text/turtle;q=0.9, application/ld+json;q=0.5", TURTLE),
        ("application/ld+json;q=0.2, text/html", "text/html"),
        ("text/turtle, text/html;q=0.5", TURTLE),
        ("text/turtle;q=nan, text/html", "text/html"),
        ("application/ld+json;q=0", "text/html"),
    ],
)
async def test_an_element_s_address_is_a_page_or_linked_data(
    client: TestClient, town: SmallTown, accept: str, media: str
) -> None:
    path = f"/e/{town.elements['Festival des Murs']}"
    for _ in range(2):  # the second time the page is one that was kept
        answer = await client.get(path, headers={"Accept": accept})
        assert (answer.status, answer.content_type) == (200, media)
        assert "Accept" in answer.headers["Vary"]


async def test_what_is_gone_is_a_tombstone_and_what_never_was_is_not_found(client: TestClient, town: SmallTown) -> None:
    gone = f"/e/{town.elements['withdrawn']}"
    answer = await client.get(gone, headers={"Accept": JSON_LD})
    assert answer.status == 410
    assert answer.content_type == JSON_LD
    found = json.loads(await answer.read())
    assert (found["type"], found["id"].endswith(gone)) == ("as:Tombstone", True)
    turtle = await client.get(gone, headers={"Accept": TURTLE})
    assert (turtle.status, turtle.content_type) == (410, TURTLE)
    never = await client.get("/e/FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", headers={"Accept": JSON_LD})
    assert (never.status, never.content_type) == (404, "application/problem+json")
    listed = await document(client, "/organizations")
    assert town.elements["withdrawn"] not in json.dumps(listed)


async def test_a_browser_is_sent_to_the_page(client: TestClient, town: SmallTown) -> None:
    festival = town.elements["Festival des Murs"]
    for path, page in (("/events", "/?kind=action"), (f"/events/{festival}", f"/e/{festival}")):
        answer = await client.get(path, headers={"Accept": "text/html,*/*;q=0.8"}, allow_redirects=False)
        assert answer.status == 302
        assert answer.headers["Location"].endswith(page)


async def test_what_is_hostile_is_only_text(client: TestClient, town: SmallTown) -> None:
    """Names and texts that try to leave their quotes are read back as they were written."""
    texts = ['"> <b>', "\\u0022 . <x> <y> <z>", 'a"^^<http://x>', "ligne\nligne\rligne\ttab", "𝕬 \u202e é", "} ; DROP"]
    for text in texts:
        await town.add("actor", " ".join(text.split()), type="other", description=text.replace("\r", "\n"))
    await town.index.catch_up()
    as_json, as_turtle = [await graph_of(client, "/actors", form) for form in (JSON_LD, TURTLE)]
    assert isomorphic(as_json, as_turtle)
    found = {str(each) for each in as_turtle.objects(None, PAIR.description)}
    assert {text.replace("\r", "\n") for text in texts} <= found
    assert MEAN_NAME in {str(each) for each in as_turtle.objects(None, PAIR.label)}


async def test_a_record_without_place_or_date_or_with_a_strange_one(client: TestClient, town: SmallTown) -> None:
    for number, start in enumerate(("0001", "9999", "2026-02", "2026-10-25T02:30+02:00")):
        await town.add("action", f"n{number}", type="project", start=start)
    await town.add("action", "rien", type="project")
    await town.index.catch_up()
    projects = resources(await document(client, "/projects"))
    assert projects["n2"]["pair:startDate"] == "2026-02-01T00:00:00+01:00"
    assert projects["n3"]["pair:startDate"] == "2026-10-25T02:30:00+02:00"
    assert not {"pair:startDate", "pair:hasLocation"} & set(projects["rien"])
    assert isomorphic(*[await graph_of(client, "/projects", form) for form in (JSON_LD, TURTLE)])


# ---------------------------------------------------------------------------------------------------------- all or 503
async def test_a_node_that_is_not_whole_gives_no_list(client: TestClient, town: SmallTown) -> None:
    """Rebuilding, in doubt of its archive, or with bodies still to come: importers must keep what they have."""
    well = town.state
    town.state = TownStatus(False, "rebuilding", True, START)
    assert (await client.get("/events")).status == 503
    town.state = TownStatus(True, "doubt", True, START, doubt="guard_ahead")
    answer = await client.get("/events")
    assert (answer.status, (await answer.json())["code"]) == (503, "not-whole")
    assert answer.headers["Retry-After"]
    town.state = well
    assert (await client.get("/events")).status == 200


def test_what_counts_as_whole() -> None:
    def log(size: int, applied: int, wanted: int, counts: bool = True) -> Coverage:
        return Coverage(
            territory="FR-93066", origin="o", size=size, applied=applied, bodies_wanted=wanted, counts=counts
        )

    assert lacking_of([log(1000, 1000, 10)]) == []
    assert lacking_of([log(1000, 1000, 11)]) == ["FR-93066"]
    assert lacking_of([log(1000, 900, 0)]) == ["FR-93066"]
    assert lacking_of([log(50, 50, 1)]) == ["FR-93066"]
    assert lacking_of([log(1000, 0, 1000, counts=False)]) == []
    assert lacking_of([]) == []


async def test_an_erasure_reaches_the_next_reader(client: TestClient, town: SmallTown) -> None:
    """A list that was kept is not given again once something of it is gone."""
    (placed,) = await town.archive.append([NewRecord("actor", {"name": "Personne à oublier", "type": "person"})])
    await town.index.catch_up()
    assert b"oublier" in await take(client, "/users", JSON_LD)
    assert placed.element is not None
    await town.archive.erase(Erasure("asked for", placed.element))
    await town.index.catch_up()
    assert b"oublier" not in await take(client, "/users", JSON_LD)
    answer = await client.get(f"/e/{placed.element}", headers={"Accept": JSON_LD})
    assert answer.status == 410


def test_the_real_archive_of_archipelago_speaks_of_nothing_that_we_have_no_word_for() -> None:
    """Properties and classes of a real Archipelago's data, against what the containers and the context know."""
    path = LINKED / "pair-archipel-av" / "archipel.nt"
    if not path.exists():
        pytest.skip("the real archive is not beside the repository: nothing was proved about it")
    graph = rdflib.Graph().parse(path)
    links = {p for _, p, o in graph if str(p) in PAIR and isinstance(o, rdflib.URIRef)}
    assert {f"pair:{str(each)[len(PAIR) :]}" for each in links} <= OBJECT_PROPERTIES
    classes = {str(each) for each in graph.objects(None, rdflib.RDF.type) if str(each) in PAIR}
    known = {full(each) for each in CONTAINERS.values()} | {str(PAIR.PostalAddress)}
    assert classes - known == {str(PAIR.Folder)}, "a folder is the one class that no kind gives yet"
    assert DC
