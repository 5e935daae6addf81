# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town that is worth a backup, and how it is asked for one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord, SourceRow
from convergences_node.founding import Founded, create_town
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.recovery import read_sheet

NAMES = [f"association {number}" for number in range(300)]


async def found(folder: Path, territory: str = "FR-93066") -> Founded:
    """A town with more than one bundle of records, the memory of an import, and private data."""
    founded = await create_town(folder, territory, "town", "Saint-Denis")
    async with await Archive.open(folder) as archive:
        records = [
            NewRecord("actor", {"name": name, "type": "association"}, source=SourceRow("list", name, bytes(32)))
            for name in NAMES
        ]
        await archive.append(records)
    with closing(sqlite3.connect(folder / "private.db")) as private:
        private.execute("CREATE TABLE accounts (name TEXT)")
        private.execute("INSERT INTO accounts VALUES ('Amina')")
        private.commit()
    (folder / "blobs").mkdir()
    (folder / "blobs" / "ab").write_bytes(bytes(range(256)) * 1000)
    return founded


def seed_of(founded: Founded) -> bytes:
    return read_sheet("\n".join(founded.recovery_sheet))


async def ask(folder: Path, **params: Any) -> Any:
    async with Town.open(folder) as town:
        return await perform(town, "backup", params, lambda event: None)


Made = tuple[Path, Founded, Path]
