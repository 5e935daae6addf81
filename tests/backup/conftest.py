# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the tests of backups share."""

from __future__ import annotations

from pathlib import Path

import pytest
from convergences_node.founding import Founded

from .making_backups import found


@pytest.fixture
async def town(tmp_path: Path) -> tuple[Path, Founded, Path]:
    """A town's folder, how it was founded, and a stick."""
    stick = tmp_path / "stick"
    stick.mkdir()
    return tmp_path / "town", await found(tmp_path / "town"), stick
