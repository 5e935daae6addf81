# SPDX-License-Identifier: AGPL-3.0-or-later
"""The open data of a node is whole, is read by other programs, and leads from the catalogue to each of its files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import icalendar
import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.web.surfaces import data_files
from convergences_node.web.surfaces.data_files import KINDS_KEPT
from convergences_node.web.take_table import columns
from convergences_protocol.erasure import Erasure
from convergences_protocol.kinds import KINDS
from rdflib.compare import isomorphic

from .reading_back import DC, PAIR, graph_of, take
from .small_town import MEAN_NAME, SmallTown, asking, small_town

DCAT = rdflib.Namespace("http://www.w3.org/ns/dcat#")
FOAF = rdflib.Namespace("http://xmlns.com/foaf/0.1/")
VCARD = rdflib.Namespace("http://www.w3.org/2006/vcard/ns#")
CATALOGUES = (("jsonld", "application/ld+json"), ("ttl", "text/turtle"))


def quads(body: bytes) -> rdflib.Dataset:
    data = rdflib.Dataset()
    data.parse(data=body.decode(), format="nquads")
    return data


def said_of(graph: rdflib.Graph, subject: rdflib.term.Node) -> rdflib.Graph:
    """The statements about a thing, and about what has no name inside it."""
    found = rdflib.Graph()
    for statement in graph.triples((subject, None, None)):
        found.add(statement)
        if isinstance(statement[2], rdflib.BNode):
            found += said_of(graph, statement[2])
    return found


# ----------------------------------------------------------------------------------------------------------- N-Quads
async def test_the_dump_has_every_element_in_the_graph_of_its_log(client: TestClient, town: SmallTown) -> None:
    body = await take(client, "/data/all.nq")
    packed = await client.get("/data/all.nq.gz", headers={"Accept-Encoding": "identity"})
    assert packed.content_type == "application/gzip"
    assert "Content-Encoding" not in packed.headers
    assert gzip.decompress(await packed.read()) == body
    data = quads(body)
    (log,) = {graph for _, _, _, graph in data.quads()}
    checkpoint = await client.get(f"{urlsplit(str(log)).path}/checkpoint")
    assert checkpoint.status == 200
    total = sum([await town.index.held((kind,)) for kind in KINDS_KEPT])
    assert len(set(data.graph(log).subjects(PAIR.identifier))) == total
    assert (await client.get("/data/all.nq")).headers["X-Total-Count"] == str(total)
    relations = set(data.graph(log).subjects(rdflib.RDF.type, PAIR.Association))
    assert len(relations) == 4, "those that ended too: they are records"


async def test_the_dump_says_of_an_element_what_its_address_says(client: TestClient, town: SmallTown) -> None:
    data = quads(await take(client, "/data/all.nq"))
    everything = rdflib.Graph()
    for subject, predicate, object_, _ in data.quads():
        everything.add((subject, predicate, object_))
    for name in ("Festival des Murs", "Atelier vélo du Canal", "Maison des associations", "Saint-Denis", "Vélo"):
        alone = await graph_of(client, f"/e/{town.elements[name]}", "text/turtle")
        subject = next(alone.subjects(PAIR.identifier))
        assert isomorphic(alone, said_of(everything, subject)), name


async def test_names_that_try_to_leave_their_quotes_are_in_the_dump(client: TestClient) -> None:
    labels = {
        str(value) for _, _, value, _ in quads(await take(client, "/data/all.nq")).quads((None, PAIR.label, None))
    }
    assert MEAN_NAME in labels


# --------------------------------------------------------------------------------------------------- tables and maps
@pytest.mark.parametrize("kind", KINDS_KEPT)
async def test_a_kind_is_a_table_with_the_columns_of_its_fields(client: TestClient, town: SmallTown, kind: str) -> None:
    rows = list(csv.reader(io.StringIO((await take(client, f"/data/{kind}.csv")).decode("utf-8-sig"), newline="")))
    assert rows[0] == columns((kind,))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows) - 1 == await town.index.held((kind,))


@pytest.mark.parametrize("kind", KINDS_KEPT)
async def test_a_kind_is_a_map(client: TestClient, town: SmallTown, kind: str) -> None:
    found = json.loads(await take(client, f"/data/{kind}.geojson"))
    assert found["type"] == "FeatureCollection"
    assert len(found["features"]) == await town.index.held((kind,))
    for feature in found["features"]:
        assert {"type", "geometry", "properties"} <= set(feature)
        assert feature["geometry"] is None or feature["geometry"]["type"] in ("Point", "MultiPolygon")


async def test_each_column_is_explained(client: TestClient) -> None:
    text = (await take(client, "/data/README.txt")).decode()
    for kind in KINDS_KEPT:
        for field in KINDS[kind].fields:
            assert re.search(rf"^  {field.name}: .+ \[{field.type.value}", text, re.MULTILINE)
    assert (await client.get("/data/nothing.csv")).status == 404


async def test_a_formula_that_came_in_goes_out_as_a_text(client: TestClient, town: SmallTown) -> None:
    """In every table that a spreadsheet may open; what programs read keeps it as it was written."""
    formula = '=HYPERLINK("https://x.example";"ici")'
    await town.archive.append([NewRecord("actor", {"name": formula, "type": "association"})])
    await town.index.catch_up()
    for path, where in (("/data/actor.csv", {}), ("/search.csv", {"kind": "actor"})):
        text = (await take(client, path, **where)).decode("utf-8-sig")
        names = {row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))}
        assert f"'{formula}" in names and formula not in names, path
    assert json.dumps(formula).encode() in await take(client, "/data/actor.geojson")


async def test_who_was_erased_is_in_none_of_the_files(client: TestClient, town: SmallTown) -> None:
    (placed,) = await town.archive.append([NewRecord("actor", {"name": "Personne à oublier", "type": "person"})])
    assert placed.element is not None
    await town.index.catch_up()
    paths = ("/data/all.nq", "/data/actor.csv", "/data/actor.geojson")
    for path in paths:
        assert b"oublier" in await take(client, path)
    await town.archive.erase(Erasure("asked for", placed.element))
    await town.index.catch_up()
    for path in paths:
        assert b"oublier" not in await take(client, path)


async def test_a_list_that_lost_something_on_the_way_is_not_given(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index says how many there are; a list with fewer is refused."""
    real = town.index.listing

    async def short(*asked: object) -> object:
        some = await real(*asked)  # type: ignore[arg-type]  # what is asked is passed on as it came
        return type(some)(items=some.items[:-1], details=some.details, links=some.links, after=some.after)

    monkeypatch.setattr(town.index, "listing", short)
    answer = await client.get("/data/actor.csv")
    assert (answer.status, (await answer.json())["code"]) == (503, "not-whole")
    monkeypatch.setattr(data_files, "first_line", lambda names: 1 / 0)
    answer = await client.get("/data/place.csv")
    assert answer.status == 500, "and of one that fails while it is written nothing is sent"
    assert b"id" not in (await answer.read())[:2]


