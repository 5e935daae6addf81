# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verb `import` of a node, and the desk by which an import reaches a town's archive and index."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.element import RANDOM_BYTES, ElementId
from convergences_protocol.errors import Fault, LocalError, Unreadable
from convergences_protocol.record import read_body, read_header
from convergences_protocol.tiles import Slot

from convergences_node.archive.model import Entry, NewRecord
from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.query import LIMIT_MAX, Query

from .again import Again
from .desk import GONE, Key, Known, content_digest
from .importer import Tell
from .known import known_mapping
from .mapping import Mapping as ColumnMapping
from .mapping import load_mapping, plain_mapping
from .remembering import remember_again, remember_written
from .rows import Row, read_rows, sniff
from .themes import names_of
from .titles import keep_titles

if TYPE_CHECKING:
    from convergences_node.archive.archive import Archive
    from convergences_node.town import Town
    from convergences_node.verbs import Import

UNREAD_KIND = "content"
"""Of a file of which no row can be read, so that the report says why: nothing comes of it."""
FIRST_ROWS = 20
"""Where a file's first rows are broken, one of these has its columns."""
THEMES_MAX = 10_000
"""Themes whose names an import knows; a tree that large is no help to anybody."""


async def import_records(town: Town, params: Import, tell: Tell) -> dict[str, Any]:
    """Import a file of this machine; the report of `importer.py`."""
    path = Path(params.path)
    if params.mapping is None and params.kind is None and (report := await _import_pair(town, path, params, tell)):
        return report
    mapping = _mapping(path, params)
    desk = desk_of(town, await themes_of(town) if mapping.labels else {})
    if mapping.source.titles and not params.dry_run:
        await asyncio.to_thread(keep_titles, town.folder, mapping.source.titles)
    again = await Again.look(town, path, mapping, desk)
    return await again.bring(tell, dry_run=params.dry_run)


async def _import_pair(town: Town, path: Path, params: Import, tell: Tell) -> dict[str, Any] | None:
    """The report, if the file or folder is an archive of PAIR, which needs no mapping."""
    from convergences_node.linked import pair_graph, pair_import

    if not pair_graph.speaks_pair(path):
        return None
    desk = desk_of(town, {})
    return await pair_import.import_pair(town, path, desk, tell, dry_run=params.dry_run)


def _mapping(path: Path, params: Import) -> ColumnMapping:
    if path.is_file() and not path.stat().st_size:
        raise LocalError(f"{path} is empty", fault=Fault("", "file_empty", {"file": str(path)}))
    if params.mapping is not None:
        return load_mapping(Path(params.mapping))
    if params.kind is None and (known := known_mapping(sniff(path).format, nameless=path.stem[:100])):
        return known
    if params.kind is None and (first := _first_row(path)) is not None and first.fault is not None:
        return plain_mapping(UNREAD_KIND, ["name"], path.stem[:100])
    if params.kind is None:
        raise LocalError(
            "an import needs a mapping, or the kind whose fields the columns are",
            hint="docs/import.md",
            fault=Fault("", "import_without_mapping"),
        )
    first = _first_row(path)
    columns = list(first.cells) if first is not None and first.fault is None else ["name"]
    return plain_mapping(params.kind, columns, path.stem[:100])


def _first_row(path: Path) -> Row | None:
    """The first row that could be read; one that could not, where there is no other."""
    rows = list(islice(read_rows(path, sniff(path)), FIRST_ROWS))
    return next((row for row in rows if row.fault is None), next(iter(rows), None))


async def themes_of(town: Town) -> dict[str, ElementId]:
    """The folded names of the themes that this node can show: its own win over the agglomeration's."""
    await town.index.catch_up()
    found = [element async for element in _theme_ids(town)]
    names: dict[str, ElementId] = {}
    for element in sorted(found, key=lambda one: one.territory == town.config.node.territory):
        view = await town.index.element(str(element))
        if view is not None:
            names |= dict.fromkeys(names_of(view.fields), element)
    return names


async def _theme_ids(town: Town) -> AsyncIterator[ElementId]:
    cursor: str | None = None
    for _ in range(THEMES_MAX // LIMIT_MAX):
        answer = await town.index.search(
            Query(kinds=("theme",), sort="name", limit=LIMIT_MAX, cursor=cursor), fold=False
        )
        for item in answer.items:
            yield ElementId.parse(item.id)
        cursor = answer.cursor
        if cursor is None:
            return


def desk_of(town: Town, themes: Mapping[str, ElementId]) -> TownDesk:
    """The desk by which imports reach that town."""
    whole = town.doubt_reason is None and town.membership.joined
    return TownDesk(town.archive, town.config.node.territory, themes, whole=whole)


class TownDesk:
    """An import's view of a town: see `desk.Desk`."""

    def __init__(
        self, archive: Archive, territory: str, themes: Mapping[str, ElementId], *, whole: bool = True
    ) -> None:
        """`whole`: nothing of the town's own logs is still to come back from peers."""
        self._archive = archive
        self._territory = territory
        self._themes = themes
        self._whole = whole
        self._remembers = False
        self.appended = 0
        """Records written here."""

    async def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        if not self._remembers:
            await remember_again(self._archive, whole=self._whole)
            self._remembers = True
        return await self._archive.read(lambda reader: _known(reader, keys))

    async def edited(self, known: Sequence[Known]) -> Collection[ElementId]:
        return await self._archive.read(lambda reader: [one.element for one in known if _is_edited(reader, one)])

    async def themes(self) -> Mapping[str, ElementId]:
        return self._themes

    async def append(self, records: Sequence[NewRecord]) -> None:
        await self._archive.append(list(records))
        self.appended += len(records)
        await remember_written(self._archive, len(records))

    def new_id(self) -> ElementId:
        return ElementId.new(self._territory, time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES))


def _known(reader: ArchiveReader, keys: Sequence[Key]) -> dict[Key, Known]:
    found: dict[Key, Known] = {}
    for key in keys:
        row = reader.source(*key)
        if row is not None:
            element, content = row
            current = reader.current(element)
            gone = _gone(current) if content != GONE or current is None or current.slot is not Slot.NONE else None
            found[key] = Known(element, content, current.digest if current else None, gone)
    return found


def _gone(current: Entry | None) -> str | None:
    """An erased element keeps its headers, a withdrawn one ends with a record that has no body."""
    if current is None:
        return None
    return {Slot.ERASED: "erased", Slot.NONE: "withdrawn"}.get(current.slot)


def _is_edited(reader: ArchiveReader, known: Known) -> bool:
    """Whether the current record says something else than what the last import wrote."""
    current = reader.current(known.element)
    if current is None or current.body is None:
        return False
    header = read_header(current.header)
    try:
        return content_digest(header.kind, read_body(header, current.body)) != known.content
    except Unreadable:
        return True
