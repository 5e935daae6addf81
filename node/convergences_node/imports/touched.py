# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which imported rows the town has touched since a moment: told by what its logs grew by, and not row by row.

What an import would do about a row that says what it said depends on the element that the row became. That changes
by a record about it in a log of this territory, or by an erasure; both are few beside the rows of a table. So they are
read, and looked for once among all the rows that were ever imported. Where the logs cannot tell (one is gone, bodies
are still to come, far too much was written), nothing is said, and all is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from convergences_protocol import cbor
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import read_header

from convergences_node.archive.beside import LIST_MAX

from .remembering import CHOICE

if TYPE_CHECKING:
    from convergences_node.archive.archive import Archive
    from convergences_node.archive.reader import ArchiveReader

RECORDS_MAX = 100_000
"""Written since; to read more of them takes longer than to read a table again."""
PORTION = 5_000
"""Headers in one reading: a tenth of a second of a Pi."""


class Moment(msgspec.Struct, frozen=True):
    """How far the logs of this territory went at one moment."""

    logs: dict[str, int]
    erased: str
    """Digest of the erasures that name elements, and of what became of each."""
    erased_records: str
    """The same of those that name records and no element: of whose element, they do not tell."""

    def came_before(self, later: Moment) -> bool:
        """Whether the logs have only grown since."""
        grown = all(later.logs.get(origin, -1) >= size for origin, size in self.logs.items())
        return grown and self.erased_records == later.erased_records

    def records_until(self, later: Moment) -> int:
        """How many records were written since."""
        return sum(later.logs.values()) - sum(self.logs.values())


def moment(reader: ArchiveReader, territory: str) -> Moment | None:
    """How far the logs go now; None while something of them is still to come back."""
    logs = [log for log in reader.logs() if log.territory == territory]
    if any(log.wanted for log in logs) or reader.choice(CHOICE) is not None:
        return None
    elements, records = reader.erasures_of_elements(), reader.erasures_of_records()
    return Moment({log.origin: log.size for log in logs}, _digest(elements), _digest(records))


async def touched(archive: Archive, before: Moment, now: Moment, *, new_too: bool) -> set[bytes] | None:
    """The digests of the imported rows whose elements were written about or erased; None if that cannot be told.

    `new_too`: also those of elements that were not there before, for who names other rows.
    """
    if not before.came_before(now) or before.records_until(now) > RECORDS_MAX:
        return None
    elements: set[bytes] = set()
    if before.erased != now.erased:
        elements.update(element for element, _ in await archive.read(lambda reader: reader.erasures_of_elements()))
    if len(elements) >= LIST_MAX:
        return None
    for origin, size in now.logs.items():
        for start in range(before.logs.get(origin, 0), size, PORTION):
            stop = min(start + PORTION, size)
            elements |= await archive.read(
                partial(_written_about, origin=origin, start=start, stop=stop, new_too=new_too)
            )
    return await _rows_of(archive, elements) if elements else set()


def _digest(erasures: Sequence[object]) -> str:
    return sha256(msgspec.json.encode(erasures)).hexdigest()


def _written_about(reader: ArchiveReader, origin: str, start: int, stop: int, new_too: bool) -> set[bytes]:
    """The elements, in CBOR, of these records; of those that were there before, a record says what it follows."""
    found = set()
    for raw in reader.headers(origin, start, stop):
        try:
            header = read_header(raw)
        except Unreadable:  # nor is it anybody's current record
            continue
        if header.element is not None and (new_too or header.previous is not None):
            found.add(cbor.encode(header.element.to_cbor()))
    return found


async def _rows_of(archive: Archive, elements: set[bytes]) -> set[bytes]:
    """The digests of the rows that became these elements."""
    found: set[bytes] = set()
    after = b""
    while page := await archive.read(partial(_page, after=after)):
        found.update(key for key, element in page if element in elements)
        after = page[-1][0]
    return found


def _page(reader: ArchiveReader, after: bytes) -> list[tuple[bytes, bytes]]:
    return reader.sources_after(after)
