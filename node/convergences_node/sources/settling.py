# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verb `source_settle`: of an element that people have edited here, whose word counts, field by field.

What a person takes of the source's becomes a signed record; what is kept of ours stays as it is. Either way the node
remembers which words of the source somebody has seen: they are not shown again, and when the source says something
else, it is. An element that says all that its source says follows its source again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.kinds import KINDS
from convergences_protocol.record import read_header
from msgspec.structs import replace

from convergences_node.archive.model import NewRecord, SourceRow
from convergences_node.asking import element_id
from convergences_node.doing import may_write
from convergences_node.faults import NotFound
from convergences_node.imports.desk import content_digest

from .comparing import BESIDE_THE_POINT, differing, fields_of
from .declaration import load
from .keeper import turn
from .memory import Memory

if TYPE_CHECKING:
    from convergences_node.params import Json, Tell
    from convergences_node.sources.params import SourceSettle
    from convergences_node.town import Town


async def settle(town: Town, params: SourceSettle, tell: Tell) -> Json:
    """See `params.SourceSettle`."""
    may_write(town)
    load(town.folder, params.name)
    async with turn(town):
        return await _settle(town, params.name, element_id(params.element), params.take)


async def _settle(town: Town, name: str, element: ElementId, take: Sequence[str]) -> Json:
    there = await asyncio.to_thread(_beside, town, name, element)
    if not there:
        raise NotFound(
            f"nothing of {name} is shown beside {element}",
            fault=Fault("element", "source_not_beside", {"name": name, "element": str(element)}),
        )
    entry = await town.archive.read(lambda reader: reader.current(element))
    if entry is None or entry.body is None:
        raise NotFound(f"no element {element} is here", fault=Fault("element", "element_unknown", {"id": str(element)}))
    kind, here = read_header(entry.header).kind, fields_of(entry)
    if strangers := [one for one in take if one not in KINDS[kind].by_name or one in BESIDE_THE_POINT]:
        raise LocalError(
            f"{', '.join(strangers)[:200]} cannot be taken from a source",
            fault=Fault("take", "source_take", {"given": ", ".join(strangers)[:200]}),
        )
    row = SourceRow(str(there.get("source", "")), str(there.get("source_id", "")), content_digest(kind, there))
    fields = chosen(here, there, take)
    if fields == here:
        await town.archive.write(lambda writer: writer.remember_source(element, row))
    else:
        await town.archive.append([NewRecord(kind, fields, element, entry.digest, source=row)])
        await town.index.catch_up()
    await asyncio.to_thread(_forget, town, name, element)
    return {"name": name, "element": str(element), "taken": sorted(take), "kept": sorted(differing(fields, there))}


def chosen(here: Mapping[str, Any], there: Mapping[str, Any], take: Sequence[str]) -> dict[str, Any]:
    """Ours, with these fields as the source has them; all of the source's, where nothing of ours is left."""
    if set(take) >= differing(here, there):
        return dict(there)
    return {
        name: value for name in {**here, **there} if (value := (there if name in take else here).get(name)) is not None
    }


def _beside(town: Town, name: str, element: ElementId) -> dict[str, Any]:
    with Memory(town.folder) as memory:
        return memory.state(name).beside.get(str(element), {})


def _forget(town: Town, name: str, element: ElementId) -> None:
    with Memory(town.folder) as memory:
        state = memory.state(name)
        left = {one: said for one, said in state.beside.items() if one != str(element)}
        memory.keep_state(name, replace(state, beside=left))
