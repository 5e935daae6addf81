# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pretended system of a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from convergences_node.updates.places import ROOT_VARIABLE

from .pretending import put_system


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of version 0.1.0 on an amd64 machine, whose service runs."""
    root = put_system(tmp_path / "system")
    runtime = root / "run/convergences"
    runtime.mkdir(parents=True)
    monkeypatch.setenv(ROOT_VARIABLE, str(root))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    return root
