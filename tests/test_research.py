# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tables for those who study an archive: read by DuckDB as a stranger would, explained, safe in a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from convergences_node.research.columns import columns_of
from convergences_node.research.exporting import KINDS_EXPORTED, export
from convergences_node.verbs import Export
from convergences_protocol.errors import LocalError

from tests.web.small_town import MEAN_NAME, SmallTown, small_town

ROOT = Path(__file__).parents[1]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[SmallTown]:
    """A filled town."""
    async with small_town(tmp_path / "node") as opened:
        yield opened


async def written(town: Any, to: Path, form: str) -> dict[str, Any]:
    return await export(town, Export(to=str(to), format=form), lambda _: None)


def table(folder: Path, kind: str, form: str) -> Any:
    """A kind's rows as DuckDB reads them, by the command that the page to read first gives."""
    files = f"{folder}/{kind}/**/*.{form}"
    if form == "parquet":
        return duckdb.read_parquet(files, hive_partitioning=True)
    return duckdb.read_csv(files, hive_partitioning=True, all_varchar=True)


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_every_element_is_in_its_table_by_territory_and_year(town: SmallTown, tmp_path: Path, form: str) -> None:
    report = await written(town, tmp_path / "tables", form)
    for kind, count in report["tables"].items():
        assert count == await town.index.held((kind,))
        if count:
            assert len(table(tmp_path / "tables", kind, form)) == count
    assert sum(report["tables"].values()) > 50
    actions = table(tmp_path / "tables", "action", form)
    (row,) = (
        actions.filter("name = 'Festival des Murs'")
        .select("type, start, start_day, themes_name, year, territory")
        .fetchall()
    )
    themes = ["Musique", "Culture"]
    assert [str(each) for each in row] == ["festival", "2026-12-05", "2026-12-05",
        "Musique | Culture" if form == "csv" else str(themes), "2026", "FR-93066"]  # fmt: skip
    places = table(tmp_path / "tables", "place", form)
    ((latitude,),) = places.filter("name = 'Maison des associations'").select("location_latitude::DOUBLE").fetchall()
    assert latitude == pytest.approx(48.936)
    readme = (tmp_path / "tables" / "README.md").read_text("utf-8")
    assert "opendatacommons.org" in readme
    assert f"read_{form}" in readme


async def test_the_dictionary_has_every_column_of_every_table(town: SmallTown, tmp_path: Path) -> None:
    await written(town, tmp_path / "tables", "csv")
    with (tmp_path / "tables" / "dictionary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    described = {(row["table"], row["column"]) for row in rows}
    for kind in KINDS_EXPORTED.values():
        columns = {column.name for column in columns_of(kind)}
        fields = {field.name for field in kind.fields if field.type not in ("point", "outline", "media")}
        assert fields <= columns
        assert {(kind.name, name) for name in columns | {"territory", "year"}} <= described
        for path in (tmp_path / "tables" / kind.name).rglob("*.csv"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                assert set(next(csv.reader(file))) == columns
    assert all(row["label_fr"] and row["label_en"] and row["type"] for row in rows)


async def test_a_formula_is_a_text_in_a_spreadsheet_and_stands_as_it_is_in_parquet(
    town: SmallTown, tmp_path: Path
) -> None:
    formula = '=HYPERLINK("https://x.example","ici")'
    await town.add("actor", formula, type="association", other_names=["+1+1", "@SUM(A1)"])
    await town.index.catch_up()
    for form in ("csv", "parquet"):
        await written(town, tmp_path / form, form)
        names = [name for (name,) in table(tmp_path / form, "actor", form).select("name").fetchall()]
        assert (formula if form == "parquet" else f"'{formula}") in names
        assert MEAN_NAME in names
    (path,) = (tmp_path / "csv" / "actor").rglob("*.csv")
    for row in csv.reader(path.open(encoding="utf-8-sig", newline="")):
        assert not any(cell.startswith(("=", "@")) for cell in row)


async def test_a_folder_that_is_there_is_left_alone(town: SmallTown, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    with pytest.raises(LocalError, match="there already"):
        await written(town, tmp_path / "tables", "csv")
    with pytest.raises(LocalError, match="no format"):
        await written(town, tmp_path / "other", "xml")
    assert not (tmp_path / "other").exists()


async def test_without_duckdb_the_node_says_what_to_install(
    town: SmallTown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(LocalError) as refused:
        await written(town, tmp_path / "tables", "parquet")
    assert "convergences[research]" in str(refused.value.hint)
    assert (await written(town, tmp_path / "tables", "csv"))["tables"]["theme"] == 3


async def test_what_is_cut_short_leaves_nothing(town: Any, tmp_path: Path) -> None:
    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await export(town, Export(to=str(tmp_path / "tables"), format="csv"), stop)
    assert not (tmp_path / "tables").exists() and not (tmp_path / "tables.part").exists()


async def test_the_example_draws_two_figures(town: SmallTown, tmp_path: Path) -> None:
    await written(town, tmp_path / "tables", "parquet")
    await asyncio.to_thread(_draw, tmp_path)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in sorted((tmp_path / "figures").glob("*")))


def _draw(tmp_path: Path) -> None:
    script = ROOT / "examples" / "research.py"
    drawn = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "tables"), "--to", str(tmp_path / "figures")],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert len(drawn.stdout.split()) == 2
