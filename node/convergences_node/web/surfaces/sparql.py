# SPDX-License-Identifier: AGPL-3.0-or-later
"""SPARQL 1.1 over all that this node shows: queries, by the SPARQL 1.1 Protocol (W3C, 2013), and nothing that writes.

The default graph is all logs together; each log is a named graph of its own. An answer is whole or refused: it takes at
most ten seconds and 224 MiB, and has at most a hundred thousand rows. No query reaches another machine.
Without a query the address describes what is here (SPARQL 1.1 Service Description).
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from convergences_node.linked import layout
from convergences_node.linked.sparql_text import QUERY_CHARACTERS_MAX, keywords
from convergences_node.linked.workers import Answered, Asked, BusyError, StoppedError, Workers
from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, GZIP_BYTES_MIN, GZIP_LEVEL, conditional, takes_gzip
from convergences_node.web.exporting import base_of
from convergences_node.web.posted import readable
from convergences_node.web.problems import Problem
from convergences_node.web.route import Parameter
from convergences_node.web.surfaces.linked_context import LINKED_PREFIXES
from convergences_node.web.surfaces.negotiating import JSON_LD, TURTLE, wanted_form
from convergences_node.web.surfaces.triples import n_triples

if TYPE_CHECKING:
    from multidict import MultiMapping

WORKERS: web.AppKey[Workers] = web.AppKey("sparql_workers")

JSON_TABLE, XML_TABLE = "application/sparql-results+json", "application/sparql-results+xml"
TABLES = {
    JSON_TABLE: JSON_TABLE,
    XML_TABLE: XML_TABLE,
    "text/csv": "text/csv",
    "text/tab-separated-values": "text/tab-separated-values",
    "application/json": JSON_TABLE,
    "application/xml": XML_TABLE,
}
GRAPHS = (TURTLE, "application/n-triples", "application/rdf+xml", JSON_LD)
"""What a reader may ask for, and what that is called here."""
CHARACTERS_MAX = 8_000
"""In an address; a longer query is posted."""
RETRY_SECONDS = "10"
SECONDS_MAX = 40.0
"""A worker that begins, those who wait before, and the query itself."""
_SD = "http://www.w3.org/ns/sparql-service-description#"
_FORMATS = "http://www.w3.org/ns/formats/"
_RESULT_FORMATS = (
    *(f"SPARQL_Results_{name}" for name in ("JSON", "XML", "CSV", "TSV")),
    *("Turtle", "N-Triples", "RDF_XML", "JSON-LD"),
)
QUERY = Parameter("query", "The query.", {"type": "string", "maxLength": CHARACTERS_MAX}, example="ASK {?s ?p ?o}")
_IRI = {"type": "string", "format": "iri", "maxLength": 500}
DATASET = (
    Parameter("default-graph-uri", "A graph of the default graph; instead of all.", _IRI, many=True),
    Parameter("named-graph-uri", "A graph that the query may name; instead of all.", _IRI, many=True),
)
PASSED_OVER = tuple(
    Parameter(name, "Passed over: `Accept` says which form is wanted.", {"type": "string"})
    for name in ("format", "output", "results")
)
"""What some clients send besides."""
_URLENCODED, _SPARQL_QUERY = "application/x-www-form-urlencoded", "application/sparql-query"


async def sparql_query(request: web.Request) -> web.Response:
    """A query in SPARQL 1.1; without one, what this service is (Turtle).

    A table is answered as JSON, XML, CSV or TSV, a graph as Turtle, N-Triples, RDF/XML or JSON-LD, by `Accept`.
    """
    folder = _folder(request)
    if "query" not in request.query:
        return _described(request, folder)
    return await _answer(request, folder, request.query["query"], request.query)


async def sparql_query_post(request: web.Request) -> web.Response:
    """A query in SPARQL 1.1, as a form's field `query` or as the body itself (`application/sparql-query`)."""
    folder = _folder(request)
    if request.content_type == _SPARQL_QUERY:
        with readable():
            query = await request.text()
        return await _answer(request, folder, query, request.query)
    if request.content_type != _URLENCODED:
        raise Problem("sparql-refused", reason=f"{_URLENCODED}, {_SPARQL_QUERY}")
    with readable():
        form = await request.post()
    if not isinstance(given := form.get("query"), str):
        raise Problem("query-refused", faults=[("query", "missing", {})])
    return await _answer(request, folder, given, form)


