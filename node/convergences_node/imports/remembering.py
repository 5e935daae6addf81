# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was imported, known again from the records themselves, on a node that was made again.

Which row of which source an element came from stands in the archive's own memory, which is as old as the backup, or is
gone with it. But a record that was imported says so itself: `source` and `source_id`. So a node that was put back
reads, before its next import, what its peers have given back of its logs, and remembers the rows again; else every row
that came after the backup would be imported once more, as a new element.

What a row said when it was last imported is what its element's creator last wrote: an import is the first to write
about what it makes, and people write under keys of their own. A row whose body was erased is not known again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from convergences_protocol import cbor
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import read_body, read_header
from convergences_protocol.tiles import Slot

from convergences_node.archive.beside import source_key
from convergences_node.archive.model import Entry
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.writer import ArchiveWriter

from .desk import content_digest

if TYPE_CHECKING:
    from convergences_node.archive.archive import Archive

CHOICE = "imports_known"
"""While a node is not yet whole again: how far each of its territory's logs is known, `{origin: size}`."""
PART_RECORDS = 2_000

Row = tuple[bytes, bytes, bytes]
"""Key, element and content, as the archive keeps them."""


def known_until(sizes: dict[str, int], before: str | None = None) -> str:
    """The choice to write when a node is made again: the rows below these sizes are in its memory, others may not be.

    `before` is what stood there already: a backup of a node that had not read its logs again.
    """
    if before is not None:
        former = json.loads(before)
        sizes = {origin: min(size, former.get(origin, 0)) for origin, size in sizes.items()}
    return json.dumps(sizes)


async def remember_again(archive: Archive, *, whole: bool) -> int:
    """Read what came back since the last time; how many rows that were. `whole`: nothing more is to come back."""
    text = await archive.read(lambda reader: reader.choice(CHOICE))
    if text is None:
        return 0
    known: dict[str, int] = json.loads(text)
    origins = await archive.read(lambda reader: _origins(reader, archive.territory))
    count = 0
    complete = True
    for origin in origins:
        start = known.get(origin, 0)
        while (part := await archive.read(partial(_part, origin=origin, start=start))).stop > start:
            await archive.write(partial(ArchiveWriter.keep_sources, rows=part.rows))
            count, start = count + len(part.rows), part.stop
        known[origin] = start
        complete = complete and not part.stopped
    await archive.choose(CHOICE, None if whole and complete else json.dumps(known))
    return count


async def remember_written(archive: Archive, count: int) -> None:
    """This many records were just imported here, and their rows are in the memory: they are not read again with what
    comes back, for what this node writes of a row that a lost key created would not be told from an edit."""
    text = await archive.read(lambda reader: reader.choice(CHOICE))
    if text is None:
        return
    known: dict[str, int] = json.loads(text)
    own = await archive.read(lambda reader: reader.own_log())
    if known.get(own.origin, 0) + count == own.size:  # else somebody else wrote meanwhile, or bodies are to come
        await archive.choose(CHOICE, json.dumps(known | {own.origin: own.size}))


@dataclass(frozen=True, slots=True)
class _Part:
    """Some records of a log, read again."""

    rows: list[Row]
    stop: int
    stopped: bool
    """The record there is still without its body."""


def _origins(reader: ArchiveReader, territory: str) -> list[str]:
    return [state.origin for state in reader.logs() if state.territory == territory and state.status != "aside"]


def _part(reader: ArchiveReader, origin: str, start: int) -> _Part:
    """The next records, up to the first whose body is still to come."""
    found: dict[bytes, ElementId] = {}
    stop, stopped = start, False
    for entry in reader.entries(origin, start, start + PART_RECORDS):
        if entry.slot is Slot.WANTED:
            stopped = True
            break
        stop += 1
        if (named := _named(entry)) is not None:
            found[source_key(*named)] = _element(entry)
    return _Part(list(_rows(reader, found)), stop, stopped)


def _rows(reader: ArchiveReader, found: dict[bytes, ElementId]) -> Iterator[Row]:
    for key, element in found.items():
        content = _content(reader.history(element), key)
        if content is not None:
            yield key, cbor.encode(element.to_cbor()), content


def _content(history: Sequence[Entry], key: bytes) -> bytes | None:
    """The digest of what the creator of an element last wrote of that row; None if another made it."""
    creator: bytes | None = None
    content = None
    for entry in history:
        author = read_header(entry.header).author
        creator = creator or author
        if author == creator and (named := _named(entry)) is not None and source_key(*named) == key:
            content = content_digest(*_said(entry))
    return content


def _element(entry: Entry) -> ElementId:
    element = read_header(entry.header).element
    assert element is not None, "what has a body is about an element"
    return element


def _named(entry: Entry) -> tuple[str, str] | None:
    """The source and the row that a record says it came from."""
    if entry.body is None or entry.unreadable is not None:
        return None
    try:
        _, fields = _said(entry)
    except Unreadable:
        return None
    source, source_id = fields.get("source"), fields.get("source_id")
    return (source, source_id) if isinstance(source, str) and isinstance(source_id, str) else None


def _said(entry: Entry) -> tuple[str, dict[str, Any]]:
    assert entry.body is not None, "asked of records that have one"
    header = read_header(entry.header)
    return header.kind, read_body(header, entry.body)
