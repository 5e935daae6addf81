# SPDX-License-Identifier: AGPL-3.0-or-later
"""The examples hold together: every file is there, every row names its source and licence, nothing is personal."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from convergences_node.demo.example import EXAMPLES, load_example
from convergences_node.imports.mapping import load_mapping
from convergences_node.territories.gazetteer import folded
from convergences_protocol.errors import LocalError
from convergences_protocol.kinds import KINDS, check

NAMES = ("plaine-commune", "valence-romans")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def records(name: str) -> list[dict[str, Any]]:
    return [row for path in sorted((EXAMPLES / name / "records").glob("*.ndjson")) for row in rows(path)]


@pytest.mark.parametrize(("name", "count", "towns"), [("plaine-commune", 649, 9), ("valence-romans", 598, 30)])
def test_an_example_is_whole(name: str, count: int, towns: int) -> None:
    """As many records and towns as were promised, each record in its own town's file."""
    example = load_example(name)
    assert len(example.towns) == towns
    assert len(records(name)) == count
    for member in (*example.towns, example.agglomeration):
        for row in rows(member.records) if member.records else []:
            assert row.get("code_insee", example.agglomeration.short) == member.short
    for mapping in ("mapping.toml", "themes.toml"):
        load_mapping(example.file(mapping))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_names_its_source_and_licence_and_the_readme_knows_it(name: str) -> None:
    """Open data with nobody's name beside it is not open data."""
    readme = (EXAMPLES / name / "README.md").read_text("utf-8")
    for row in records(name):
        assert row["licence"]
        assert f"`{row['source']}`" in readme
    keys = [(row["source"], row["id"]) for row in records(name)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_personal_and_no_prose_is_in_an_example(name: str) -> None:
    """No addresses of mail, no telephone numbers, no long texts."""
    for row in records(name):
        text = json.dumps(row, ensure_ascii=False)
        assert "@" not in text
        assert not re.search(r"\b0[1-9](?:[ .]\d\d){4}\b", text), text
        assert all(len(value) <= 300 for value in row.values() if isinstance(value, str)), text


def test_the_base_tree_covers_every_label_of_plaine_commune() -> None:
    """Each theme's broader one comes before it; each label of the sources, whole or in parts, is a theme's name."""
    tree = rows(EXAMPLES / "plaine-commune" / "themes.ndjson")
    seen: set[str] = set()
    for theme in tree:
        assert theme.get("parent") is None or theme["parent"] in seen
        seen.add(theme["id"])
    names = {folded(name) for theme in tree for name in (theme["nom"], *theme.get("autres_noms", ()))}
    for row in records("plaine-commune"):
        for label in row.get("thematiques", ()):
            whole = folded(label) in names
            assert whole or all(any(folded(part) in folded(name) for name in names) for part in label.split(",")), label


def test_the_example_begins_before_anything_has_ended() -> None:
    """Pierrefitte and Saint-Denis as they were in 2024, and sound as records."""
    example = load_example("plaine-commune")
    facts = {town.short: town.facts for town in example.towns}
    assert facts["93059"].ended is None
    assert facts["93066"].former_names == ()
    assert "93380" not in facts["93066"].postcodes, "Pierrefitte's postcode is Pierrefitte's own"
    for each in (*facts.values(), example.agglomeration.facts):
        assert check(KINDS["territory"], each.fields()) == []
    assert facts["93059"].outline
    assert example.merge is not None
    assert (example.merge.ends, example.merge.successor) == ("93059", "93066")


@pytest.mark.parametrize("name", ["atlantis", "../plaine-commune", "", "."])
def test_an_unknown_example_says_which_there_are(name: str) -> None:
    """And is never looked for outside of the folder."""
    with pytest.raises(LocalError) as unknown:
        load_example(name)
    assert unknown.value.hint == "there are: plaine-commune, valence-romans"
