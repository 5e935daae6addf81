# SPDX-License-Identifier: AGPL-3.0-or-later
"""Out to PAIR and back: what a record says is found again in the statements that a stranger reads, by its declaration.

What is not found again is in `NOT_HELD` and `LESS_PRECISE`, and nowhere else: docs/interoperability.md names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyoxigraph
import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.web.surfaces import licences, wkt
from convergences_node.web.surfaces.linked_context import full, short
from convergences_node.web.surfaces.pair import POSTAL
from convergences_protocol.edtf import span
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind

from tests.vocabulary import iri

from .reading_back import PAIR, take
from .small_town import SmallTown

NOT_HELD = {
    (kind.name, field.name) for kind in KINDS.values() for field in kind.fields if field.type is FieldType.MEDIA
}
LESS_PRECISE = {"pair:startDate", "pair:endDate"}
Node = rdflib.term.Node


async def statements(client: TestClient) -> rdflib.Graph:
    """All that the node says, the graphs put together; read by a strict reader first, for rdflib forgives much."""
    graph = rdflib.Graph()
    data = rdflib.Dataset()
    said = await take(client, "/data/all.nq")
    strict = set(pyoxigraph.parse(said, format=pyoxigraph.RdfFormat.N_QUADS))
    data.parse(data=said.decode(), format="nquads")
    assert len(strict) == sum(1 for _ in data.quads())
    for subject, predicate, value, _ in data.quads():
        graph.add((subject, predicate, value))
    return graph


def values(graph: rdflib.Graph, subject: Node, kind: Kind, field: Field) -> Iterator[Any]:
    """What the statements say of a field, as a record would write it."""
    property_ = rdflib.URIRef(iri(field.property))
    place = graph.value(subject, PAIR.hasLocation) or subject
    if field.type is FieldType.OUTLINE:
        for geometry in graph.objects(subject, property_):
            yield wkt.read_outline(str(graph.value(geometry, rdflib.URIRef(iri("geo:asWKT")))))
        return
    if field.type is FieldType.POINT:
        lat, lon = graph.value(place, PAIR.latitude), graph.value(place, PAIR.longitude)
        if lat is not None and lon is not None:
            yield [round(float(str(lat)) * 1e7), round(float(str(lon)) * 1e7)]
        return
    holder = graph.value(place, PAIR.hasPostalAddress) if field.property in POSTAL else subject
    for value in graph.objects(holder, property_) if holder is not None else ():
        yield value_of(kind, field, value)


def value_of(kind: Kind, field: Field, value: Any) -> Any:
    """One object as a record would write it."""
    if field.property == "rdf:predicate":
        return {term for term, iri in field.term_iris.items() if full(iri) == str(value)}
    if field.type is FieldType.TERM:
        return str(value).rpartition("/")[2].removeprefix(f"{kind.name}-")
    if field.type is FieldType.ELEMENT:
        return str(value).rpartition("/e/")[2]
    if field.type is FieldType.INTEGER:
        return int(value)
    return licences.WORDS.get(str(value), str(value))


def same(field: Field, written: Any, read: list[Any]) -> bool:
    """Whether what was read is what was written; a start or an end is a second of the day, month or year written."""
    if field.property in LESS_PRECISE:
        (moment,) = read
        second = datetime.fromisoformat(moment).timestamp()
        first, last = span(written)
        return first - 14 * 3600 <= second <= last + 14 * 3600
    if field.property == "rdf:predicate":
        return written in read[0]
    expected = written if field.many else [written]
    return sorted(map(str, expected)) == sorted(map(str, read))


COPIED = {"source": "s", "licence": "CC0", "fetched": "2026-11-22", "language": "fr"}
PICTURE = {
    "digest": "ab" * 32, "type": "image/png", "bytes": 9, "alt": "Un vélo", "width": 4, "height": 3,
}  # fmt: skip


async def fill(town: SmallTown) -> None:
    """Elements in which every field of every kind says something, somewhere."""
    bike = town.elements["Vélo"]
    address = {"address": "2 rue", "postcode": "93200", "locality": "Saint-Denis", "town": "FR-93066"}
    texts = {"summary": "a\\b", "description": 'ligne\n"ligne"', "themes": [bike], "website": "https://x.example/é"}
    place = await town.add(
        "place", "Tout", type="park", other_names=["Parc", "Square"], **texts, **address,
        location=[-489360001, -23540007], opening_hours="24/7", accessibility="oui", began="1987-05", ended="2020",
        pictures=[PICTURE], source_id="1", **COPIED,
    )  # fmt: skip
    actor = await town.add(
        "actor", "Tous", type="association", other_names=["T"], **texts, **address, location=[489360001, 23540007],
        email="a@x.example", phone="01 23 45 67 89", opening_hours="24/7", founded="1987", dissolved="2020-01",
        colours=["#aabbcc"], logo=PICTURE, banner=PICTURE, source_id="2", **COPIED,
    )  # fmt: skip
    action = await town.add(
        "action", "Toujours", type="activity", status="confirmed", **texts, **address, location=[1, 1],
        start="2026-12-05T18:00+01:00", end="2026-12-05T20:00+01:00", recurrence="FREQ=WEEKLY",
        exceptions=["2026-12-12"], timezone="Europe/Paris", period="l'hiver", audience="tous", pictures=[PICTURE],
        source_id="3", **COPIED,
    )  # fmt: skip
    await town.add(
        "content", "Dit", type="article", text="**gras**", about=[action], themes=[bike], published="2026-11-22",
        website="https://x.example", media=[PICTURE], source_id="4", **COPIED,
    )  # fmt: skip
    await town.add("resource", "Savoir", type="skill", other_names=["S"], **texts, source_id="5", **COPIED)
    await town.add("theme", "Coloré", colour="#aabbcc", other_names=["Autre"], description="d", broader=bike,
                   source_id="6", **COPIED)  # fmt: skip
    await town.add("relation", "", subject=actor, predicate="takes_part_in", object=action, role="r", source_id="7",
                   **{"from": "2020", "to": "2030-12-31"}, **COPIED)  # fmt: skip
    await town.add("relation", "", subject=action, predicate="hosted_at", object=place)
    # A code and an id in a source are one property in Dublin Core; which is which is told by their shape.
    await town.add(
        "territory", "Stains", code="FR-93072", type="commune", within=["FR-200057867"], postcodes=["93240"],
        population=1, siren="219300720", former_names=["Ailleurs"], former_codes=["FR-93059"],
        centre=[489500000, 23800000],
        relay="https://stains.example/relay", began="1800", ended="2030", source_id="FR-93072", **COPIED,
    )  # fmt: skip


async def test_what_a_record_says_is_read_back_from_the_statements(client: TestClient, town: SmallTown) -> None:
    """Every field of every kind, but for what PAIR cannot hold."""
    await fill(town)
    await town.index.catch_up()
    graph, lost, seen = await statements(client), set[tuple[str, str]](), set[tuple[str, str]]()
    ids = {str(value): subject for subject, value in graph.subject_objects(PAIR.identifier)}
    for element, subject in ids.items():
        view = await town.index.element(element)
        assert view is not None
        kind = KINDS[view.item.kind]
        for name, written in view.fields.items():
            seen.add((kind.name, name))
            read = list(values(graph, subject, kind, kind.by_name[name]))
            if not read or not same(kind.by_name[name], written, read):
                lost.add((kind.name, name))
    assert seen == {(kind.name, field.name) for kind in KINDS.values() for field in kind.fields}
    assert lost == NOT_HELD


async def test_every_field_has_a_property_to_travel_by() -> None:
    """A field without one would be lost unseen."""
    assert {(name, field.name) for name, kind in KINDS.items() for field in kind.fields if not field.property} == set()


async def test_both_ends_of_a_relation_that_holds_say_so(client: TestClient, town: SmallTown) -> None:
    graph = await statements(client)
    by_id = {str(value): subject for subject, value in graph.subject_objects(PAIR.identifier)}
    names = ("Atelier vélo du Canal", "Réparer son vélo", "Maison des associations")
    club, workshop, hall = (by_id[town.elements[name]] for name in names)
    for subject, predicate, value in (
        (club, PAIR.involvedIn, workshop),
        (workshop, PAIR.involves, club),
        (workshop, PAIR.hostedIn, hall),
        (hall, PAIR.hosts, workshop),
    ):
        assert (subject, predicate, value) in graph


@pytest.mark.parametrize("property_", sorted({f.property for k in KINDS.values() for f in k.fields}))
def test_every_property_is_of_a_vocabulary_that_the_documents_declare(property_: str) -> None:
    assert full(short(property_)) == iri(property_)
