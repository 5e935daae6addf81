# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first rows of a table by column, what a column would be read as, and how much of it would be accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convergences_protocol.kinds import Field, FieldType

from convergences_node.imports.cells import BadCell, clean, items
from convergences_node.imports.convert import transform_of
from convergences_node.imports.mapping import Column
from convergences_node.imports.transforms import TRANSFORMS
from convergences_node.territories.communes import communes

SAMPLES = 3
SAMPLE_CHARS_MAX = 60
LABEL_CHARS_MAX = 80
"""A theme's name is shorter, and no number: a number is somebody's own code for one."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One line of a proposal: the field, where its value would come from, how sure that is, and what it would be."""

    field: str
    column: Column
    confidence: float
    samples: tuple[str, ...] = ()


class Table:
    """The first rows, by column, with what is asked of them more than once."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self.columns = list(dict.fromkeys(name for row in rows for name in row))
        self.known = communes()

    def values(self, column: str) -> list[Any]:
        """The cells that are not empty."""
        return [cell for row in self.rows if (cell := row.get(column)) is not None and clean(cell)]

    def numbers(self, column: str) -> list[float]:
        found = []
        for value in self.values(column):
            try:
                found.append(float(clean(value).replace(",", ".")))
            except ValueError:
                continue
        return found

    def together(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """The cells of several columns, row by row, where one of them at least says something."""
        rows = (tuple(row.get(name) for name in columns) for row in self.rows)
        return [cells for cells in rows if any(clean(cell) for cell in cells)]


def accepted(declared: Field, column: Column, values: Sequence[Any]) -> tuple[tuple[str, ...], float]:
    """What the first values become, and the share of all that the declaration accepts. A value that is put together of
    several cells is a tuple."""
    transform = TRANSFORMS[transform_of(declared, column)]
    said: list[str] = []
    good = 0
    for value in values:
        cells = list(value) if isinstance(value, tuple) else [value]
        try:
            made = (
                [transform([item], column) for item in items(cells, column)]
                if declared.many
                else [transform(cells, column)]
            )
        except BadCell:
            continue
        if declared.type is FieldType.ELEMENT:
            good += all(len(str(one)) < LABEL_CHARS_MAX and any(map(str.isalpha, str(one))) for one in made)
        else:
            good += declared.accepts(made if declared.many else made[0])
        if len(said) < SAMPLES:
            said.append(" ".join(filter(None, map(clean, cells)))[:SAMPLE_CHARS_MAX])
    return tuple(said), good / len(values)
