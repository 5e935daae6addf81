# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writing tables, some rows at a time: CSV as it comes, Parquet by DuckDB from lines that it reads at the end.

    <folder>/<kind>/territory=FR-93066/year=2026/data.csv

A cell of a CSV that a spreadsheet would compute begins with an apostrophe (`take_table.safe`); in Parquet nothing is
computed, and texts stand as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
from convergences_protocol.errors import Fault, LocalError

from convergences_node.research.columns import PARTS, Column
from convergences_node.web.take_table import BETWEEN, safe

Parted = tuple[tuple[str, str], dict[str, Any]]
"""A row with its territory and its year."""
MEMORY = "512MB"
THREADS = 2
MARK = "\ufeff"
"""Tells spreadsheets that a table is UTF-8."""
_encode = msgspec.json.Encoder().encode


class Tables(Protocol):
    """One kind's table, while it is written."""

    def add(self, rows: Iterable[Parted]) -> None:
        """Write some more rows."""
        ...

    def finish(self) -> None:
        """All rows are there."""
        ...


class CsvTables:
    """A file for each territory and year, opened for as long as some rows are written into it."""

    def __init__(self, folder: Path, columns: Sequence[Column]) -> None:
        self._folder, self._columns = folder, columns
        folder.mkdir(parents=True)

    def add(self, rows: Iterable[Parted]) -> None:
        parted: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for part, row in rows:
            parted.setdefault(part, []).append(row)
        for part, some in parted.items():
            self._append(part, some)

    def _append(self, part: tuple[str, str], rows: Sequence[dict[str, Any]]) -> None:
        folder = self._folder.joinpath(*(f"{name}={value}" for name, value in zip(PARTS, part, strict=True)))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "data.csv"
        is_new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            if is_new:
                file.write(MARK)
                writer.writerow([column.name for column in self._columns])
            writer.writerows([_cell(row.get(column.name)) for column in self._columns] for row in rows)

    def finish(self) -> None:
        """Every row is written already."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.7f}"
    return safe(
        BETWEEN.join("" if each is None else str(each) for each in value) if isinstance(value, list) else str(value)
    )


class ParquetTables:
    """Lines of JSON beside, which DuckDB makes into files when all are there, within a bound of memory."""

    def __init__(self, folder: Path, columns: Sequence[Column]) -> None:
        self._folder, self._columns = folder, columns
        self._lines = folder.with_name(f"{folder.name}.ndjson").open("wb")

    def add(self, rows: Iterable[Parted]) -> None:
        for part, row in rows:
            self._lines.write(_encode({**row, **dict(zip(PARTS, part, strict=True))}) + b"\n")

    def finish(self) -> None:
        self._lines.close()
        lines = Path(self._lines.name)
        with duckdb().connect(config={"memory_limit": MEMORY, "threads": THREADS}) as db:
            types = {column.name: column.sql for column in self._columns} | dict.fromkeys(PARTS, "VARCHAR")
            table = db.read_json(str(lines), columns=types, format="newline_delimited")
            db.register("records", table)
            # Only paths and names of our own stand in this statement.
            db.execute(
                f"COPY (SELECT * FROM records ORDER BY id) TO '{_quoted(self._folder)}'"  # noqa: S608
                f" (FORMAT parquet, COMPRESSION zstd, PARTITION_BY ({', '.join(PARTS)}))"
            )
        lines.unlink()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def duckdb() -> Any:
    """DuckDB, which only this needs. Raises `LocalError` that says what to install."""
    try:
        import duckdb as found
    except ImportError:
        raise LocalError(
            "Parquet files are written by DuckDB, which is not installed",
            hint="pip install 'convergences[research]', or --format csv",
            fault=Fault("", "export_parquet"),
        ) from None
    return found


FORMATS: dict[str, type[CsvTables] | type[ParquetTables]] = {"csv": CsvTables, "parquet": ParquetTables}
