# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small town behind a real server on loopback, and a client that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from .small_town import SmallTown, asking, small_town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[SmallTown]:
    """A filled town."""
    async with small_town(tmp_path / "node") as opened:
        yield opened


@pytest.fixture
async def client(town: SmallTown) -> AsyncIterator[TestClient]:
    """Ask that town."""
    async with asking(town) as opened:
        yield opened
