# SPDX-License-Identifier: AGPL-3.0-or-later
"""Entries of a log through the strict door: what each says, as the index takes it, or why it says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import Header, read_body, read_header, signature_valid
from convergences_protocol.tiles import Slot

from convergences_node.archive.model import Entry
from convergences_node.index.card import SaidBy
from convergences_node.index.lines import Stated
from convergences_node.index.occurrences import Horizon
from convergences_node.index.row import Row, Said, id_of, make_rows

REASON_CHARS_MAX = 200
ENTRIES_AT_ONCE = 48
"""Entries that are read together: few enough for all that is made of them to be at hand, too."""


class Reading(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the strict door says of one entry."""

    index: int
    about: bytes | None
    """The element's id, as the index stores it."""
    stated: Stated | None = None
    withdrawal: bool = False
    wanted: bool = False
    unreadable: str | None = None

    @property
    def decides(self) -> bool:
        """Whether it says something of its element."""
        return self.stated is not None or self.withdrawal


Portion = tuple[list[Reading], bytes]
"""What is to be made of some entries that follow each other, and the root of the log's tree after them."""


def read_entry(entry: Entry, horizon: Horizon) -> Reading:
    """Pass one entry through the strict door. Its signature was checked when it was kept; if it was refused then,
    perhaps by an older program, it is checked again."""
    return read_entries([entry], horizon)[0]


def read_entries(entries: Iterable[Entry], horizon: Horizon) -> list[Reading]:
    """`read_entry` of each, a few at a time: each step is taken for all of those before the next one.

    All the steps together are more of the program than a processor has at hand: taken for one entry after the other,
    they were fetched again each time (docs/decisions/0118-step-by-step.md).
    """
    left, found = iter(entries), list[Reading]()
    while some := list(islice(left, ENTRIES_AT_ONCE)):
        headers = [_header_of(entry) for entry in some]
        bodies = [_body_of(entry, header) for entry, header in zip(some, headers, strict=True)]
        rows = iter(make_rows([body[1] for body in bodies if not isinstance(body, Reading)], horizon))
        found += [body if isinstance(body, Reading) else _reading_of(body, next(rows)) for body in bodies]
    return found


def _header_of(entry: Entry) -> Header | Reading:
    """The header of an entry that has more to say, or all that is to be made of the entry."""
    index = entry.index
    try:
        header = read_header(entry.header)
    except Unreadable as error:
        return _refused(entry, error)
    about = None if header.element is None else id_of(header.element)
    if entry.unreadable is not None and not signature_valid(entry.header):
        return Reading(index, about, unreadable=entry.unreadable)
    if header.element is None or entry.slot is Slot.ERASED:
        return Reading(index, about)
    if header.body_digest is None:
        return Reading(index, about, withdrawal=True)
    return header if entry.body is not None else Reading(index, about, wanted=True)


def _body_of(entry: Entry, header: Header | Reading) -> tuple[Header, Said] | Reading:
    """What an entry says, with its header."""
    if isinstance(header, Reading):
        return header
    assert header.element is not None
    assert entry.body is not None
    try:
        fields = read_body(header, entry.body)
    except Unreadable as error:
        return _refused(entry, error)
    return header, Said(header.element, header.kind, fields, SaidBy(entry.origin, entry.index, header.time))


def _reading_of(body: tuple[Header, Said], row: Row) -> Reading:
    header, said = body
    return Reading(said.said_by.number, row.id, Stated(row, header.digest, header.author, header.time))


def _refused(entry: Entry, error: Unreadable) -> Reading:
    return Reading(entry.index, None, unreadable=error.reason[:REASON_CHARS_MAX])
