# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two communes of one name: where a row has a point, what is around the point decides; where it has none, nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from convergences_node.imports.convert import Converter
from convergences_node.imports.mapping import parse_mapping
from convergences_node.imports.rows import read_rows, sniff
from convergences_node.territories.communes import communes

from .test_real_files import data

MAPPING = """
[source]
name = "placing"
id = "{id}"

[[element]]
kind = "action"

[element.fields]
name = "{name}"
type = {{ value = "festival" }}
locality = "{locality}"
location = {{ column = "{point}", bad = "leave_out" }}
town = {{ transform = "commune", bad = "leave_out"{within} }}
"""
FESTIVALS = "actors/festivals-france/festivals-global-festivals-_-pl.csv"


def converter(within: str = "", **columns: str) -> Converter:
    named = {"id": "id", "name": "name", "locality": "locality", "point": "point"} | columns
    return Converter(parse_mapping(MAPPING.format(**named, within=within).encode()))


@pytest.mark.parametrize(
    ("locality", "point", "within", "town"),
    [
        ("Valence", "44.9334, 4.8924", "", "FR-26362"),
        ("Valence", "44.1060, 0.8920", "", "FR-82186"),
        ("VALENCE", "44.1060, 0.8920", ', within = "FR-82"', "FR-82186"),
        ("Valence", "", "", None),
        ("Valence", "48.8566, 2.3522", "", None),
        ("Valence", "44.9334, 4.8924", ', within = "FR-33"', None),
        ("Saint-Denis", "48.9357, 2.3540", "", "FR-93066"),
        ("Saint-Denis", "-20.8789, 55.4481", "", None),
        ("Bordeaux", "", "", "FR-33063"),
    ],
)
def test_a_homonym_is_where_its_point_is(
    locality: str, point: str, within: str, town: str | None, tmp_path: Path
) -> None:
    """Without a point, with one that is in neither, or overseas, where no outline is known, none is taken."""
    path = tmp_path / "rows.csv"
    path.write_text(f'id,name,locality,point\n1,Fête,{locality},"{point}"\n', "utf-8")
    (row,) = read_rows(path, sniff(path))
    assert converter(within).convert(row).fields.get("town") == town


def test_the_festivals_of_france_are_placed_by_name_and_point_alone() -> None:
    """Of those in a commune whose name another has too, as the ministry's list has them with their INSEE codes."""
    known, path = communes(), data(FESTIVALS)
    convert = converter(
        id="identifiant",
        name="nom_du_festival",
        locality="commune_principale_de_deroulement",
        point="geocodage_xy",
    )
    found, unplaced = 0, 0
    for row in read_rows(path, sniff(path)):
        name, code = (str(row.cells.get(column) or "") for column in ("commune_principale_de_deroulement", CODE))
        town = known.by_code(code)
        if town is None or not row.cells.get("geocodage_xy") or known.find("", name) is not None:
            continue
        if known.find("", name, f"FR-{town[3:5]}") != town:
            continue  # the list has another commune's code there, or a name of today's
        placed = convert.convert(row).fields.get("town")
        assert placed in (town, None), f"{name}: {placed}, and not {town}"
        found, unplaced = found + (placed is not None), unplaced + (placed is None)
    assert found >= 380
    assert unplaced <= 25, "on the coast, and where the list errs"


CODE = "code_insee_commune"
