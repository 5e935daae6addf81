# SPDX-License-Identifier: AGPL-3.0-or-later
"""Out to PAIR and back: what a record says is found again in the statements that a stranger reads, by its declaration.

What is not found again is in `NOT_HELD` and `LESS_PRECISE`, and nowhere else: docs/interoperability.md names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.web.surfaces.linked_context import full, short
from convergences_node.web.surfaces.pair import POSTAL
from convergences_protocol.edtf import span
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind
from convergences_protocol.kinds.prefixes import expand

from .reading_back import PAIR, take
from .small_town import SmallTown

NOT_HELD = {("territory", "outline")}
LESS_PRECISE = {"pair:startDate", "pair:endDate"}
Node = rdflib.term.Node


async def statements(client: TestClient) -> rdflib.Graph:
    """All that the node says, the graphs put together."""
    graph = rdflib.Graph()
    data = rdflib.Dataset()
    data.parse(data=(await take(client, "/data/all.nq")).decode(), format="nquads")
    for subject, predicate, value, _ in data.quads():
        graph.add((subject, predicate, value))
    return graph


def values(graph: rdflib.Graph, subject: Node, kind: Kind, field: Field) -> Iterator[Any]:
    """What the statements say of a field, as a record would write it."""
    property_ = rdflib.URIRef(expand(field.property))
    place = graph.value(subject, PAIR.hasLocation) or subject
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
    return str(value)


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


async def test_what_a_record_says_is_read_back_from_the_statements(client: TestClient, town: SmallTown) -> None:
    """Every field of every element, but for what PAIR cannot hold."""
    await town.add(
        "place", "Tout", type="park", other_names=["Parc", "Square"], summary="a\\b", description="ligne\n\"ligne\"",
        themes=[town.elements["Vélo"]], address="2 rue", postcode="93200", locality="Saint-Denis", town="FR-93066",
        location=[-489360001, -23540007], opening_hours="24/7", accessibility="oui", website="https://x.example/é",
        began="1987-05", ended="2020", source="s", source_id="1", licence="CC0", fetched="2026-11-22", language="fr",
    )  # fmt: skip
    await town.add("theme", "Coloré", colour="#aabbcc", other_names=["Autre"])
    await town.index.catch_up()
    graph, lost, seen = await statements(client), set[tuple[str, str]](), 0
    ids = {str(value): subject for subject, value in graph.subject_objects(PAIR.identifier)}
    for element, subject in ids.items():
        view = await town.index.element(element)
        assert view is not None
        kind = KINDS[view.item.kind]
        for name, written in view.fields.items():
            seen += 1
            read = list(values(graph, subject, kind, kind.by_name[name]))
            if not read or not same(kind.by_name[name], written, read):
                lost.add((kind.name, name))
    assert seen > 200
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
    assert full(short(property_)) == expand(property_)
