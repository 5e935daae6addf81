# SPDX-License-Identifier: AGPL-3.0-or-later
"""What became of rows that a source no longer has: left, ended or withdrawn, as declared; people's edits are kept.

A past event that has left an agenda has not disappeared, it is over, and so is news that has left a feed: they are
never ended, and never counted against the source. A relation that no row implies any more, because its row says
something else now, has disappeared like a row. What an ended element was is still said, with an end; where a kind
has no word for an end, it is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from convergences_protocol.edtf import is_edtf, span
from convergences_protocol.errors import Unreadable
from convergences_protocol.kinds import KINDS, Kind, check
from convergences_protocol.record import read_body, read_header

from convergences_node.archive.beside import source_key
from convergences_node.archive.model import NewRecord, SourceRow
from convergences_node.imports.desk import GONE, content_digest

if TYPE_CHECKING:
    from convergences_protocol.element import ElementId

    from convergences_node.archive.reader import ArchiveReader

DISSOLUTION = "schema:dissolutionDate"
END = "pair:endDate"
ENDED = "ended"
NEWS = "content"
RELATION = "relation"


@dataclass(frozen=True, slots=True)
class Vanished:
    """An element of which the source has no row any more."""

    element: ElementId
    kind: str
    fields: Mapping[str, Any]
    current: bytes
    content: bytes
    """What the last import wrote."""
    key: bytes

    @property
    def edited(self) -> bool:
        """Whether people have changed it since."""
        return content_digest(self.kind, self.fields) != self.content


def vanished(reader: ArchiveReader, keys: Sequence[bytes], now: int) -> list[Vanished]:
    """The elements that rows of these digests became, as far as they stand.

    The others are over by themselves, or were ended, withdrawn or erased here before.
    """
    found = (_standing(reader, key) for key in keys)
    return [
        one
        for one in found
        if one is not None and not is_past(one.kind, one.fields, now) and not _is_ended(one.kind, one.fields)
    ]


def standing(reader: ArchiveReader, keys: Sequence[bytes]) -> list[Vanished]:
    """The elements that rows of these digests became, those that are over too."""
    return [one for key in keys if (one := _standing(reader, key)) is not None]


def _standing(reader: ArchiveReader, key: bytes) -> Vanished | None:
    remembered = reader.source_at(key)
    current = reader.current(remembered[0]) if remembered else None
    if remembered is None or current is None or current.body is None:
        return None
    header = read_header(current.header)
    try:
        fields = read_body(header, current.body)
    except Unreadable:
        return None
    return Vanished(remembered[0], header.kind, fields, current.digest, remembered[1], key)


def endings(found: Sequence[Vanished], how: str, today: date, done: Counter[str]) -> list[NewRecord]:
    """The records that end these as declared; `done` counts what was done of each."""
    records: list[NewRecord] = []
    for one in found:
        if how == "leave":
            done["left"] += 1
        elif one.edited:
            done["edited"] += 1
        elif how == "withdraw":
            done["withdrawn"] += 1
            records.append(NewRecord(one.kind, None, one.element, one.current, source=_row(one, GONE)))
        elif (fields := ended(one.kind, one.fields, today)) is not None:
            done["ended"] += 1
            source = _row(one, content_digest(one.kind, fields))
            records.append(NewRecord(one.kind, fields, one.element, one.current, source=source))
        else:
            done["left"] += 1
    return records


def _row(one: Vanished, content: bytes) -> SourceRow | None:
    """What is remembered of the row from now on: if it comes back, the element does."""
    source, source_id = str(one.fields.get("source", "")), str(one.fields.get("source_id", ""))
    return SourceRow(source, source_id, content) if source_key(source, source_id) == one.key else None


def ended(kind_name: str, fields: Mapping[str, Any], today: date) -> dict[str, Any] | None:
    """The same, ended today; None where its kind has no word for it, or today is no end that it can have."""
    kind = KINDS.get(kind_name)
    name, value = _end_of(kind, today) if kind is not None else (None, "")
    if kind is None or name is None:
        return None
    result = {**fields, name: value}
    return None if check(kind, result) else result


def _end_of(kind: Kind, today: date) -> tuple[str | None, str]:
    """The field by which a kind says that something is over, and what it then says."""
    for field in kind.fields:
        if field.property == DISSOLUTION or (kind.name == RELATION and field.property == END):
            return field.name, today.isoformat()
        if ENDED in field.terms:
            return field.name, ENDED
    return None, ""


def _is_ended(kind_name: str, fields: Mapping[str, Any]) -> bool:
    kind = KINDS.get(kind_name)
    name = _end_of(kind, date.min)[0] if kind is not None else None
    return name is not None and (fields.get(name) == ENDED or (name != "status" and name in fields))


def is_past(kind_name: str, fields: Mapping[str, Any], now: int) -> bool:
    """Whether it is an action that is over by its own dates, or news: a feed has the latest, and lets the others go."""
    if kind_name == NEWS:
        return "published" in fields
    if kind_name != "action" or "recurrence" in fields:
        return False
    last = fields.get("end") or fields.get("start")
    return is_edtf(last) and span(str(last))[1] < now
