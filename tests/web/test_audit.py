# SPDX-License-Identifier: AGPL-3.0-or-later
"""The audit forgets no page, and reproaches a page with each promise that it breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from convergences_protocol.kinds import KINDS

from benchmarks.audit.kinds import STATES, kinds, page_routes
from benchmarks.audit.limits import BYTES_MAX, BYTES_WITH_MAP_MAX, SHIFT_MAX, broken
from benchmarks.audit.visit import LARGEST_MS_MAX, READY_MS_MAX, Seen

ELEMENTS = {kind: f"FR-93066:0193-{kind}" for kind in KINDS}
GOOD = Seen("home", "/", "fr", 320, "light", status=200, bytes=BYTES_MAX)


def test_every_page_of_the_table_of_routes_is_visited() -> None:
    """A route that answers a page and has no visit, or one with a part of its address left open, fails here."""
    visited = list(kinds(ELEMENTS, {}))
    for route in page_routes():
        stem = route.path.partition("{")[0]
        assert any(kind.path.startswith(stem) for kind in visited), route.path
    assert not [kind for kind in visited if "{" in kind.path]
    assert len({kind.name for kind in visited}) == len(visited)
    assert all(any(kind.path == f"/e/{id_}" for kind in visited) for id_ in ELEMENTS.values())


def test_every_state_belongs_to_a_page() -> None:
    assert set(STATES) <= {route.name for route in page_routes()}


def test_a_good_page_breaks_nothing() -> None:
    assert list(broken(GOOD)) == []
    assert list(broken(replace(GOOD, page="not-there", status=404))) == []
    assert list(broken(replace(GOOD, page="element-gone", status=410))) == []
    assert list(broken(replace(GOOD, bytes=BYTES_WITH_MAP_MAX, has_map=True))) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"axe": ["color-contrast"]},
        {"other_hosts": ["https://elsewhere.example/x.js"]},
        {"console": ["refused to load"]},
        {"status": 500},
        {"bytes": BYTES_MAX + 1},
        {"bytes": BYTES_WITH_MAP_MAX + 1, "has_map": True},
        {"first_paint_ms": READY_MS_MAX + 1},
        {"largest_paint_ms": LARGEST_MS_MAX + 1},
        {"layout_shift": SHIFT_MAX + 0.01},
        {"overflow_px": 1},
    ],
)
def test_each_broken_promise_is_said(bad: dict[str, object]) -> None:
    assert len(list(broken(replace(GOOD, **bad)))) == 1  # type: ignore[arg-type]
