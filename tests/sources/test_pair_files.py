# SPDX-License-Identifier: AGPL-3.0-or-later
"""A file of linked data as a source, in the words of PAIR: recognised, shown, relayed without a mapping."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from convergences_node.sources.declaration import parse
from convergences_node.sources.drafting import Drafts
from convergences_protocol.errors import LocalError

from .conftest import Home

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "linked" / "pair-archipel-av"
needs_archive = pytest.mark.skipif(not ARCHIVE.exists(), reason="needs the real archive")
DECLARED = 'licence = "odbl-1.0"\ngone = "withdraw"\nmapping = "pair"\n[where]\nfile = "given"\n'
THINGS = [
    {"@id": f"https://a.example/{number}", "@type": "pair:Organization", "pair:label": f"Atelier {number}"}
    for number in range(10)
]
SMALL = {
    "@context": {"pair": "http://virtual-assembly.org/ontologies/pair#"},
    "@graph": THINGS,
}


@needs_archive
@pytest.mark.parametrize("form", ["archipel.ttl", "archipel.nt", "archipel.jsonld"])
async def test_a_real_archive_is_looked_at_first_and_relayed_whole(home: Home, form: str) -> None:
    """Whatever its form and whatever the file is called: each kind in turn, what no kind holds named; the same again
    writes nothing."""
    shutil.copy(ARCHIVE / form, home.folder / "given")
    told = await home.ask("source_preview", where=str(home.folder / "given"), rows=8)
    kinds = [one["kind"] for one in told["elements"] if "kind" in one]
    assert {"actor", "action", "theme", "resource"} <= set(kinds), kinds
    assert (told["format"], told["guessed"]) == ("pair", False) and told["not_held"]
    assert 'mapping = "pair"' in told["declaration"]
    await home.declare("archipel", DECLARED)
    told = await home.run("archipel")
    assert told["outcome"] == "imported", told
    assert (len(await home.found("resource")), told["counts"]["refused_count"]) == (91, 0)
    size = await home.size()
    assert (await home.run("archipel"))["outcome"] == "unchanged"
    assert (await home.run("archipel", whole=True))["counts"]["created"] == 0
    assert await home.size() == size


async def test_what_a_file_of_pair_loses_is_held_up_as_any_other(home: Home) -> None:
    """Cut, it is no JSON; of another kind, it is no linked data; emptied or much smaller, a person looks first."""
    given = home.folder / "given"
    given.write_text(json.dumps(SMALL))
    await home.declare("archipel", DECLARED)
    assert (await home.run("archipel"))["counts"]["created"] == 10
    for text, code in (
        (json.dumps(SMALL)[:-40], "source_wrong"),
        ("name;town\nAtelier;Stains\n", "source_wrong"),
        (json.dumps(SMALL | {"@context": "https://spy.example/context"}), "source_wrong"),
    ):
        given.write_text(text)
        told = await home.run("archipel")
        assert (told["outcome"], told["reason"]["code"]) == ("failed", code), told
    for count, code in ((0, "source_empty"), (5, "source_shrunk")):
        given.write_text(json.dumps(SMALL | {"@graph": THINGS[:count]}))
        told = await home.run("archipel")
        assert (told["outcome"], told["reason"]["code"]) == ("held", code), told
    given.write_text(json.dumps(SMALL | {"@graph": THINGS[1:]}))
    assert (await home.run("archipel"))["gone_done"] == {"withdrawn": 1}
    assert len(await home.found("actor")) == 9


async def test_a_page_that_is_given_such_a_file_asks_for_no_columns(home: Home) -> None:
    drafts = Drafts(home.town)
    with drafts.new_file() as local:
        local.write_text(json.dumps(SMALL))
        draft = await drafts.of_file(local, "archipel.jsonld")
    assert (draft.name, draft.format, draft.proposal) == ("archipel", "pair", None)
    assert parse(draft.declaration().encode(), "archipel").mapping == "pair"


def test_a_declaration_of_pair_has_no_columns() -> None:
    with pytest.raises(LocalError, match="pair reads linked data by itself"):
        parse((DECLARED + '[file]\nencoding = "cp1252"\n').encode(), "archipel")
