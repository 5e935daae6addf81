# SPDX-License-Identifier: AGPL-3.0-or-later
"""The receipt of a record: its inclusion in the head that most witnesses have signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from convergences_protocol.merkle import inclusion_proof
from convergences_protocol.receipt import make_receipt

from convergences_node.archive.model import Entry
from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.views import Revision


def receipted(revisions: Sequence[Revision]) -> Revision | None:
    """The record that an element's receipt is of: the last one that counts, in whatever log the charter says."""
    counting = [each for each in revisions if each.state not in ("elsewhere", "unreadable")]
    return counting[-1] if counting else None


def receipt_of(reader: ArchiveReader, entry: Entry) -> bytes | None:
    """The receipt of a record, with its body if it is here; None before any signed head covers it."""
    found = witnessed_head(reader, entry.origin, entry.index)
    if found is None:
        return None
    size, note = found
    proof = inclusion_proof(reader.hash_reader(entry.origin, size), entry.index, size)
    # A body that an unreadable header only seems to name would make a receipt that no one can read.
    body = entry.body if entry.unreadable is None else None
    return make_receipt(entry.header, entry.index, proof, note, body)


def witnessed_head(reader: ArchiveReader, origin: str, index: int) -> tuple[int, bytes] | None:
    """`(size, note with cosignatures)` of a head over this entry: the one with the most witnesses, then the latest."""
    rows = [row for row in reader.cosignatures(origin) if row.size > index]
    witnesses = Counter(row.size for row in rows)
    latest = reader.head(origin)
    sizes = sorted(witnesses, key=lambda size: (witnesses[size], size), reverse=True)
    for size in [*sizes, *([latest[0]] if latest else [])]:
        head = reader.head(origin, size)
        if head is not None and head[0] == size and size > index:
            return size, head[1] + b"".join(row.line for row in rows if row.size == size)
    return None
