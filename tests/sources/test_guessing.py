# SPDX-License-Identifier: AGPL-3.0-or-later
"""A mapping is guessed from names and values, each line with its confidence; real tables as a person would."""

from itertools import islice
from typing import Any

import pytest
from convergences_node.imports.rows import read_rows, sniff
from convergences_node.sources.declaration import parse
from convergences_node.sources.guessing import Proposal, propose
from convergences_node.sources.proposing import declaration_text

from tests.imports.test_real_files import data

MEDNUM = "actors/mediation-numerique"
EXPECTED: dict[str, tuple[str, dict[str, list[str]]]] = {
    f"{MEDNUM}/angers/angers.json": (
        "place",
        {"location": ["LAT", "LNG"], "postcode": ["code_postal"], "opening_hours": ["HORAIRE"], "name": ["USER_NOM"]},
    ),
    f"{MEDNUM}/gironde/gironde.json": (
        "place",
        {
            "location": ["Coord. X", "Coord. Y"],
            "address": ["Adresse postale"],
            "name": ["Lieu"],
            "themes": ["services"],
        },
    ),
    f"{MEDNUM}/la-creuse/la-creuse.json": (
        "place",
        {"location": ["latitude", "longitude"], "address": ["adresse"], "name": ["nom"], "locality": ["commune"]},
    ),
    f"{MEDNUM}/maine-et-loire/maine-et-loire.json": (
        "place",
        {"location": ["x", "y"], "postcode": ["CP"], "name": ["NOM_STRUCTURE"], "website": ["SITE_WEB"]},
    ),
    "actors/festivals-france/festivals-global-festivals-_-pl.csv": (
        "action",
        {
            "name": ["nom_du_festival"],
            "town": ["code_insee_commune"],
            "location": ["geocodage_xy"],
            "website": ["site_internet_du_festival"],
        },
    ),
}


def guessed(rows: list[dict[str, Any]], name: str = "liste") -> Proposal:
    return propose(rows, name)


def columns(proposal: Proposal) -> dict[str, list[str]]:
    return {one.field: one.column.names for one in proposal.guesses}


@pytest.mark.parametrize("file", EXPECTED)
def test_real_tables_are_guessed_as_a_person_would(file: str) -> None:
    """The kind, and the columns that matter; swapped coordinates, Lambert-93, one cell for both."""
    path = data(file)
    rows = [row.cells for row in islice(read_rows(path, sniff(path)), 200) if row.fault is None]
    proposal = propose(rows, path.stem)
    kind, wanted = EXPECTED[file]
    found = columns(proposal)
    assert proposal.kind == kind
    assert {name: found.get(name) for name in wanted} == wanted
    text = declaration_text({"file": str(path)}, "liste", proposal, sniff(path).format)
    read = parse(text.encode(), "liste")
    assert read.proposed and read.tables["element"][0]["kind"] == kind


def test_english_and_french_columns_are_known() -> None:
    rows = [
        {"title": f"Talk {n}", "startDate": f"2027-01-0{n + 1}T18:00:00Z", "end_date": "", "zip_code": "93200"}
        for n in range(5)
    ]
    proposal = guessed(rows, "events")
    assert proposal.kind == "action"
    assert columns(proposal)["start"] == ["startDate"] and columns(proposal)["name"] == ["title"]


def test_values_are_tried_and_not_only_names() -> None:
    """A column called `mail` that holds something else is not sure; a date of upkeep is no beginning."""
    rows = [
        {"nom": f"A{n}", "mail": "voir le site", "contact": f"a{n}@b.example", "maj": "2024-01-01"} for n in range(9)
    ]
    proposal = guessed(rows, "associations")
    assert (proposal.kind, columns(proposal)["email"]) == ("actor", ["contact"])
    assert "start" not in columns(proposal)


def test_a_column_names_rows_only_if_no_two_are_alike() -> None:
    rows = [{"id": "1", "nom": f"A{n}", "adresse": f"{n} rue B"} for n in range(5)]
    proposal = guessed(rows)
    assert proposal.id == ["nom", "adresse"] and proposal.id_confidence < 0.5
    assert guessed([row | {"identifiant": n} for n, row in enumerate(rows)]).id == ["identifiant"]


@pytest.mark.parametrize(
    "rows",
    [
        [{}],
        [{"": ""}],
        [{'"]\n[element]\nkind = "x': "a\u0007b\n\x00", "\\": "\u202e"}],
        [{f"c{n}": n for n in range(300)}],
        [{"nom": ["a", {"b": 1}], "lat": float("nan"), "lon": True}],
    ],
)
def test_whatever_a_table_is_called_the_proposal_can_be_read(rows: list[dict[str, Any]]) -> None:
    """Columns named by a stranger stay within their quotes."""
    proposal = guessed(rows)
    text = declaration_text({"url": "https://x.example/"}, 'a"b\n', proposal, "csv")
    assert parse(text.encode(), "liste").tables["source"]["name"] == 'a"b\n'
