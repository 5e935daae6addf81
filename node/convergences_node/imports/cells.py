# SPDX-License-Identifier: AGPL-3.0-or-later
"""A cell as somebody typed it: its clean text, its items, and what cannot be understood of it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convergences_protocol.errors import Fault

from .mapping import Column

SHOWN_CHARS_MAX = 60
NOTHING = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})
"""What a spreadsheet writes where a formula of its own failed: nobody meant to say that."""

UNSEEN = " \u00ad\u200b\u200c\u200d\u2060\ufeff"
"""Signs without a shape, such as the space of no width: around a text they are a mistake, alone they are no name."""


class BadCell(Exception):  # noqa: N818 - the cell is bad, the program is not
    """A cell that cannot be understood: `code` and `params` are those of the fault that its field will have."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(f"{code} {params}")
        self.code = code
        self.params = params

    def at(self, path: str) -> Fault:
        """The fault of the field that the cell was for."""
        return Fault(path, self.code, self.params)


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a theme, to be looked up in the tree."""

    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Another row, by its source and its id there."""

    source: str
    source_id: str

    def __str__(self) -> str:
        return f"{self.source}:{self.source_id}"


def clean(cell: Any) -> str:
    """A cell's text: composed (NFC, as records are), with the white space of a single line."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = cell if type(cell) is str else str(cell)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    # Most cells are clean already, and asking is quicker than taking them apart.
    if not text.isprintable() or "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split()).strip(UNSEEN)
    return "" if text[:1] == "#" and text in NOTHING else text


def items(cells: Sequence[Any], column: Column) -> list[str]:
    """The items of a list: of one cell that is a list or has a separator, or one a column. Each item once."""
    found: list[str] = []
    for cell in cells:
        parts = cell if isinstance(cell, list) else clean(cell).split(column.separator) if column.separator else [cell]
        found += [clean(part) for part in parts]
    return list(dict.fromkeys(item for item in found if item))


def shown(given: str) -> str:
    """The beginning of what somebody typed, safe to print."""
    printable = "".join(sign if sign.isprintable() else "\ufffd" for sign in given[: SHOWN_CHARS_MAX + 1])
    return repr(printable if len(printable) <= SHOWN_CHARS_MAX else printable[:SHOWN_CHARS_MAX] + "…")
