# SPDX-License-Identifier: AGPL-3.0-or-later
"""The door to files that others keep: what is in them comes out as rows, whatever the format.

`sniff` looks at the first bytes and chooses the reader; `read_rows` reads. A reader promises to hold one row at a
time, or to refuse a document larger than it states; to go on after a row it cannot read, where the format tells where
the next one begins; to say of that row its line and the reason. It never raises because of what the file holds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault, LocalError

from .formats import format_named
from .text import SAMPLE_BYTES, detect_encoding, known_encoding

FILE_BYTES_MAX = 4 * 1024**3
"""The largest table that a town may meet (France's register of companies, unpacked) is smaller."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins on (the row of a sheet, the rank in a graph) and its cells by column.

    A cell is what JSON can say: text, a number, true or false, None, a list, an object. Dates are text.
    `fault` says why the row could not be read.
    """

    line: int
    cells: dict[str, Any]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is to be read: found by looking, or said by the mapping."""

    format: str
    encoding: str
    delimiter: str = ","
    sheet: str | None = None
    """The sheet of a workbook (the first one if unsaid), or the list of a JSON document that the rows are in."""
    timezone: str | None = None
    """The time zone of times that do not say theirs."""


Reader = Callable[[BinaryIO, Dialect], Iterator[Row]]


def sniff(
    path: Path,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    timezone: str | None = None,
) -> Dialect:
    """The dialect of a file; what the caller knows already is not guessed."""
    from .csv_rows import sniff_delimiter
    from .recognise import recognise

    sample = _sample(path)
    found = known_encoding(encoding) if encoding else detect_encoding(sample)
    start = sample.decode(found, errors="replace").lstrip("\ufeff \t\r\n")
    shape = format or recognise(sample, start)
    format_named(shape)
    sign = delimiter or (sniff_delimiter(start) if shape == "csv" else ",")
    return Dialect(shape, found, sign, sheet, timezone)


def _sample(path: Path) -> bytes:
    """The file's first bytes. A pipe or a device has no end that could be waited for: only files are read."""
    try:
        found = path.stat()
        if not S_ISREG(found.st_mode):
            raise LocalError(
                f"{path} cannot be read: it is not a file", fault=Fault("", "not_a_file", {"file": str(path)})
            )
        if found.st_size > FILE_BYTES_MAX:
            raise LocalError(
                f"{path} is larger than {FILE_BYTES_MAX} bytes",
                hint="cut it into several files",
                fault=Fault("", "table_large", {"file": str(path), "bytes_max": FILE_BYTES_MAX}),
            )
        with path.open("rb") as file:
            return file.read(SAMPLE_BYTES)
    except OSError as error:
        raise LocalError(
            f"{path} cannot be read: {error.strerror or error}",
            fault=Fault("", "file_unreadable", {"file": str(path), "reason": str(error.strerror or error)}),
        ) from None


def read_rows(path: Path, dialect: Dialect) -> Iterator[Row]:
    """The rows of the file. Close the iterator (or exhaust it) to close the file."""
    format = format_named(dialect.format)
    if format.apart:
        from .apart import read_apart

        yield from read_apart(path, dialect)
        return
    reader: Reader = format.reader()
    with path.open("rb") as file:
        yield from reader(file, dialect)
