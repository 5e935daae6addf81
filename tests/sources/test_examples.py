# SPDX-License-Identifier: AGPL-3.0-or-later
"""The declared examples, run over the real files: nearly every row that says where it is finds its commune."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from convergences_node.imports.rows import read_rows, sniff
from convergences_node.sources.declaration import mapping_of, parse

from tests.imports.memory_desk import MemoryDesk, import_file
from tests.imports.test_real_files import EXAMPLES, data

LINES_MAX = 40
SHARE_MIN = 0.98
MEDNUM = "actors/mediation-numerique"
FILES = {
    "mednum-angers": (f"{MEDNUM}/angers/angers.json", ("USER_ADRES", "LAT")),
    "mednum-gironde": (f"{MEDNUM}/gironde/gironde.json", ("Adresse postale", "Coord. X")),
    "mednum-la-creuse": (f"{MEDNUM}/la-creuse/la-creuse.json", ("adresse", "latitude")),
    "mednum-maine-et-loire": (f"{MEDNUM}/maine-et-loire/maine-et-loire.json", ("ADRESSE", "x")),
    "festivals-france": (
        "actors/festivals-france/festivals-global-festivals-_-pl.csv",
        ("adresse_postale", "geocodage_xy"),
    ),
}
"""By example: its real file, and the columns by which a row says where it is."""


def test_every_example_is_short_and_proved() -> None:
    """At most forty lines, and none without its file here."""
    found = {path.stem: path for path in (EXAMPLES / "sources").glob("*.toml")}
    assert found.keys() == FILES.keys()
    for path in found.values():
        assert len(path.read_text("utf-8").splitlines()) <= LINES_MAX, path.name


@pytest.mark.parametrize("name", FILES)
async def test_rows_that_say_where_they_are_find_their_commune(
    name: str, record_property: pytest.FixtureRequest
) -> None:
    """By code, by postcode and name, by what the address says; the share is reported."""
    where, told_by = FILES[name]
    path = data(where)
    declaration = parse((EXAMPLES / "sources" / f"{name}.toml").read_bytes(), name)
    mapping = mapping_of(Path(), name, declaration, sniff(path).format, date(2026, 11, 22))
    desk = MemoryDesk()
    report = await import_file(desk, path, mapping, lambda event: None)
    placed = {fields["source_id"] for _, fields, _ in desk.elements.values() if "town" in fields}
    rows = [row.cells for row in read_rows(path, sniff(path))]
    located = [row for row in rows if any(_says(row, column) for column in told_by)]
    share = len(placed) / len(located)
    record_property("share_placed", share)  # type: ignore[operator]
    print(
        f"{name}: {len(rows)} rows, {report['created']} elements, {len(placed)} of {len(located)} placed, {share:.2%}"
    )
    assert share >= SHARE_MIN, report["left_out"][:5]
    assert report["created"] >= SHARE_MIN * len(rows), report["refused"][:5]


def _says(row: Mapping[str, Any], column: str) -> bool:
    return str(row.get(column) or "").strip() not in ("", "#N/A", ",")
