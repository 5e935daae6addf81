# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small town that answers SPARQL, behind a real server on loopback, and a client that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.linked import following, layout

from tests.web.small_town import SmallTown, asking, small_town

BASE = "https://saint-denis.example"


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[SmallTown]:
    """A filled town."""
    async with small_town(tmp_path / "node", public_url=BASE, linked=tmp_path / "node" / layout.FOLDER) as opened:
        yield opened


@pytest.fixture
def catch_up(town: SmallTown, tmp_path: Path) -> Callable[..., int]:
    """Bring what is asked up to the town's index."""

    def follow(**told: object) -> int:
        said = {"base": BASE, "zone": "Europe/Paris", "now": town.now(), **told}
        return following.follow(tmp_path / "node", following.Told(**said))  # type: ignore[arg-type]

    return follow


@pytest.fixture
async def client(town: SmallTown, catch_up: Callable[..., int]) -> AsyncIterator[TestClient]:
    """Ask that town, once its store is there."""
    catch_up()
    async with asking(town) as opened:
        yield opened
