# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the town shows can be asked in SPARQL by clients of other makers, whole or not at all, and never writes."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.linked import layout, workers
from convergences_node.linked.sparql_text import keywords
from convergences_node.web.surfaces import sparql
from convergences_node.web.surfaces.negotiating import JSON_LD
from rdflib.compare import isomorphic

from tests.web.reading_back import take
from tests.web.small_town import SmallTown

from .conftest import BASE

PREFIXES = (
    "PREFIX pair: <http://virtual-assembly.org/ontologies/pair#> PREFIX rdf: "
    "<http://www.w3.org/1999/02/22-rdf-syntax-ns#>"
)
SCHOOLS = (
    f"{PREFIXES} SELECT ?s ?label WHERE {{ ?s a pair:Place ; pair:label ?label . FILTER(STRSTARTS(?label, 'É')) }}"
)
ENDLESS = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


async def ask(client: TestClient, query: str, accept: str = "application/sparql-results+json", **params: str) -> bytes:
    """The bytes of an answer."""
    answer = await client.get("/sparql", params={"query": query, **params}, headers={"Accept": accept})
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Type"].partition(";")[0] == accept
    return await answer.read()


async def code(client: TestClient, query: str) -> tuple[int, str]:
    """The status and the key of a refusal."""
    answer = await client.get("/sparql", params={"query": query})
    return answer.status, (await answer.json())["code"]


# ------------------------------------------------------------------------------------------------------- the protocol
async def test_a_stranger_s_library_reads_the_table(client: TestClient) -> None:
    """rdflib reads the JSON and the XML; both have the same rows."""
    for form in ("json", "xml"):
        data = await ask(client, SCHOOLS, f"application/sparql-results+{form}")
        found = rdflib.query.Result.parse(io.BytesIO(data), format=form)
        assert sorted(str(row.label) for row in found) == [f"École {number:02}" for number in range(45)]  # type: ignore[union-attr]


async def test_csv_and_tsv_have_the_same_rows(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO((await ask(client, SCHOOLS, "text/csv")).decode())))
    assert len(rows) == 45
    assert all(row["s"].startswith(f"{BASE}/e/FR-93066:") for row in rows)
    lines = (await ask(client, SCHOOLS, "text/tab-separated-values")).decode().splitlines()
    assert lines[0] == "?s\t?label"
    assert len(lines) == 46


async def test_a_graph_is_read_by_rdflib_in_every_form(client: TestClient) -> None:
    query = f"{PREFIXES} CONSTRUCT {{ ?s pair:label ?l }} WHERE {{ ?s a pair:Theme ; pair:label ?l }}"
    forms = {"text/turtle": "turtle", "application/n-triples": "nt", "application/rdf+xml": "xml", JSON_LD: "json-ld"}
    for media, form in forms.items():
        graph = rdflib.Graph().parse(data=await ask(client, query, media), format=form)
        assert {str(label) for label in graph.objects()} == {"Culture", "Musique", "Vélo"}


async def test_a_query_may_be_posted_either_way(client: TestClient) -> None:
    accept = {"Accept": "text/csv"}
    asked = await ask(client, SCHOOLS, "text/csv")
    by_form = await client.post("/sparql", data={"query": SCHOOLS}, headers=accept)
    by_body = await client.post(
        "/sparql", data=SCHOOLS.encode(), headers={**accept, "Content-Type": "application/sparql-query"}
    )
    assert [await by_form.read(), await by_body.read()] == [asked, asked]
    assert by_body.headers["Access-Control-Allow-Origin"] == "*"
    refused = await client.post("/sparql", data=b"x", headers={"Content-Type": "application/sparql-update"})
    assert (refused.status, (await refused.json())["code"]) == (400, "sparql-refused")


