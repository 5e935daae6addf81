# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is put on a belt is carried, whenever it is put."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from convergences_node.network.examining import Examiners
from convergences_node.network.ingest import Belt


@pytest.mark.parametrize("steps", range(12))
async def test_what_comes_while_a_turn_is_ending_is_carried(steps: int) -> None:
    """Put at each step of the loop after the last was written: a batch that is left lying stops its log for good."""
    with ThreadPoolExecutor(1) as pool:
        belt = Belt(
            "convergences/FR-93066/0011223344556677",
            cast(Any, None),
            pool,
            Examiners(pool),
            lambda *_: None,
            lambda *_: None,
        )
        carried = asyncio.Event()

        async def second() -> None:
            carried.set()

        def later(left: int) -> None:
            if left:
                asyncio.get_running_loop().call_soon(later, left - 1)
            else:
                belt.put(second)

        async def first() -> None:
            later(steps)

        belt.put(first)
        async with asyncio.timeout(5):
            await carried.wait()
        await belt.stop()
