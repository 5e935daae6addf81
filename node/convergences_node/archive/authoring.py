# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records are made here: signed, encoded and checked at the strict door, before any transaction begins.

Nothing here looks into the archive, so that any thread may do it while the writer writes. Whether the record that an
edit follows is still the current one is asked later, by the writer, who alone knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import (
    SALT_BYTES,
    Header,
    author_control,
    author_record,
    author_withdrawal,
    read_header,
    signature_valid,
)

from .model import APPEND_RECORDS_MAX, NewControl, NewEntry, NewRecord, Signed, SourceRow

ID_RANDOM_BYTES = 10

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Authored:
    """A record ready to be placed. With `edit`, only if `header.previous` is still current then."""

    header: Header
    body: bytes | None
    edit: bool
    source: SourceRow | None = None
    erased: bool = False
    """Its body is to be forgotten: none is to be asked of anyone."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes records: a town, its keys, its clock and its dice."""

    territory: str
    node_key: SigningKey
    town_key: SigningKey
    clock: Callable[[], float]
    random_bytes: RandomBytes

    def author_all(self, entries: Sequence[NewEntry]) -> list[Authored]:
        """Make them all, or raise for the first that cannot be made: `Refused` lists what is wrong in it."""
        if len(entries) > APPEND_RECORDS_MAX:
            raise LocalError(f"{len(entries)} records in one append, at most {APPEND_RECORDS_MAX} are taken")
        return [self._author(entry) for entry in entries]

    def _author(self, entry: NewEntry) -> Authored:
        if isinstance(entry, NewRecord):
            return self._record(entry)
        if isinstance(entry, NewControl):
            return Authored(
                read_header(author_control(self.node_key, entry.kind, entry.content, self._time())), None, False
            )
        return _signed(entry)

    def _record(self, new: NewRecord) -> Authored:
        key = new.author or self.town_key
        element = new.element or ElementId.new(self.territory, self._now_ms(), self.random_bytes(ID_RANDOM_BYTES))
        if element.territory != self.territory:
            raise LocalError(f"{element} is another territory's: a record of {self.territory} about it would not count")
        if new.fields is not None:
            salt = self.random_bytes(SALT_BYTES)
            record = author_record(
                key, element, new.kind, new.fields, salt=salt, previous=new.previous, time=self._time()
            )
        elif new.previous is None:
            raise LocalError(f"withdrawal of {element} names no record that it follows")
        else:
            record = author_withdrawal(key, element, new.kind, previous=new.previous, time=self._time())
        return Authored(read_header(record.header), record.body, True, new.source)

    def _time(self) -> int:
        return max(0, int(self.clock()))

    def _now_ms(self) -> int:
        return max(0, int(self.clock() * 1000))


def _signed(entry: Signed) -> Authored:
    """Signed elsewhere, and still checked as an author's: our own log holds nothing that we cannot read."""
    header = read_header(entry.header)
    if not signature_valid(entry.header):
        raise LocalError(f"record {header.digest.hex()[:12]} does not have its author's signature")
    return Authored(header, entry.body, False)
