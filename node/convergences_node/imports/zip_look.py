# SPDX-License-Identifier: AGPL-3.0-or-later
"""A look at a workbook's zip (XLSX: ECMA-376 part 2; ODS: OpenDocument 1.3 part 2) before anybody unpacks it.

Forty kilobytes of zip may hold forty gigabytes of zeros, or two cells at the two ends of a sheet, for which a reader
makes room for seventeen thousand million. So the directory's sizes are added up, each member is really inflated and
counted, piece by piece, and the furthest cell is looked for on the way. Answers a fault, or None.
"""

import re
import zipfile
import zlib
from typing import BinaryIO

from convergences_protocol.errors import Fault

ZIP_BYTES_MAX = 64 * 1024**2
MEMBERS_MAX = 5000
SHEETS = ("xl/", "content.xml")
"""Where a workbook has its sheets; a text document or a folder of files is a zip too."""
UNPACKED_BYTES_MAX = 256 * 1024**2
"""Half a million rows of ten cells; the agenda of a town is a thousandth of it."""
CELLS_MAX = 2_000_000
"""Of the rectangle that the cells span, at 32 bytes a cell, twice."""
CHUNK_BYTES = 256 * 1024
OVERLAP_BYTES = 64

_CELL = re.compile(rb'<(?:\w+:)?c [^>]{0,40}?\br="([A-Z]{1,3})([0-9]{1,7})"')


def look(file: BinaryIO) -> Fault | None:
    """What is wrong with the zip; the file's position is put back to its beginning."""
    size = file.seek(0, 2)
    file.seek(0)
    if size > ZIP_BYTES_MAX:
        return Fault("row", "file_too_large", {"limit": ZIP_BYTES_MAX})
    try:
        with zipfile.ZipFile(file) as archive:
            return _judge(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        # RuntimeError is how zipfile says that a member is encrypted.
        return Fault("row", "sheet_broken", {"reason": str(error)[:200]})
    finally:
        file.seek(0)


def _judge(archive: zipfile.ZipFile) -> Fault | None:
    members = archive.infolist()
    if not any(member.filename.startswith(SHEETS) for member in members):
        return Fault("row", "zip_not_a_workbook")
    declared = sum(member.file_size for member in members)
    if len(members) > MEMBERS_MAX or declared > UNPACKED_BYTES_MAX:
        return _too_large()
    unpacked = 0
    for member in members:
        span = _Span()
        with archive.open(member) as stream:
            # What the directory declares is where zipfile stops; a checksum that fails there is a directory that lies.
            while chunk := stream.read(CHUNK_BYTES):
                unpacked += len(chunk)
                if unpacked > UNPACKED_BYTES_MAX:
                    return _too_large()
                span.see(chunk)
        if span.cells > CELLS_MAX:
            return Fault("row", "sheet_too_large", {"cells": span.cells, "limit": CELLS_MAX})
    return None


def _too_large() -> Fault:
    return Fault("row", "zip_too_large", {"limit": UNPACKED_BYTES_MAX})


class _Span:
    """The rectangle that the cells of one sheet span."""

    def __init__(self) -> None:
        self._rest = b""
        self._rows: tuple[int, ...] = ()
        self._columns: tuple[int, ...] = ()

    def see(self, chunk: bytes) -> None:
        text = self._rest + chunk
        self._rest = text[-OVERLAP_BYTES:]
        found = _CELL.findall(text)
        self._rows = _ends(self._rows, [int(row) for _, row in found])
        self._columns = _ends(self._columns, [_number(letters) for letters, _ in found])

    @property
    def cells(self) -> int:
        if not self._rows:
            return 0
        return (self._rows[1] - self._rows[0] + 1) * (self._columns[1] - self._columns[0] + 1)


def _ends(known: tuple[int, ...], numbers: list[int]) -> tuple[int, ...]:
    """The smallest and the largest so far; nothing while there is none."""
    numbers.extend(known)
    return (min(numbers), max(numbers)) if numbers else ()


def _number(letters: bytes) -> int:
    """The number of the column that spreadsheets call AB."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
