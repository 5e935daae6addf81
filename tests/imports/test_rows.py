# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files as they are found: every encoding, every separator, every accident. A report, never a traceback."""

import codecs
import json
from pathlib import Path

import pytest
from convergences_node.imports.rows import Row, read_rows, sniff
from convergences_node.imports.text import LINE_CHARS_MAX
from convergences_protocol.errors import Fault, LocalError


def rows_of(path: Path, data: bytes | str, **said: str) -> list[Row]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_rows(path, sniff(path, **said)))


def faults(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row.line, row.fault.code) for row in rows if row.fault]


@pytest.mark.parametrize("delimiter", list(";,\t|"))
def test_the_separator_is_found(tmp_path: Path, delimiter: str) -> None:
    """Spreadsheets in French write semicolons, others commas or tabs."""
    text = f'nom{delimiter}"ville; ou, lieu"\nLe 6b{delimiter}Saint-Denis\n'
    (row,) = rows_of(tmp_path / "t", text)
    assert row == Row(2, {"nom": "Le 6b", "ville; ou, lieu": "Saint-Denis"})


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_separator_may_be_said_above_the_table(tmp_path: Path, mark: str) -> None:
    """As Excel wants it; that line is no header."""
    (row,) = rows_of(tmp_path / "t", f"{mark}sep=;\r\nnom, ou titre;ville\r\nLe 6b;Saint-Denis\r\n")
    assert row == Row(3, {"nom, ou titre": "Le 6b", "ville": "Saint-Denis"})


def test_two_columns_of_one_name_are_two(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path / "t", "nom;nom;ville\na;b;c\n")
    assert row.cells == {"nom": "a", "nom (2)": "b", "ville": "c"}


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_the_encoding_is_found(tmp_path: Path, encoding: str, found: str) -> None:
    """The name of a town survives whatever exported it."""
    text = "nom;ville\n" + "École élémentaire Jean Jaurès – l’été;Épinay-sur-Seine\n" * 20
    path = tmp_path / "t"
    path.write_bytes(text.encode(encoding))
    assert sniff(path).encoding == found
    rows = list(read_rows(path, sniff(path)))
    assert faults(rows) == []
    assert rows[0].cells == {"nom": "École élémentaire Jean Jaurès – l’été", "ville": "Épinay-sur-Seine"}


def test_a_line_in_another_encoding_costs_only_itself(tmp_path: Path) -> None:
    """Two exports pasted together: the second one's accents are refused by line, the rest is read."""
    data = "nom\nÉté\n".encode() * 200_000 + "Hiver à part\n".encode("cp1252") + b"Printemps\n"
    rows = rows_of(tmp_path / "t", data)
    assert faults(rows) == [(400_001, "row_encoding")]
    assert rows[-1].cells == {"nom": "Printemps"}


def test_a_quote_left_open_costs_what_it_swallows(tmp_path: Path) -> None:
    """And never the whole file."""
    filler = "\n".join(f"{n},ligne" for n in range(30_000))
    rows = rows_of(tmp_path / "t", f'a,b\n1,"jamais fermé\n{filler}\n')
    assert len(faults(rows)) == 1
    assert faults(rows)[0][0] == 2
    assert rows[-1].cells == {"a": "29999", "b": "ligne"}


def test_a_line_without_end_is_refused_and_passed_over(tmp_path: Path) -> None:
    """A megabyte on one line is not a row; the next line is."""
    long = "x" * (3 * LINE_CHARS_MAX)
    rows = rows_of(tmp_path / "t", f"a,b\n1,{long}\n2,après\n")
    assert faults(rows) == [(2, "row_too_long")]
    assert rows[-1].cells == {"a": "2", "b": "après"}
    rows = rows_of(tmp_path / "t", f'{{"a": 1}}\n{{"a": "{long}"}}\n{{"a": 2}}\n')
    assert [row.cells for row in rows if not row.fault] == [{"a": 1}, {"a": 2}]


def test_missing_cells_are_empty_and_too_many_are_refused(tmp_path: Path) -> None:
    """Spreadsheets leave out trailing cells; a cell under no column would be lost silently."""
    rows = rows_of(tmp_path / "t", "a,b,c\n1\n1,2,3,,\n1,2,3,4\n")
    assert rows[0].cells == {"a": "1"}
    assert rows[1].cells == {"a": "1", "b": "2", "c": "3"}
    assert rows[2].fault == Fault("row", "row_cells", {"cells": 4, "columns": 3})


@pytest.mark.parametrize("data", ["", "\n\n\n", "\ufeff", "a,b,c\n", "\0\0\0", "[]", "[", "{", '{"features": []}', " "])
def test_a_file_with_nothing_in_it_has_no_good_rows(tmp_path: Path, data: str) -> None:
    """Empty in every way a file can be."""
    assert [row for row in rows_of(tmp_path / "t", data) if not row.fault] == []


def test_a_truncated_list_gives_what_is_whole(tmp_path: Path) -> None:
    """A download cut short: the objects before the cut, and where it is."""
    whole = json.dumps([{"id": n, "nom": "é" * 50} for n in range(3000)], indent=1)
    rows = rows_of(tmp_path / "t", whole[: len(whole) // 2])
    good = [row for row in rows if not row.fault]
    assert good == rows_of(tmp_path / "t", whole)[: len(good)]
    assert len(good) > 1000
    assert len(faults(rows)) == 1


@pytest.mark.parametrize(
    "line", ["[1, 2]", '"text"', "null", "NaN", '{"a": NaN}', '{"a": ', "{'a': 1}", "[" * 100_000, '{"a":' * 100_000]
)
def test_a_line_that_is_not_an_object_is_refused(tmp_path: Path, line: str) -> None:
    """Whatever JSON, or nearly JSON, somebody writes on a line."""
    rows = rows_of(tmp_path / "t", '{"a": 1}\n' + line + '\n{"a": 2}\n')
    assert [row.cells for row in rows if not row.fault] == [{"a": 1}, {"a": 2}]
    assert [number for number, _ in faults(rows)] == [2]


def test_a_feature_has_its_properties_and_its_point(tmp_path: Path) -> None:
    """GeoJSON writes longitude first (RFC 7946 §3.1.1)."""
    feature = {
        "type": "Feature",
        "id": "node/1",
        "properties": {"name": "Médiathèque", "contact": {"phone": "01"}},
        "geometry": {"type": "Point", "coordinates": [2.35, 48.93]},
    }
    (row,) = rows_of(tmp_path / "t", json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert row.cells == {"id": "node/1", "name": "Médiathèque", "contact.phone": "01", "lon": 2.35, "lat": 48.93}


def test_a_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    """One sentence with the name of the file."""
    with pytest.raises(LocalError, match=r"nowhere\.csv cannot be read"):
        sniff(tmp_path / "nowhere.csv")
    with pytest.raises(LocalError, match="encoding"):
        rows_of(tmp_path / "t", "a\n1\n", encoding="klingon")


def test_a_byte_order_mark_is_never_part_of_a_column(tmp_path: Path) -> None:
    """Excel writes one; the first column keeps its name."""
    rows = rows_of(tmp_path / "t", codecs.BOM_UTF8 + b"nom;ville\nA;B\n")
    assert list(rows[0].cells) == ["nom", "ville"]
