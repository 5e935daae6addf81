# SPDX-License-Identifier: AGPL-3.0-or-later
"""Elements that need no mapping, because whoever brings them knows their kinds: authored as an import authors rows.

What is the same as last time is not written; what people have edited, withdrawn or erased here since is left as they
left it, and said in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault, Unreadable
from convergences_protocol.record import read_body, read_header

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord, SourceRow
from convergences_node.archive.reader import ArchiveReader
from convergences_node.faults import fault_to_json

from .desk import Desk, Key, Known, content_digest
from .report import LISTED_MAX


@dataclass(frozen=True, slots=True)
class Ready:
    """What is to be written, with everything that it names found."""

    key: Key
    kind: str
    fields: dict[str, Any]
    element: ElementId | None


Count = Callable[[Ready, str], None]
"""Told of each whether it is `created`, `changed` or `unchanged`."""


@dataclass(slots=True)
class Authoring:
    """One import of such elements, under way."""

    archive: Archive
    desk: Desk
    dry_run: bool
    refused: list[dict[str, Any]] = field(default_factory=list)
    refused_count: int = 0
    beside: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By element that people have edited here: what there is said of it now."""

    async def author(self, ready: Sequence[Ready], count: Count, row: int) -> None:
        """Write what is new or has changed of these; `row` is how far the reading is, for the report."""
        known = dict(await self.desk.known([each.key for each in ready]))
        unknown = [each.element for each in ready if each.key not in known and each.element is not None]
        standing = await self.archive.read(lambda reader: dict(_standing(reader, unknown)))
        for each in ready:
            if each.element in standing and each.key not in known:
                known[each.key] = standing[each.element]
        edited = set(await self.desk.edited([known[each.key] for each in ready if each.key in known]))
        records = [made for each in ready if (made := self._record(each, known.get(each.key), edited, count, row))]
        if records and not self.dry_run:
            await self.desk.append(records)

    def _record(
        self, ready: Ready, before: Known | None, edited: set[ElementId], count: Count, row: int
    ) -> NewRecord | None:
        """The record to author; None if there is none to be."""
        content = content_digest(ready.kind, ready.fields)
        if before is not None and before.content == content and not before.gone:
            count(ready, "unchanged")
            return None
        if before is not None and (before.gone or before.element in edited):
            code = f"row_{before.gone}" if before.gone else "row_edited"
            values = {} if before.gone else {"element": str(before.element)}
            if not before.gone:
                self.beside[str(before.element)] = ready.fields
            self.refuse(ready.key[1], [Fault("row", code, values)], row)
            return None
        count(ready, "created" if before is None else "changed")
        element, previous = (ready.element, None) if before is None else (before.element, before.current)
        return NewRecord(
            ready.kind, ready.fields, element=element, previous=previous, source=SourceRow(*ready.key, content)
        )

    def refuse(self, subject: str, faults: Sequence[Fault], row: int) -> None:
        """Say what is not taken, and why."""
        self.refused_count += 1
        for fault in faults:
            if len(self.refused) < LISTED_MAX:
                self.refused.append({"line": row, "subject": subject, **fault_to_json(fault)})


def _standing(reader: ArchiveReader, elements: Sequence[ElementId]) -> Iterator[tuple[ElementId, Known]]:
    """Elements that are here although no import remembers them."""
    for element in elements:
        current = reader.current(element)
        if current is None:
            continue
        if current.body is None:
            yield element, Known(element, b"", current.digest, "erased" if reader.is_erased(element) else "withdrawn")
            continue
        header = read_header(current.header)
        try:
            content = content_digest(header.kind, read_body(header, current.body))
        except Unreadable:
            content = b""
        yield element, Known(element, content, current.digest, None)
