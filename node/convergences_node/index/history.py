# SPDX-License-Identifier: AGPL-3.0-or-later
"""The history of an element: every record about it, from the archive, with what became of each."""

from __future__ import annotations

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import Header, read_body, read_header
from convergences_protocol.tiles import Slot

from convergences_node.archive.model import Entry
from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.projection import Speakers
from convergences_node.index.views import Revision


def revisions_of(reader: ArchiveReader, element: ElementId, speakers: Speakers) -> list[Revision]:
    """The records about an element, oldest first: in the logs that count, then those elsewhere that do not."""
    counting = dict(speakers.get(element.territory, ()))
    kept = reader.origins()
    inside = [origin for origin in counting if origin in kept]
    found = [_revision(entry, counting, "earlier") for entry in reader.history(element, inside)] if inside else []
    decisive = [number for number, revision in enumerate(found) if revision.state in ("earlier", "withdrawal")]
    if decisive and found[decisive[-1]].state == "earlier":
        last = decisive[-1]
        found[last] = _with_state(found[last], "current")
    return found + [_revision(entry, counting, "elsewhere") for entry in reader.elsewhere(element, inside)]


def _revision(entry: Entry, counting: dict[str, int | None], state: str) -> Revision:
    header = read_header(entry.header)
    stop = counting.get(entry.origin)
    fields, reason = None, entry.unreadable
    if entry.origin not in counting or (stop is not None and entry.index >= stop):
        state = "elsewhere"
    if entry.unreadable is not None:
        state = "unreadable"
    elif header.body_digest is None:
        state = "withdrawal" if state != "elsewhere" else state
    elif entry.slot is Slot.ERASED:
        state = "erased"
    elif entry.body is None:
        state = "wanted"
    else:
        try:
            fields = read_body(header, entry.body)
        except Unreadable as error:
            state, reason = "unreadable", error.reason
    return _shown(entry, header, state, reason, fields)


def _shown(entry: Entry, header: Header, state: str, reason: str | None, fields: dict[str, object] | None) -> Revision:
    return Revision(
        origin=entry.origin,
        index=entry.index,
        digest=header.digest.hex(),
        author=header.author.hex(),
        time=header.time,
        state=state,
        reason=reason,
        kind=header.kind,
        fields=fields,
    )


def _with_state(revision: Revision, state: str) -> Revision:
    import msgspec

    return msgspec.structs.replace(revision, state=state)
