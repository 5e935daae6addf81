# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of a CSV file (RFC 4180, as spreadsheets really write it): any of `; , tab |`, quotes, line breaks in cells.

The first row names the columns. A row with too many cells is refused; one with too few has the rest empty, as
spreadsheets leave out trailing cells. A quote never closed costs its own row and what it swallowed, not the file.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from .rows import Dialect, Row
from .text import LINE_CHARS_MAX, Line, read_lines

DELIMITERS = ";,\t|"
COLUMNS_MAX = 1000
SEP = re.compile(r"sep=([;,\t|])\r?\n", re.IGNORECASE)
"""What Excel wants above a table whose separator is not its own."""


def sniff_delimiter(start: str) -> str:
    """The sign found most often in the first line, outside quotes; a comma if there is none."""
    if said := SEP.match(start):
        return said[1]
    counts = dict.fromkeys(DELIMITERS, 0)
    quoted = False
    for sign in start[:LINE_CHARS_MAX]:
        if sign == '"':
            quoted = not quoted
        elif sign in "\r\n" and not quoted:
            break
        elif sign in counts and not quoted:
            counts[sign] += 1
    best = max(DELIMITERS, key=lambda sign: counts[sign])
    return best if counts[best] else ","


def read_csv(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """The rows after the header. A file with no header has no rows."""
    source = _Lines(read_lines(file, dialect.encoding))
    reader = csv.reader(source, delimiter=dialect.delimiter)
    columns: list[str] | None = None
    while True:
        source.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(source.begun, {}, Fault("row", "row_csv", {"reason": str(error)}))
        except _UnreadableLine as error:
            yield Row(source.begun, {}, error.fault)
            continue
        if not cells:
            continue
        if source.begun == 1 and cells[0].removeprefix("\ufeff").lower() == "sep=":
            continue
        if columns is None:
            columns = named(cells)
            continue
        yield _row(source.begun, columns, cells)


def named(cells: Sequence[Any]) -> list[str]:
    """The names of the columns; the second column of a name is `name (2)`, so that no cell is lost under another."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for cell in cells[:COLUMNS_MAX]:
        name = str("" if cell is None else cell).removeprefix("\ufeff").strip()
        seen[name] = again = seen.get(name, 0) + 1
        names.append(f"{name} ({again})" if name and again > 1 else name)
    return names


def _row(line: int, columns: list[str], cells: list[str]) -> Row:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        return Row(line, {}, Fault("row", "row_cells", {"cells": len(cells), "columns": len(columns)}))
    return Row(line, dict(zip(columns, cells, strict=False)))


class _UnreadableLine(Exception):  # noqa: N818 - says what the line is
    """A line that must not reach the csv module."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class _Lines:
    """Hands lines to the csv module, counts them, and stops a row that goes on for too long."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._chars = 0
        self._last = 0
        self.begun = 1

    def begin_row(self) -> None:
        self._chars = 0
        self.begun = self._last + 1

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._last = line.number
        self._chars += len(line.text)
        if line.fault:
            raise _UnreadableLine(line.fault)
        if self._chars > LINE_CHARS_MAX:
            raise _UnreadableLine(Fault("row", "row_too_long", {"limit": LINE_CHARS_MAX}))
        return line.text
