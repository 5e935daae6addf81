# SPDX-License-Identifier: AGPL-3.0-or-later
"""JSON and GeoJSON as their suites have them: what is JSON is read, what is not is refused and never guessed at."""

from pathlib import Path

import pytest
from convergences_node.imports.geojson_point import middle
from convergences_node.imports.json_window import CHUNK_BYTES
from convergences_node.imports.rows import Dialect, Row, read_rows, sniff

from .beside import data

NOT_JSON = {"json_broken", "json_cut", "row_not_json", "row_encoding"}


def rows_of(path: Path, text: str | bytes) -> list[Row]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_rows(path, Dialect("json", "utf-8")))


def codes(rows: list[Row]) -> list[str]:
    return [row.fault.code for row in rows if row.fault]


def test_the_parsing_suite_is_read_and_refused_as_it_says() -> None:
    """JSONTestSuite: `y_` is never refused as not being JSON, `n_` always is; `i_` ends in a report."""
    files = sorted(data("conformance/json-parsing").rglob("*.json"))
    assert len(files) > 300
    for path in files:
        found = set(codes(list(read_rows(path, Dialect("json", "utf-8")))))
        if path.name.startswith("y_"):
            assert not found & NOT_JSON, path.name
        elif path.name.startswith("n_"):
            assert found & NOT_JSON, path.name
        list(read_rows(path, sniff(path)))


def test_the_geojson_fixtures_are_rows_with_a_point() -> None:
    """Every feature and every geometry, alone or in a collection, stands somewhere."""
    files = sorted(data("conformance/geojson-fixtures").rglob("*.geojson"))
    assert len(files) == 16
    for path in files:
        dialect = sniff(path)
        assert dialect.format == "geojson", path.name
        for row in read_rows(path, dialect):
            assert row.fault is None, path.name
            assert {"lon", "lat"} <= row.cells.keys(), path.name


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1},]',
        '[{"a": 1}',
        '[{"a": 1}] x',
        '[{"a": 1} {"a": 2}]',
        '{"data": [{"a": 1}], "b": }',
        '{"data": [{"a": 1}]',
    ],
)
def test_what_was_whole_before_the_break_is_kept(tmp_path: Path, text: str) -> None:
    """The row before it is good, the break is one refusal with its line."""
    rows = rows_of(tmp_path / "t", text)
    assert [row.cells for row in rows if not row.fault] == [{"a": 1}]
    assert set(codes(rows)) <= NOT_JSON
    assert len(codes(rows)) == 1


def test_the_list_is_found_whatever_stands_before_it(tmp_path: Path) -> None:
    """A name like the list's inside another object is not the list."""
    text = '{"meta": {"data": [{"no": 1}]}, "note": "\\"data\\": [", "data": [{"a": 1}], "after": [1, 2]}'
    assert [row.cells for row in rows_of(tmp_path / "t", text)] == [{"a": 1}]


def test_the_list_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text('{"data": [{"a": 1}], "lieux": [{"b": 2}]}')
    assert [row.cells for row in read_rows(path, sniff(path, "json", sheet="lieux"))] == [{"b": 2}]


def test_a_value_cut_by_the_window_s_edge_is_whole(tmp_path: Path) -> None:
    """A number is not taken for finished because the chunk is."""
    for shift in range(-4, 4):
        head = "[" + " " * (CHUNK_BYTES - 8 + shift)
        rows = rows_of(tmp_path / "t", head + '12345678, {"a": 123456789}]')
        assert [row.fault.params["found"] for row in rows if row.fault] == ["int"]
        assert rows[1].cells == {"a": 123456789}


def test_bytes_that_are_no_text_cost_their_own_row(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "t", b'[{"a": "\xff"}, {"a": "\xc3\xa9"}]')
    assert codes(rows) == ["row_encoding"]
    assert rows[1].cells == {"a": "é"}


def test_a_gigabyte_of_nothing_is_refused_at_once(tmp_path: Path) -> None:
    """Sparse files, which cost a stranger nothing: a list of zeros, and a text that never ends."""
    for start in (b"[", b'{"data": [', b'[{"a": "'):
        path = tmp_path / "t"
        with path.open("wb") as file:
            file.write(start)
            file.truncate(1024**3)
        (row,) = read_rows(path, sniff(path, "json", encoding="utf-8"))
        assert row.fault is not None


def test_the_middle_of_a_building_is_its_point() -> None:
    square = {"type": "Polygon", "coordinates": [[[2.0, 48.0], [2.2, 48.0], [2.2, 48.4], [2.0, 48.4], [2.0, 48.0]]]}
    assert middle(square) == [2.1, 48.2]
    assert middle({"type": "GeometryCollection", "geometries": [square]}) == [2.1, 48.2]
    assert middle({"type": "Polygon", "coordinates": []}) is None
    assert middle({"type": "Point", "coordinates": [1]}) is None
    assert middle(None) is None
    deep: object = [1.0, 2.0]
    for _ in range(500):
        deep = [deep]
    assert middle({"type": "Polygon", "coordinates": deep}) is None
