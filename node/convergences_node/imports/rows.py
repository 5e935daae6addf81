# SPDX-License-Identifier: AGPL-3.0-or-later
"""A table's rows, whatever the file: CSV, one JSON object a line, a JSON list, or GeoJSON.

`sniff` looks at the first bytes and chooses the reader. A reader promises to hold one row at a time, to go on after
a row it cannot read, and to say of that row its line and the reason. It never raises because of what the file holds.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault, LocalError

from .text import SAMPLE_BYTES, detect_encoding, known_encoding

LIST_WITHIN = re.compile(r'"(?:features|elements|results|data)"\s*:\s*\[')
"""A document of one line that holds a list under one of these names is not a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins on and its cells by column. `fault` says why it could not be read."""

    line: int
    cells: dict[str, Any]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is to be read: found by looking, or said by the mapping."""

    format: str
    encoding: str
    delimiter: str = ","


Reader = Callable[[BinaryIO, Dialect], Iterator[Row]]


def sniff(path: Path, format: str | None = None, encoding: str | None = None, delimiter: str | None = None) -> Dialect:
    """The dialect of a file; what the caller knows already is not guessed."""
    from .csv_rows import sniff_delimiter

    try:
        with path.open("rb") as file:
            sample = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror or error}") from None
    found = known_encoding(encoding) if encoding else detect_encoding(sample)
    start = sample.decode(found, errors="replace").lstrip("\ufeff \t\r\n")
    shape = format or _format_of(start)
    return Dialect(shape, found, delimiter or (sniff_delimiter(start) if shape == "csv" else ","))


def _format_of(start: str) -> str:
    """A list or a collection is one JSON document; an object that ends on its line is one of many."""
    if start.startswith("["):
        return "json"
    if not start.startswith("{"):
        return "csv"
    first, _, rest = start.partition("\n")
    if not first.rstrip().endswith("}"):
        return "json"
    return "json" if not rest.strip() and LIST_WITHIN.search(first) else "ndjson"


def read_rows(path: Path, dialect: Dialect) -> Iterator[Row]:
    """The rows of the file. Close the iterator (or exhaust it) to close the file."""
    reader = _reader(dialect.format)
    with path.open("rb") as file:
        yield from reader(file, dialect)


def _reader(format: str) -> Reader:
    from .csv_rows import read_csv
    from .json_rows import read_json, read_ndjson

    readers: dict[str, Reader] = {"csv": read_csv, "ndjson": read_ndjson, "json": read_json}
    if format not in readers:
        raise LocalError(f"no reader for the format {format[:40]!r}", hint=f"one of {', '.join(sorted(readers))}")
    return readers[format]
