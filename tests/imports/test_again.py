# SPDX-License-Identifier: AGPL-3.0-or-later
"""The same file imported a second time: not read where nothing can come of it, read wherever something might."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.founding import create_town
from convergences_node.imports import verb
from convergences_node.imports.importer import import_file
from convergences_node.town import Town
from convergences_node.verbs import perform

TABLE = "source_id,name,type\n1,Chorale,association\n2,Jardin,association\n3,,association\n"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    settings: Any = {"http": {"port": 0}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(tmp_path / "town", "FR-93066", "town", "Saint-Denis", settings=settings)
    async with Town.open(tmp_path / "town") as opened:
        yield opened


async def test_a_file_is_read_again_only_if_something_may_come_of_it(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Untouched, the report says the same without a row being read; after any writing, or another byte, it is read."""
    table, reads = tmp_path / "asso.csv", 0
    table.write_text(TABLE, "utf-8")

    async def counted(*given: Any, **named: Any) -> Any:
        nonlocal reads
        reads += 1
        return await import_file(*given, **named)

    monkeypatch.setattr(verb, "import_file", counted)

    async def brought(**params: Any) -> tuple[int, int, int, int]:
        report = await perform(town, "import", {"path": str(table), "kind": "actor", **params}, lambda event: None)
        assert len(report["refused"]) == report["refused_count"]
        return report["created"], report["changed"], report["unchanged"], report["refused_count"]

    assert (await brought(dry_run=True), await brought(), reads) == ((2, 0, 0, 1), (2, 0, 0, 1), 2)
    size = await town.archive.read(lambda reader: reader.own_log().size)
    assert (await brought(), await brought(dry_run=True), reads) == ((0, 0, 2, 1), (0, 0, 2, 1), 2)
    assert await town.archive.read(lambda reader: reader.own_log().size) == size
    await town.index.catch_up()
    found = (await perform(town, "search", {"query": {"q": "Chorale"}}, lambda event: None))["items"][0]
    edited = {"kind": "actor", "element": found["id"], "fields": {"name": "La Chorale", "type": "association"}}
    await perform(town, "add", edited, lambda event: None)
    assert (await brought(), reads) == ((0, 0, 2, 1), 3), "somebody has written meanwhile: it is looked at"
    table.write_text(TABLE.replace("Jardin", "Jardins"), "utf-8")
    assert (await brought(), reads) == ((0, 1, 1, 1), 4)
    table.write_text(TABLE, "utf-8")
    assert (await brought(), reads) == ((0, 1, 1, 1), 5), "what was imported in between counts"


async def test_what_is_no_file_is_said_as_before(town: Town, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"nothing\.csv"):
        await perform(town, "import", {"path": str(tmp_path / "nothing.csv"), "kind": "actor"}, lambda event: None)
