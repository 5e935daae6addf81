# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town on disk, its clock in our hands, and the sources that it declares."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from convergences_node.founding import Settings, create_town
from convergences_node.town import Town
from convergences_node.verbs import perform

from .tables import Table

TERRITORY = "FR-93066"
NOW = 1_795_341_600
"""2026-11-22T10:00:00Z"""


@dataclass
class Home:
    """An opened town, and what tests do with it."""

    town: Town
    folder: Path
    clock: list[float]
    stack: AsyncExitStack = field(repr=False)

    async def ask(self, verb: str, **params: Any) -> Any:
        return await perform(self.town, verb, params, lambda event: None)

    async def run(self, name: str, **params: Any) -> dict[str, Any]:
        """Run one source; how it went."""
        (told,) = (await self.ask("source_run", name=name, **params))["sources"]
        result: dict[str, Any] = told
        return result

    async def declare(self, name: str, text: str, **params: Any) -> None:
        await self.ask("source_add", name=name, text=text, **params)

    async def found(self, kind: str, **where: Any) -> list[dict[str, Any]]:
        """What is searched and found of a kind, by name."""
        await self.town.index.catch_up()
        answer = await self.ask("search", query={"kind": kind, "sort": "name", "limit": "100"})
        items: list[dict[str, Any]] = answer["items"]
        return items

    async def size(self) -> int:
        """Records in the town's own log."""
        return await self.town.archive.read(lambda reader: reader.own_log().size)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    folder = tmp_path / "saint-denis"
    settings: Settings = {"http": {"port": 0}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(folder, TERRITORY, "town", "Saint-Denis", settings=settings)
    clock = [float(NOW)]
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(Town.open(folder, clock=lambda: clock[0]))
        yield Home(town, folder, clock, stack)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "liste.json")
