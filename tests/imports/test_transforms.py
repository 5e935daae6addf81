# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cells as people type them, and what they become."""

from typing import Any

import pytest
from convergences_node.imports.mapping import Column
from convergences_node.imports.transforms import TRANSFORMS, BadCell, Label, Reference, items


@pytest.mark.parametrize(
    ("name", "cells", "value"),
    [
        ("text", ["  Le\n 6b  "], "Le 6b"),
        ("text", ["e\u0301cole"], "école"),
        ("markdown", ["un\r\ndeux "], "un\ndeux"),
        ("date", ["2013"], "2013"),
        ("date", ["1984-01-01 00:00:00"], "1984-01-01"),
        ("date", ["2024-06-02T15:00:00+00:00"], "2024-06-02T15:00:00+00:00"),
        ("date", ["2024-06-02 15:00:00.123+0200"], "2024-06-02T15:00:00+02:00"),
        ("date", ["3/4/2024"], "2024-04-03"),
        ("date", ["0001-01-01"], "0001-01-01"),
        ("date", ["31/12/9999"], "9999-12-31"),
        ("point", [48.9121722626, 2.38445513768], [489121723, 23844551]),
        ("point", ["48,9", "-2,5"], [489000000, -25000000]),
        ("point", ["46.6180197037,3.14884278466"], [466180197, 31488428]),
        ("point", ["", ""], None),
        ("url", ["www.aubercail.fr"], "https://www.aubercail.fr"),
        ("url", ["HTTP://Example.org/A"], "http://Example.org/A"),
        ("integer", ["33 670"], 33670),
        ("integer", ["12.0"], 12),
        ("boolean", ["Oui"], True),
        ("boolean", ["FAUX"], False),
        ("email", ["<contact@example.org>;"], "contact@example.org"),
        ("territory", ["93066"], "FR-93066"),
        ("territory", ["fr-2a004"], "FR-2A004"),
        ("reference", ["gares:ZDC_1"], Reference("gares", "ZDC_1")),
        ("reference", ["musique"], Reference("", "musique")),
        ("theme", ["Musique"], Label("Musique")),
        ("lambert93", ["652469,02", "6862035.26"], [488566000, 23522000]),
        ("postcode", [1000], "01000"),
        ("postcode", ["49300.0"], "49300"),
        ("phone", ["0123456789"], "01 23 45 67 89"),
        ("phone", [123456789], "01 23 45 67 89"),
        ("phone", ["+33 (0)1.23.45.67.89"], "+33 1 23 45 67 89"),
        ("phone", ["0033123456789"], "+33 1 23 45 67 89"),
        ("phone", ["39 49"], "39 49"),
        ("text", ["#N/A"], None),
        ("address", ["12 rue A", "", "12 RUE A", "93200 Saint-Denis"], "12 rue A, 93200 Saint-Denis"),
    ],
)
def test_a_cell_becomes_a_value(name: str, cells: list[Any], value: Any) -> None:
    """The many ways to write one thing."""
    assert TRANSFORMS[name](cells, Column()) == value


@pytest.mark.parametrize(
    ("name", "cells", "code"),
    [
        ("date", ["16ème"], "cell_date"),
        ("date", ["31/02/2024"], "cell_day"),
        ("date", ["0000-01-01"], "cell_day"),
        ("date", ["01/01/0000"], "cell_day"),
        ("date", ["10000-01-01"], "cell_date"),
        ("date", ["9999-12-31T24:00:00Z"], "cell_day"),
        ("date", ["2024-06-02 15:00"], "cell_offset"),
        ("date", ["2/6/2024 à 15h"], "cell_offset"),
        ("lambert93", ["47.2", "-1.5"], "cell_point"),
        ("lambert93", ["nan", "6862035"], "cell_point"),
        ("point", ["48.9", ""], "cell_degrees"),
        ("point", ["0", "0"], "cell_in_the_sea"),
        ("point", ["148.9", "2"], "cell_not_on_earth"),
        ("point", ["NaN", "2"], "cell_degrees"),
        ("point", ["2.35", "48.85"], "cell_swapped"),
        ("point", ["652469,02", "6862035"], "cell_lambert93"),
        ("point", ["6862035.5", "652469"], "cell_lambert93"),
        ("point", ["1e999999999", "2"], "cell_degrees"),
        ("url", ["/"], "cell_url"),
        ("url", ["javascript:alert(1)"], "cell_url"),
        ("integer", ["douze"], "cell_integer"),
        ("integer", ["9" * 5000], "cell_integer"),
        ("boolean", ["peut-être"], "cell_boolean"),
        ("reference", ["\ud800:1"], "cell_reference"),
    ],
)
def test_a_cell_that_cannot_be_understood_says_why(name: str, cells: list[Any], code: str) -> None:
    """Refused rather than guessed."""
    with pytest.raises(BadCell) as caught:
        TRANSFORMS[name](cells, Column())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("cells", "column", "value"),
    [
        (["20240602"], Column(column="x", format="%Y%m%d"), "2024-06-02"),
        (["06/02/2024"], Column(column="x", format="%m/%d/%Y"), "2024-06-02"),
        (
            ["02/06/24 18:30"],
            Column(column="x", format="%d/%m/%y %H:%M", zone="Europe/Paris"),
            "2024-06-02T18:30:00+02:00",
        ),
        (["2024-12-02 18:30"], Column(column="x", zone="Europe/Paris"), "2024-12-02T18:30:00+01:00"),
        (["2/6/2024 à 15h"], Column(column="x", zone="Europe/Paris"), "2024-06-02T15:00:00+02:00"),
        (["02/06/2024", "18h30"], Column(columns=["d", "h"], zone="Europe/Paris"), "2024-06-02T18:30:00+02:00"),
        (["2024-06-02 15:00Z"], Column(column="x", zone="Europe/Paris"), "2024-06-02T15:00Z"),
    ],
)
def test_a_date_is_read_by_the_columns_own_format_and_zone(cells: list[Any], column: Column, value: str) -> None:
    """An hour without an offset is one of the zone that the mapping names, summer time and all."""
    assert TRANSFORMS["date"](cells, column) == value


def test_a_table_of_terms_has_a_word_for_the_others() -> None:
    """The source's words become ours; without `otherwise` an unknown one is refused."""
    column = Column(column="x", terms={"gares": "station"}, otherwise="other")
    assert [TRANSFORMS["term"]([given], column) for given in ("gares", "vélos", "")] == ["station", "other", "other"]
    with pytest.raises(BadCell):
        TRANSFORMS["term"](["vélos"], Column(column="x", terms={"gares": "station"}))


def test_items_come_once_whatever_holds_them() -> None:
    """A cell that is a list, a cell with separators, or several columns."""
    assert items([["a", " b ", "a", None]], Column()) == ["a", "b"]
    assert items(["a | b||a"], Column(separator="|")) == ["a", "b"]
    assert items(["a, b", "c", ""], Column()) == ["a, b", "c"]
