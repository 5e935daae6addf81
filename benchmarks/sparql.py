# SPDX-License-Identifier: AGPL-3.0-or-later
"""Questions in SPARQL by HTTP beside pyoxigraph alone on the same store, in turns: `python -m benchmarks sparql`.

The store is made of the index of `search.py` by the process that a node starts for it, then asked through the real web
application in a process of its own, and by pyoxigraph in this one, from the same snapshot, in the same form. What a
node adds is the way of a question and its answer through two processes.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import pyoxigraph
from convergences_node.linked import layout
from convergences_node.linked.answering import NICE
from convergences_node.linked.following import Told

from benchmarks import search, search_node
from benchmarks.figures import Figure
from benchmarks.server import running
from benchmarks.world import free_port

COUNT = 100_000
ROUNDS = 7
RATIO_MAX = 1.2
BASE = "https://territory.example"
PAIR = "PREFIX pair: <http://virtual-assembly.org/ontologies/pair#> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> "
QUESTIONS = {
    "how many elements of each theme": "SELECT ?theme (COUNT(?e) AS ?n) WHERE { ?e pair:hasTopic ?theme }"
    " GROUP BY ?theme ORDER BY DESC(?n)",
    "what begins in a month, by town": "SELECT ?g (COUNT(?e) AS ?n) WHERE { GRAPH ?g { ?e pair:startDate ?start }"
    " FILTER(?start >= '2026-05-01T00:00:00Z'^^xsd:dateTime && ?start < '2026-06-01T00:00:00Z'^^xsd:dateTime) }"
    " GROUP BY ?g",
    "a word in the names, 100 of them": "SELECT ?e ?label WHERE { ?e pair:label ?label"
    " FILTER(CONTAINS(?label, 'jardin')) } ORDER BY ?label LIMIT 100",
    "everything in a box": "SELECT ?e ?label ?lat ?lon WHERE { ?e pair:label ?label ; pair:hasLocation ?where ."
    " ?where pair:latitude ?lat ; pair:longitude ?lon FILTER(?lat > 47.9 && ?lat < 48.0 && ?lon > 1.9 && ?lon < 2.3) }",
    "a table of 10,000 rows": "SELECT ?e ?label ?text WHERE { ?e pair:label ?label ; pair:description ?text }"
    " LIMIT 10000",
    "how many statements": "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }",
}


def measure(scratch: Path, count: int = COUNT) -> Iterator[Figure]:
    """Build what is not there yet in `scratch`, then ask both."""
    scratch.mkdir(parents=True, exist_ok=True)
    node = _node(scratch, count)
    yield from _made(node, count)
    folder = node / layout.FOLDER
    current = layout.snapshot(folder)
    assert current is not None
    alone = pyoxigraph.Store.read_only(str(folder / current.name))
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.search_node", str(node), str(port)]
    with running(command, port, {}), _as_low_as_an_answer():
        yield from _compared(alone, port, count)


@contextmanager
def _as_low_as_an_answer() -> Iterator[None]:
    """A node answers with less priority than it serves pages with: pyoxigraph alone is asked at the same, or whatever
    else the machine does would be told as a difference between the two."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, before + NICE)
    try:
        yield
    finally:
        with suppress(PermissionError):  # who may not raise it again has measured all the same
            os.setpriority(os.PRIO_PROCESS, 0, before)


def _node(scratch: Path, count: int) -> Path:
    """A node's folder with an index of so many elements."""
    folder = scratch / f"node-{count}"
    if not folder.exists():
        asyncio.run(search_node.make(folder))
        search.build(folder / "index.db", count)
    return folder


def _made(node: Path, count: int) -> Iterator[Figure]:
    """Make the store as a node does: how fast, and with how much memory."""
    told = Told(base=BASE, zone="Europe/Paris", now=search_node.NOW, anew=True)
    command = [sys.executable, "-m", "convergences_node.linked.following", str(node)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({name: getattr(told, name) for name in told.__struct_fields__}).encode() + b"\n")
        process.stdin.close()
        last = process.stdout.readlines()[-1]
    if json.loads(last).get("elements") != count:
        raise RuntimeError(f"the store was not made: {last!r}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    yield Figure(f"SPARQL store of {count:,} made anew", count / seconds, "elements a processor second")
    yield Figure("memory of the process that makes it", used.ru_maxrss / 1024, "MiB at most")


def _compared(alone: pyoxigraph.Store, port: int, count: int) -> Iterator[Figure]:
    totals = [0.0, 0.0]
    for name, question in QUESTIONS.items():
        mine, theirs = _taken(alone, port, PAIR + question)
        totals = [totals[0] + mine, totals[1] + theirs]
        yield Figure(f"{name}, of {count:,} in SPARQL", 1000 * mine, "ms", 1000 * theirs, "pyoxigraph alone")
    title = f"all questions in SPARQL, of {count:,}"
    wanted, reached = f"at most {RATIO_MAX} times", totals[0] <= RATIO_MAX * totals[1]
    yield Figure(title, 1000 * totals[0], "ms", 1000 * totals[1], "pyoxigraph alone", wanted, reached)


def _taken(alone: pyoxigraph.Store, port: int, question: str) -> tuple[float, float]:
    """The median of the rounds, by HTTP and alone; both answer the same bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    path = f"/sparql?{urlencode({'query': question})}"
    union = "GRAPH" not in question

    def by_http() -> bytes:
        connection.request("GET", path, headers={"Accept": "application/sparql-results+json"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(body)
        return body

    def by_itself() -> bytes:
        found = alone.query(question, use_default_graph_as_union=union)
        assert isinstance(found, pyoxigraph.QuerySolutions)
        return found.serialize(format=pyoxigraph.QueryResultsFormat.JSON)

    if len(by_http()) != len(by_itself()):
        raise RuntimeError(f"both answer otherwise: {question}")
    times = [(_seconds(by_http), _seconds(by_itself)) for _ in range(ROUNDS)]
    connection.close()
    return median(each for each, _ in times), median(each for _, each in times)


def _seconds(work: Callable[[], bytes]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    for figure in measure(Path(os.environ.get("TMPDIR", "/tmp")) / "convergences-sparql"):
        print(f"{figure.name}: {figure.value:,.4g} {figure.unit} {figure.ratio or '':.4}")
