# SPDX-License-Identifier: AGPL-3.0-or-later
"""A record's word for its licence is an address in linked data, and that word again when it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.web.surfaces import licences

from tests.web.reading_back import DC, graph_of
from tests.web.small_town import SmallTown

from .test_pair import brought, empty_town, exported


@pytest.mark.parametrize("word", ["etalab-2.0", "odbl-1.0", "cc-by-sa-4.0"])
async def test_a_known_word_is_an_address(client: TestClient, town: SmallTown, tmp_path: Path, word: str) -> None:
    """In JSON-LD and Turtle alike; another node has the word again."""
    fields = {"name": "Halle", "type": "venue", "licence": word}
    (placed,) = await town.archive.append([NewRecord("place", fields)])
    await town.index.catch_up()
    element = str(placed.element)
    iri = rdflib.URIRef(licences.IRIS[word])
    for form in ("application/ld+json", "text/turtle"):
        assert iri in set((await graph_of(client, f"/e/{element}", form)).objects(None, DC.license))
    path = tmp_path / "dump.nq"
    path.write_bytes(await exported(town))
    async with empty_town(tmp_path / "again") as again:
        await brought(again, path)
        view = await again.index.element(element)
        assert view is not None and view.fields["licence"] == word


def test_each_word_has_one_address() -> None:
    assert len(licences.WORDS) == len(licences.IRIS)
    assert all(word == word.lower() for word in licences.IRIS)
