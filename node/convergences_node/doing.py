# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs that write in this node's own log or make its index again. Parameters and answers: `verbs.py`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from convergences_protocol.element import ElementId
from convergences_protocol.erasure import GRACE_SECONDS, REASON_CHARS_MAX, Erasure
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.record import read_header

from convergences_node import verbs
from convergences_node.archive.lineage import lineage
from convergences_node.archive.model import Entry, NewRecord, Placed
from convergences_node.archive.reader import ArchiveReader
from convergences_node.asking import digest_of, element_id
from convergences_node.faults import NotFound
from convergences_node.index.views import Progress
from convergences_node.media.forgetting import forget_files, put_aside_files_of
from convergences_node.verbs import Json, Tell

if TYPE_CHECKING:
    from convergences_node.town import Town


async def add(town: Town, params: verbs.Add, tell: Tell) -> Json:
    """See `verbs.Add`."""
    may_write(town)
    element = element_id(params.element) if params.element is not None else None
    previous = await _previous(town, element, params.previous)
    placed = await town.archive.append([NewRecord(params.kind, params.fields, element, previous)])
    return _placed(placed[0], params.kind)


async def withdraw(town: Town, params: verbs.Withdraw, tell: Tell) -> Json:
    """See `verbs.Withdraw`."""
    may_write(town)
    element = element_id(params.element)
    current = await current_entry(town, element)
    kind = read_header(current.header).kind
    previous = digest_of(params.previous) if params.previous is not None else current.digest
    placed = await town.archive.append([NewRecord(kind, None, element, previous)])
    return _placed(placed[0], kind)


def may_write(town: Town) -> None:
    """Refused where it would not count: a merged town's residents write at the node of the one it merged into."""
    own = town.membership.own
    heir = town.membership.charter.merged_into(own.territory)
    if heir is not None:
        raise LocalError(
            f"{own.territory} has merged into another town: nothing more is written in {own.origin}",
            hint=f"write at the node of {heir}",
            fault=Fault("", "town_merged", {"territory": own.territory, "successor": heir}),
        )


async def _previous(town: Town, element: ElementId | None, given: str | None) -> bytes | None:
    """The state that an edit begins from: as given, else the current one."""
    if given is not None:
        return digest_of(given)
    return None if element is None else (await current_entry(town, element)).digest


async def current_entry(town: Town, element: ElementId) -> Entry:
    """The element's record that stands in this node's own log. `NotFound` if there is none."""

    def read(reader: ArchiveReader) -> Entry | None:
        return reader.current(element, lineage(reader))

    entry = await town.archive.read(read)
    if entry is None:
        raise NotFound(
            f"no record about {element} is in this node's own log",
            hint="only its own town can edit it",
            fault=Fault("", "element_of_another", {"id": str(element)}),
        )
    return entry


def _placed(placed: Placed, kind: str) -> dict[str, Json]:
    return {
        "element": str(placed.element),
        "kind": kind,
        "origin": placed.origin,
        "index": placed.index,
        "digest": placed.header_digest.hex(),
    }


async def import_file(town: Town, params: verbs.Import, tell: Tell) -> Json:
    """See `verbs.Import`."""
    may_write(town)
    from convergences_node.imports.verb import import_records

    return await import_records(town, params, tell)


async def erase(town: Town, params: verbs.Erase, tell: Tell) -> Json:
    """See `verbs.Erase`."""
    if not 0 < len(params.reason) <= REASON_CHARS_MAX:
        raise LocalError(
            f"a reason has 1 to {REASON_CHARS_MAX} characters, and names nobody",
            fault=Fault("", "erasure_reason", {"chars_max": REASON_CHARS_MAX}),
        )
    element = element_id(params.element)
    if params.now:
        await put_aside_files_of(town, element)
    placed = await town.archive.erase(Erasure(params.reason, element), town.erasures.valid, at_once=params.now)
    await town.index.catch_up()
    await forget_files(town)
    return {
        "element": str(element),
        "origin": placed.origin,
        "index": placed.index,
        "state": "dropped" if params.now else "hidden",
        "due": None if params.now else town.now() + GRACE_SECONDS,
    }


async def release(town: Town, params: verbs.Release, tell: Tell) -> Json:
    """See `verbs.Release`."""
    rows = await town.archive.read(lambda reader: reader.erasures("pending"))
    waiting = [row for row in rows if row.origin == params.origin]
    if not waiting:
        raise NotFound(
            f"no erasure of {params.origin} waits for a person here",
            fault=Fault("", "erasure_none_waits", {"origin": params.origin}),
        )
    for row in waiting:
        await town.archive.decide_erasure(row.origin, row.index, released=True)
    await town.erasures.drop_due()
    await town.index.catch_up()
    return {"origin": params.origin, "count": len(waiting), "state": "released"}


async def reindex(town: Town, params: verbs.Reindex, tell: Tell) -> Json:
    """See `verbs.Reindex`."""
    started = time.monotonic()

    def say(done: int, total: int) -> None:
        tell({"what": "reindex", "done": done, "total": total})

    def report(progress: Progress) -> None:
        say(progress.done, progress.total)

    if params.linked:
        await town.index.catch_up()
        entries = await town.linked.catch_up(anew=True, tell=say)
    else:
        entries = await town.index.reindex(report)
    return {"entries": entries, "seconds": round(time.monotonic() - started, 3)}
