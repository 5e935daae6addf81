# SPDX-License-Identifier: AGPL-3.0-or-later
"""A desk to each test: an empty index, over logs to be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from .making import Desk, Logs


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "index.db", Logs())
