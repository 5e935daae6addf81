# SPDX-License-Identifier: AGPL-3.0-or-later
"""Towns whose node does not wait long for a stick that gives no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from convergences_node.bundles import verb

from ..awkward.cluster import Cluster


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(verb, "STALLED_S", 4.0)
    monkeypatch.setattr(verb, "QUIET_S", 0.7)
    cluster = Cluster(tmp_path)
    yield cluster
    await cluster.close()