@pytest.mark.parametrize("media", ["application/sparql-query", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(("charset", "body"), [("no-such-thing", b"query=ASK{}"), ("utf-8", b"query=\xff")])
async def test_letters_that_nobody_can_read_are_the_sender_s_mistake(
    client: TestClient, media: str, charset: str, body: bytes
) -> None:
    refused = await client.post("/sparql", data=body, headers={"Content-Type": f"{media}; charset={charset}"})
    assert (refused.status, (await refused.json())["code"]) == (400, "malformed")


async def test_rdflib_asks_as_it_asks_any_endpoint(client: TestClient) -> None:
    """rdflib's own SPARQL client, by GET and by POST, in a thread beside the server."""
    from rdflib.plugins.stores.sparqlstore import SPARQLStore

    def asked(method: str) -> int:
        store = SPARQLStore(str(client.make_url("/sparql")), method=method, returnFormat="json")
        return len(list(rdflib.Graph(store).query(SCHOOLS)))

    assert [await asyncio.to_thread(asked, method) for method in ("GET", "POST")] == [45, 45]


async def test_without_a_query_the_service_describes_itself(client: TestClient) -> None:
    answer = await client.get("/sparql")
    graph = rdflib.Graph().parse(data=await answer.read(), format="turtle")
    sd = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
    (service,) = graph.subjects(rdflib.RDF.type, sd.Service)
    assert graph.value(service, sd.endpoint) == rdflib.URIRef(f"{BASE}/sparql")
    void = (await (await client.get("/.well-known/void")).json())["@graph"][0]
    assert void["void:sparqlEndpoint"] == f"{BASE}/sparql"


async def test_a_graph_can_be_chosen_in_the_query_or_beside_it(client: TestClient, town: SmallTown) -> None:
    """Each log is a graph; without a choice all of them are asked together."""
    (graph,) = {row["g"]["value"] for row in await rows(client, "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }")}
    log = await town.archive.read(lambda reader: reader.own_log())
    assert graph == f"{BASE}/log/{log.origin.partition('/')[2]}"
    count = "SELECT (COUNT(*) AS ?n) {} {{ ?s ?p ?o }}"
    all_of_it = await rows(client, count.format(""))
    assert await rows(client, count.format(f"FROM <{graph}>")) == all_of_it
    assert await rows(client, count.format(""), **{"default-graph-uri": graph}) == all_of_it
    assert (await rows(client, count.format("FROM <https://elsewhere.example/>")))[0]["n"]["value"] == "0"
    assert (await rows(client, count.format(""), **{"named-graph-uri": graph}))[0]["n"]["value"] == "0"


async def rows(client: TestClient, query: str, **params: str) -> Any:
    """The rows of a table."""
    import json

    return json.loads(await ask(client, query, **params))["results"]["bindings"]


# ------------------------------------------------------------------------------------------------------- one mapping
async def test_the_store_says_what_the_dump_says(client: TestClient, town: SmallTown, tmp_path: Path) -> None:
    """The same statements, in the same graphs, as pyoxigraph and rdflib read them."""
    dump = pyoxigraph.Store()
    dump.load(await take(client, "/data/all.nq"), pyoxigraph.RdfFormat.N_QUADS)
    assert len(stored(tmp_path)) == len(dump) > 500
    assert isomorphic(graph_of(dump), graph_of(stored(tmp_path)))


def stored(folder: Path) -> pyoxigraph.Store:
    """The store as it is asked."""
    made = layout.current(folder / "node" / layout.FOLDER)
    assert made is not None
    return pyoxigraph.Store.read_only(str(folder / "node" / layout.FOLDER / made.name))


def graph_of(store: pyoxigraph.Store) -> rdflib.Graph:
    """All of a store, the graphs put together."""
    lines = store.query("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", use_default_graph_as_union=True)
    assert isinstance(lines, pyoxigraph.QueryTriples)
    data = lines.serialize(format=pyoxigraph.RdfFormat.N_TRIPLES)
    return rdflib.Graph().parse(data=data, format="nt")


# ------------------------------------------------------------------------------------------------------------ refusals
async def test_nothing_is_written(client: TestClient) -> None:
    for update in ("DELETE WHERE { ?s ?p ?o }", "INSERT DATA { <a:a> <a:b> <a:c> }", "DROP ALL", "CLEAR ALL"):
        assert await code(client, update) == (400, "sparql-refused")
    assert len(await rows(client, SCHOOLS)) == 45


async def test_no_query_reaches_another_machine(client: TestClient, town: SmallTown) -> None:
    """Refused by its words; and were it not, the process that answers can open no socket."""
    reached: list[Any] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.readline())
        writer.close()

    listening = await asyncio.start_server(hear, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    query = f"SELECT * WHERE {{ SERVICE <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}"
    assert await code(client, query) == (400, "sparql-elsewhere")
    folder = town.web_settings.linked
    assert folder is not None
    current = layout.current(folder)
    assert current is not None
    asked = workers.Asked(query, sparql.JSON_TABLE, "text/turtle")
    answered = await asking(client).ask(folder, current, asked)
    assert answered.outcome == "failed"
    listening.close()
    assert reached == []


async def test_a_query_without_end_is_stopped_and_others_go_on(client: TestClient) -> None:
    asking(client).query_seconds = 1.0
    endless = asyncio.create_task(code(client, ENDLESS))
    await asyncio.sleep(0.1)
    assert len(await rows(client, SCHOOLS)) == 45
    assert await endless == (422, "sparql-too-much")
    assert len(await rows(client, SCHOOLS)) == 45


async def test_a_query_that_takes_all_memory_ends_alone(client: TestClient) -> None:
    asking(client).query_seconds = 60.0
    greedy = "SELECT * WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f"
    assert await code(client, greedy) == (422, "sparql-too-much")
    assert len(await rows(client, SCHOOLS)) == 45


def asking(client: TestClient) -> workers.Workers:
    """Those who ask behind a client's server."""
    found: workers.Workers = client.server.app[sparql.WORKERS]  # type: ignore[attr-defined]
    return found


async def test_an_answer_has_a_length(client: TestClient) -> None:
    assert await code(client, "SELECT * WHERE { ?a ?b ?c . ?d ?e ?f }") == (422, "sparql-too-much")


async def test_too_many_at_once_are_told_to_come_back(client: TestClient) -> None:
    asked = [asyncio.create_task(client.get("/sparql", params={"query": ENDLESS})) for _ in range(12)]
    done, pending = await asyncio.wait(asked, timeout=2.0)
    assert {each.result().status for each in done} == {503}
    assert len(done) == 12 - workers.WORKERS_MAX - workers.WAITING_MAX
    for each in pending:
        each.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def test_a_town_that_does_not_answer_says_so(town: SmallTown, client: TestClient) -> None:
    town.web_settings = type(town.web_settings)(town.web_settings.territory, town.web_settings.name)
    assert await code(client, SCHOOLS) == (404, "sparql-off")
    assert "void:sparqlEndpoint" not in (await (await client.get("/.well-known/void")).json())["@graph"][0]


async def test_idle_workers_end(client: TestClient, tmp_path: Path) -> None:
    """A node that is asked nothing has no process for it."""
    few = workers.Workers(idle_seconds=0.1)
    folder = tmp_path / "node" / layout.FOLDER
    current = layout.current(folder)
    assert current is not None
    await few.ask(folder, current, workers.Asked("ASK {}", sparql.JSON_TABLE, "text/turtle"))
    (worker,) = few._idle
    assert worker.lives
    await asyncio.sleep(0.5)
    assert few._idle == []
    assert not worker.lives


# ----------------------------------------------------------------------------------------------------------- following
async def test_what_is_written_changed_or_withdrawn_is_followed(
    client: TestClient, town: SmallTown, catch_up: Callable[..., int], tmp_path: Path
) -> None:
    """After each, the store says what the dump says, and only what changed was written."""
    club, choir = town.elements["Atelier vélo du Canal"], town.elements["Chœur des Joncherolles"]
    await town.add("relation", "new", subject=club, predicate="supports", object=choir)
    await town.add("place", "Neuf", type="park", address="1 rue", locality="Saint-Denis", location=[1, 2])
    await same_after(client, town, catch_up, tmp_path, 4)
    current = await town.archive.read(lambda reader: reader.current(_id(town.elements["Neuf"])))
    assert current is not None
    from convergences_node.archive.model import NewRecord

    record = NewRecord(
        "place", {"name": "Vieux", "type": "park"}, element=_id(town.elements["Neuf"]), previous=current.digest
    )
    (placed,) = await town.archive.append([record])
    await same_after(client, town, catch_up, tmp_path, 1)
    await town.change(placed, "place", None)
    await same_after(client, town, catch_up, tmp_path, 1)
    assert await rows(client, f"{PREFIXES} SELECT ?s {{ ?s pair:label 'Vieux' }}") == []


async def same_after(
    client: TestClient, town: SmallTown, catch_up: Callable[..., int], folder: Path, written: int
) -> None:
    await town.index.catch_up()
    assert catch_up() == written
    assert catch_up() == 0
    dump = pyoxigraph.Store()
    dump.load(await take(client, "/data/all.nq"), pyoxigraph.RdfFormat.N_QUADS)
    assert isomorphic(graph_of(dump), graph_of(stored(folder)))


def _id(text: str) -> Any:
    from convergences_protocol.element import ElementId

    return ElementId.parse(text)


async def test_a_relation_that_comes_to_its_end_is_followed_though_nobody_writes(
    client: TestClient, town: SmallTown, catch_up: Callable[..., int]
) -> None:
    """`partner_of` held from 2020 to 2024."""
    query = f"{PREFIXES} ASK {{ ?a pair:partnerOf ?b }}"
    assert b"false" in await ask(client, query)
    assert catch_up(now=1_640_995_200) == 2 + 0
    assert b"true" in await ask(client, query)
    assert catch_up() == 2
    assert b"false" in await ask(client, query)


async def test_what_is_erased_is_not_answered_from_the_next_question_on(
    client: TestClient, town: SmallTown, catch_up: Callable[..., int], tmp_path: Path
) -> None:
    """Nothing is answered until the store has caught up; once it is dropped, no file of the store has the words."""
    from convergences_protocol.erasure import Erasure

    folder = tmp_path / "node" / layout.FOLDER
    query = f"{PREFIXES} ASK {{ ?s pair:label 'Nouveau nom' }}"
    assert b"true" in await ask(client, query)
    assert any(b"Nouveau nom" in file.read_bytes() for file in folder.rglob("*") if file.is_file())
    layout.withhold(folder)
    await town.archive.erase(Erasure("asked for", _id(town.elements["changed"])), at_once=True)
    await town.index.catch_up()
    assert await code(client, query) == (503, "starting")
    catch_up()
    layout.give(folder)
    assert b"false" in await ask(client, query)
    assert not any(b"Nouveau nom" in file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_what_was_cut_short_is_found_again(
    client: TestClient, town: SmallTown, catch_up: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process dies between writing the store and remembering that it did; meanwhile the element is withdrawn."""
    from convergences_node.archive.model import NewRecord
    from convergences_node.linked.changes import Followed

    (placed,) = await town.archive.append([NewRecord("theme", {"name": "Éphémère"})])
    await town.index.catch_up()
    with monkeypatch.context() as cut:
        cut.setattr(Followed, "done", _dies)
        with pytest.raises(RuntimeError):
            catch_up()
    await town.change(placed, "theme", None)
    await same_after(client, town, catch_up, tmp_path, 1)


def _dies(*_: object) -> None:
    raise RuntimeError("killed")


async def test_another_address_or_program_makes_it_anew(catch_up: Callable[..., int], client: TestClient) -> None:
    everything = catch_up(base="https://elsewhere.example")
    assert everything > 50
    assert catch_up(base="https://elsewhere.example") == 0
    assert catch_up(base="https://elsewhere.example", anew=True) == everything


# ------------------------------------------------------------------------------------------------------------ keywords
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://x> {} }",
        "SELECT * { service?x{} }",
        "SELECT * { FILTER(?a<?b)SERVICE<http://x>{} }",
        'SELECT * { ?a ?b "x\\"" . SERVICE <x:y> {} }',
        "SELECT * { ?a ?b '''a'b''' . SERVICE <x:y> {} }",
        "SELECT * #\n { SERVICE# comment\n SILENT ex:y {} }",
        "SELECT * { ex:a\\#b ?c ?d . SERVICE ex:y {} }",
    ],
)
def test_a_service_is_found_however_it_is_written(query: str) -> None:
    assert "SERVICE" in keywords(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?service { ?service a schema:Service }",
        "SELECT * { ?s a ex:SERVICE ; <http://x/SERVICE> 'SERVICE', \"SERVICE\" } # SERVICE",
        "SELECT * { ?s ?p '''a 'SERVICE' b''' }",
        "SELECT * { ?s ?p 'x'@service }",
    ],
)
def test_a_word_that_is_no_keyword_is_none(query: str) -> None:
    assert "SERVICE" not in keywords(query)
