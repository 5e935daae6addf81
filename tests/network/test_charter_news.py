# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was set aside for the charter's sake does not come back with the next start."""

from __future__ import annotations

import asyncio
from pathlib import Path

from convergences_node.charter_news import REWOUND_CHOICE
from convergences_node.founding import create_town
from convergences_node.town import Town

SECONDS_MAX = 60.0


async def marked(town: Town) -> bool:
    return await town.archive.read(lambda reader: reader.choice(REWOUND_CHOICE)) is not None


async def test_an_index_that_was_to_be_built_again_is_built_by_the_next_start(tmp_path: Path) -> None:
    """A node that ended between setting records aside and indexing again left a mark; the next one obeys it."""
    await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis")
    async with Town.open(tmp_path / "node") as town:
        await town.archive.choose(REWOUND_CHOICE, town.membership.own.origin)
    async with Town.open(tmp_path / "node") as town, asyncio.timeout(SECONDS_MAX):
        while await marked(town):  # noqa: ASYNC110 - the archive says nothing of its choices
            await asyncio.sleep(0.01)
        assert not town.index.rebuilding
    async with Town.open(tmp_path / "node") as town:
        assert not await marked(town)
