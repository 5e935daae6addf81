# SPDX-License-Identifier: AGPL-3.0-or-later
"""A document whose format is plain to see and that nobody here reads: one refusal, which says what it is."""

from collections.abc import Iterator
from typing import BinaryIO

from convergences_protocol.errors import Fault

from .rows import Dialect, Row
from .text import SAMPLE_BYTES


def read_foreign(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """A document, a picture, an archive: by its name, if it has one here."""
    from .recognise import foreign

    name = foreign(file.read(SAMPLE_BYTES))
    yield Row(1, {}, Fault("row", "file_foreign", {"format": name}) if name else Fault("row", "file_not_a_table"))


def read_xml(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """An XML vocabulary that is not known, by the name of its first element."""
    from .recognise import first_element

    start = file.read(SAMPLE_BYTES).decode(dialect.encoding, errors="replace").lstrip("\ufeff \t\r\n")
    yield Row(1, {}, Fault("row", "xml_unknown", {"element": first_element(start)[:60]}))
