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
"""A theme's name is shorter."""


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


def accepted(declared: Field, column: Column, values: Sequence[Any]) -> tuple[tuple[str, ...], float]:
    """What the first values become, and the share of all that the declaration accepts."""
    transform = TRANSFORMS[transform_of(declared, column)]
    said: list[str] = []
    good = 0
    for value in values:
        try:
            made = [transform([item], column) for item in (items([value], column) if declared.many else [value])]
        except BadCell:
            continue
        if declared.type is FieldType.ELEMENT:
            good += all(len(str(one)) < LABEL_CHARS_MAX for one in made)
        else:
            good += declared.accepts(made if declared.many else made[0])
        if len(said) < SAMPLES:
            said.append(clean(value)[:SAMPLE_CHARS_MAX])
    return tuple(said), good / len(values)