def _folder(request: web.Request) -> Path:
    folder = town_of(request).web_settings.linked
    if folder is None:
        raise Problem("sparql-off")
    return folder


async def _answer(request: web.Request, folder: Path, query: str, dataset: MultiMapping[Any]) -> web.Response:
    if len(query) > QUERY_CHARACTERS_MAX:
        raise Problem("query-too-long", limit=QUERY_CHARACTERS_MAX)
    words = keywords(query)
    if "SERVICE" in words:
        raise Problem("sparql-elsewhere")
    default, named = (tuple(map(str, dataset.getall(each.name, ()))) for each in DATASET)
    asked = Asked(
        query,
        table=TABLES[wanted_form(request, tuple(TABLES))],
        graph=wanted_form(request, GRAPHS),
        union="FROM" not in words and not default and not named,
        default=default,
        named=named,
        prefixes=_prefixes(),
    )
    return await _written(request, await _ask(request.app[WORKERS], folder, asked))


def _prefixes() -> Mapping[str, str]:
    return {name: iri for name, iri in LINKED_PREFIXES.items() if name not in ("ldp", "semapps", "void")}


async def _ask(workers: Workers, folder: Path, asked: Asked) -> Answered:
    for _ in range(2):
        current = layout.current(folder)
        if current is None:
            break
        try:
            return await workers.ask(folder, current, asked)
        except BusyError:
            raise Problem("too-busy", headers={"Retry-After": RETRY_SECONDS}) from None
        except StoppedError:
            raise Problem("sparql-too-much") from None
        except OSError:
            await asyncio.sleep(0)  # a newer snapshot has taken its place
    raise Problem("starting", headers={"Retry-After": RETRY_SECONDS})


async def _written(request: web.Request, answered: Answered) -> web.Response:
    if answered.outcome == "too-much":
        raise Problem("sparql-too-much")
    if answered.outcome != "answered":
        raise Problem("sparql-refused", reason=answered.detail)
    body, zipped = answered.body, None
    if len(body) >= GZIP_BYTES_MIN and takes_gzip(request):
        zipped = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL, mtime=0)
    media = answered.media + ("; charset=utf-8" if answered.media.startswith("text/") else "")
    return conditional(request, body, media, cache=CACHE_ASK, vary=("Accept",), zipped=zipped)


def _described(request: web.Request, folder: Path) -> web.Response:
    """What this service is."""
    here = f"{base_of(request)}/sparql"
    settings, made = town_of(request).web_settings, layout.current(folder)
    described: dict[str, Any] = {
        "id": here,
        "type": f"{_SD}Service",
        f"{_SD}endpoint": {"id": here},
        f"{_SD}supportedLanguage": {"id": f"{_SD}SPARQL11Query"},
        f"{_SD}feature": {"id": f"{_SD}UnionDefaultGraph"},
        f"{_SD}resultFormat": [{"id": f"{_FORMATS}{name}"} for name in _RESULT_FORMATS],
        "dc:title": settings.name,
        "dc:license": {"id": settings.licence},
        "dc:conformsTo": {"id": f"{base_of(request)}/shapes.ttl"},
    }
    if made is not None:
        described["void:uriSpace"] = f"{made.base}/"
        described["dc:modified"] = datetime.fromtimestamp(made.moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return conditional(request, n_triples(described).encode(), TURTLE, cache=CACHE_ASK, vary=("Host",))
