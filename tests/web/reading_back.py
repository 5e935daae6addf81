# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a stranger's program does with a list: takes it whole, checks its length, tag, digest and count, reads it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import rdflib
from aiohttp.test_utils import TestClient

LINKED = Path(__file__).parents[3] / "shared" / "data" / "linked"
PAIR = rdflib.Namespace("http://virtual-assembly.org/ontologies/pair#")
LDP = rdflib.Namespace("http://www.w3.org/ns/ldp#")
DC = rdflib.Namespace("http://purl.org/dc/terms/")


async def take(client: TestClient, path: str, accept: str = "*/*", **headers: str) -> bytes:
    """A list's bytes, once all that it says of itself was found true."""
    asked = {"Accept": accept, "Accept-Encoding": "identity", **headers}
    answer = await client.get(path, headers=asked)
    assert answer.status == 200, (path, answer.status, await answer.text())
    body = await answer.read()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = await client.get(path, headers={**asked, "If-None-Match": answer.headers["ETag"]})
    assert again.status == 304, path
    if "Repr-Digest" in answer.headers:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
        assert int(answer.headers["Content-Length"]) == len(body)
        assert int(answer.headers["X-Total-Count"]) >= 0
        zipped = await client.get(path, headers={**asked, "Accept-Encoding": "gzip"})
        assert await zipped.read() == body
        if not path.endswith(".gz"):
            assert zipped.headers["ETag"] != answer.headers["ETag"]
    return body


async def graph_of(client: TestClient, path: str, accept: str, **headers: str) -> rdflib.Graph:
    """The statements of a document, as rdflib reads them."""
    body = await take(client, path, accept, **headers)
    form = {"application/ld+json": "json-ld", "application/n-triples": "nt"}.get(accept, "turtle")
    return rdflib.Graph().parse(data=body, format=form)


def ontology() -> rdflib.Graph | None:
    """PAIR's own file, where it is beside the repository."""
    path = LINKED / "pair-ontology" / "2-Implementation" / "owl" / "pair.ttl"
    return rdflib.Graph().parse(path) if path.exists() else None


def resources(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a container's document contains, by label, as Archipelago filters it."""
    assert "ldp:Container" in document["type"]
    contained = document["ldp:contains"]
    assert isinstance(contained, list)
    return {each["pair:label"]: each for each in contained}
