# SPDX-License-Identifier: AGPL-3.0-or-later
"""A desk in memory: what an import writes, kept in dictionaries, through the same strict door as an archive."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from convergences_node.archive.model import NewRecord
from convergences_node.imports.desk import Desk, Key, Known, content_digest
from convergences_node.imports.importer import Import, Tell
from convergences_node.imports.mapping import Mapping as ColumnMapping
from convergences_node.imports.themes import names_of
from convergences_protocol.element import ElementId
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import author_record, read_body, read_header


async def import_file(
    desk: Desk, path: Path, mapping: ColumnMapping, tell: Tell, *, dry_run: bool = False
) -> dict[str, Any]:
    """One file, at any desk; the report. Never raises because of what the file holds."""
    with Import(desk, [path], mapping, tell, dry_run=dry_run) as run:
        await run.write()
        return run.told()


class MemoryDesk:
    """Every record is signed and read back, so that what passes here passes in a town."""

    def __init__(self, territory: str = "FR-93066") -> None:
        self.territory = territory
        self.key = SigningKey.from_seed(b"\x07" * 32)
        self.elements: dict[ElementId, tuple[str, dict[str, Any], bytes]] = {}
        self.sources: dict[Key, tuple[ElementId, bytes]] = {}
        self.gone: dict[ElementId, str] = {}
        self.appends: list[int] = []
        self._count = 0

    async def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        found = {key: self.sources[key] for key in keys if key in self.sources}
        return {
            key: Known(element, content, self.elements[element][2], self.gone.get(element))
            for key, (element, content) in found.items()
        }

    async def edited(self, known: Sequence[Known]) -> Collection[ElementId]:
        return {one.element for one in known if content_digest(*self.elements[one.element][:2]) != one.content}

    async def themes(self) -> Mapping[str, ElementId]:
        themes: dict[str, ElementId] = {}
        for element, (kind, fields, _) in self.elements.items():
            if kind == "theme":
                themes |= dict.fromkeys(names_of(fields), element)
        return themes

    async def append(self, records: Sequence[NewRecord]) -> None:
        self.appends.append(len(records))
        for record in records:
            element = record.element or self.new_id()
            assert record.fields is not None
            before = self.elements.get(element)
            assert (before[2] if before else None) == record.previous, "the previous record is the current one"
            signed = author_record(
                self.key, element, record.kind, record.fields, salt=b"\x01" * 16, previous=record.previous, time=1
            )
            header = read_header(signed.header)
            assert signed.body is not None
            self.elements[element] = (record.kind, read_body(header, signed.body), header.digest)
            if record.source:
                self.sources[record.source.source, record.source.source_id] = (element, record.source.content)

    def new_id(self) -> ElementId:
        self._count += 1
        return ElementId.new(self.territory, 1_700_000_000_000 + self._count, self._count.to_bytes(10, "big"))

    # ----------------------------------------------------------------------------------------------- what tests ask
    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [fields for found, fields, _ in self.elements.values() if found == kind]

    def named(self, name: str) -> dict[str, Any]:
        return next(fields for _, fields, _ in self.elements.values() if fields.get("name") == name)

    def element_of(self, source: str, source_id: str) -> ElementId:
        return self.sources[source, source_id][0]
