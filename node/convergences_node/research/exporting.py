# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verb `export`: everything that this node shows, its own and what it keeps of others, as tables in a new folder.

The folder is there when it is whole: it is written beside and renamed at the end. Elements are read some at a time from
the index, as for every whole list, so memory does not grow with the archive.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.kinds import KINDS, Kind

from convergences_node.index.listing import Listing
from convergences_node.research.accompanying import write_dictionary, write_readme
from convergences_node.research.columns import columns_of, parts_of, row_of
from convergences_node.research.tables import FORMATS, Parted, Tables, duckdb
from convergences_node.web.messages import catalogue

if TYPE_CHECKING:
    from convergences_node.town import Town
    from convergences_node.verbs import Export, Tell

KINDS_EXPORTED: Mapping[str, Kind] = {name: kind for name, kind in KINDS.items() if not kind.control}


async def export(town: Town, params: Export, tell: Tell) -> dict[str, Any]:
    """See `verbs.Export`."""
    started, folder = time.monotonic(), Path(params.to)
    if params.format not in FORMATS:
        raise LocalError(
            f"no format {params.format[:40]!r}",
            hint=f"one of {', '.join(FORMATS)}",
            fault=Fault("", "export_format", {"given": params.format[:40], "known": ", ".join(FORMATS)}),
        )
    if await asyncio.to_thread(folder.exists):
        raise LocalError(
            f"{folder} is there already",
            hint="name a folder that is not: an export is never mixed up",
            fault=Fault("", "export_folder", {"folder": str(folder)}),
        )
    if params.format == "parquet":
        duckdb()
    await town.index.catch_up()
    beside = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        counts = await _write(town, beside, params.format, tell)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return {
        "to": str(folder),
        "format": params.format,
        "tables": counts,
        "seconds": round(time.monotonic() - started, 3),
    }


async def _write(town: Town, folder: Path, form: str, tell: Tell) -> dict[str, int]:
    counts: Counter[str] = Counter(dict.fromkeys(KINDS_EXPORTED, 0))
    total = await town.index.held(tuple(KINDS_EXPORTED))
    for name, kind in KINDS_EXPORTED.items():
        tables: Tables | None = None
        after: int | None = -1
        while after is not None:
            some = await town.index.listing((name,), after)
            if some.items and tables is None:
                tables = FORMATS[form](folder / name, columns_of(kind))
            if tables is not None:
                await asyncio.to_thread(tables.add, _rows(kind, some))
            counts[name] += len(some.items)
            tell({"what": "export", "done": counts.total(), "total": total})
            after = some.after
        if tables is not None:
            await asyncio.to_thread(tables.finish)
    await asyncio.to_thread(_accompany, town, folder, form, counts)
    return dict(counts)


def _rows(kind: Kind, some: Listing) -> list[Parted]:
    details = [(item, some.details[item.id]) for item in some.items]
    return [(parts_of(item, detail), row_of(kind, item, detail)) for item, detail in details]


def _accompany(town: Town, folder: Path, form: str, counts: Mapping[str, int]) -> None:
    settings = town.web_settings
    day = datetime.fromtimestamp(town.now(), UTC).strftime("%Y-%m-%d")
    values = {
        "town": settings.name,
        "territory": settings.territory,
        "day": day,
        "licence": settings.licence,
        "format": form,
    }
    write_dictionary(folder, KINDS_EXPORTED)
    write_readme(folder, KINDS_EXPORTED, counts, catalogue(settings.language), **values)
