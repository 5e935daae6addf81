# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a page must not exceed, and the words for each way in which it does."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.audit.visit import LARGEST_MS_MAX, READY_MS_MAX, Seen

SHIFT_MAX = 0.1
"""Of the layout: what a reader was about to touch must not move (the "good" bound of Web Vitals)."""
BYTES_MAX = 60_000
BYTES_WITH_MAP_MAX = 160_000
"""Compressed, with everything that the page loads."""


def broken(seen: Seen) -> Iterator[str]:
    """Each promise that a page breaks, in a few words."""
    yield from (f"axe: {rule}" for rule in seen.axe)
    yield from (f"asks another host: {address}" for address in seen.other_hosts)
    yield from (f"console: {text[:100]}" for text in seen.console)
    if seen.status >= 400 and not seen.is_problem:
        yield f"answers {seen.status}"
    if seen.overflow_px > 0:
        yield f"{seen.overflow_px} px wider than the screen"
    if seen.first_paint_ms > READY_MS_MAX:
        yield f"first paint after {seen.first_paint_ms} ms (the home page's then: {seen.home_paint_ms} ms)"
    if seen.largest_paint_ms > LARGEST_MS_MAX:
        yield f"largest paint after {seen.largest_paint_ms} ms"
    if seen.layout_shift > SHIFT_MAX:
        yield f"layout shifts by {seen.layout_shift:.2f}"
    most = BYTES_WITH_MAP_MAX if seen.has_map else BYTES_MAX
    if seen.bytes > most:
        yield f"{seen.bytes:,} bytes, of at most {most:,}"