# ----------------------------------------------------------------------------------------------------------- catalogue
async def test_the_catalogue_has_what_dcat_ap_asks_for_and_every_file_is_there(client: TestClient) -> None:
    as_json = await graph_of(client, "/data/catalog.jsonld", "application/ld+json")
    as_turtle = await graph_of(client, "/data/catalog.ttl", "text/turtle")
    assert isomorphic(as_json, as_turtle)
    (whole,) = as_json.subjects(rdflib.RDF.type, DCAT.Catalog)
    for wanted in (DC.title, DC.description, DC.publisher):
        assert (whole, wanted, None) in as_json
    assert as_json.value(as_json.value(whole, DC.publisher), FOAF.name)
    datasets = set(as_json.objects(whole, DCAT.dataset))
    assert len(datasets) == len(KINDS_KEPT) + 1
    for dataset in datasets:
        for wanted in (DC.title, DC.description, DCAT.distribution):
            assert (dataset, wanted, None) in as_json
        for file in as_json.objects(dataset, DCAT.distribution):
            assert "/file-type/" in str(as_json.value(file, DC["format"]))
            media = str(as_json.value(file, DCAT.mediaType)).partition("media-types/")[2]
            answer = await client.get(urlsplit(str(as_json.value(file, DCAT.accessURL))).path)
            assert answer.status == 200
            assert answer.content_type == media or answer.content_type == "application/gzip"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mairie@stains.example", "hasEmail mailto:mairie@stains.example"),
        ("https://stains.example/ecrire", "hasURL https://stains.example/ecrire"),
        ("", ""),
    ],
)
async def test_the_catalogue_says_whom_to_write_to_if_there_is_anyone(tmp_path: Path, given: str, said: str) -> None:
    async with small_town(tmp_path / "node", contact=given) as town, asking(town) as client:
        graphs = [await graph_of(client, f"/data/catalog.{form}", media) for form, media in CATALOGUES]
    assert isomorphic(*graphs)
    contacts = set(graphs[0].objects(None, DCAT.contactPoint))
    assert len(contacts) == bool(given)
    for contact in contacts:
        has, _, address = said.partition(" ")
        assert graphs[0].value(contact, VCARD[has]) == rdflib.URIRef(address)
        assert graphs[0].value(contact, VCARD.fn)
        assert len(set(graphs[0].subjects(DCAT.contactPoint, contact))) == len(KINDS_KEPT) + 2


# ---------------------------------------------------------------------------------------------------- other addresses
async def test_calendars_and_feeds_are_where_people_guess(client: TestClient, town: SmallTown) -> None:
    def titles(body: bytes) -> set[str]:
        return {str(event["summary"]) for event in icalendar.Calendar.from_ical(body).walk("VEVENT")}

    both = {"Réparer son vélo", "Festival des Murs"}
    for path, expected in (
        ("/calendar.ics", both),
        ("/calendar.ics?q=vélo", {"Réparer son vélo"}),
        ("/towns/93066.ics", both),
        ("/towns/FR-93066.ics", both),
        ("/towns/93001.ics", set()),
        (f"/themes/{town.elements['Culture']}.ics", {"Festival des Murs"}),
        (f"/organizations/{town.elements['Atelier vélo du Canal']}.ics", {"Réparer son vélo"}),
    ):
        answer = await client.get(path, headers={"Accept": "text/odd;q=x"})
        assert (answer.status, answer.content_type) == (200, "text/calendar"), path
        assert titles(await answer.read()) == expected, path
    atom = "{http://www.w3.org/2005/Atom}"
    for path in ("/feed.atom", "/towns/93066.atom", f"/themes/{town.elements['Culture']}.atom"):
        feed = ET.fromstring(await (await client.get(path)).read())
        assert feed.findall(f"{atom}entry"), path
        for link in feed.findall(f"{atom}link"):
            address = urlsplit(str(link.get("href")))
            assert (await client.get(f"{address.path}?{address.query}")).status == 200
    assert (await client.get("/towns/1234.ics")).status == 404
