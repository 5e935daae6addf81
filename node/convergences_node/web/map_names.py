# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the names of towns are written on a drawn map: beside the figures and not under them, and not over each other.

A name is tried in the middle of its town, then a little below and above, then aside. One that fits nowhere is left out:
its town is a link that says it, and the list under the map has it. `front/src/names.js` does the same on the map that
moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

LETTER = 8.7
"""Units a letter is wide, on a phone, where they are largest."""
HIGH = 20
FIGURE = 20
"""Half of what a mark and its border take, across and down."""
_DOWN = (0.0, 16.0, -16.0, 30.0, -30.0, 44.0, -44.0)
_ASIDE = (0.0, -0.3, 0.3)
"""Of its width."""

Rect = tuple[float, float, float, float]
"""West, north, east, south."""


def placed(
    names: Iterable[tuple[str, float, float]], figures: Sequence[tuple[float, float]], width: float, height: float
) -> Iterator[tuple[float, float] | None]:
    """For each name and the middle of its town, the middle of where it is written; None where it would hide something.

    An empty name takes no place.
    """
    taken: list[Rect] = [(x - FIGURE, y - FIGURE, x + FIGURE, y + FIGURE) for x, y in figures]
    for name, x, y in names:
        found = next(_free(len(name) * LETTER, x, y, taken, width, height), None) if name else None
        if found is None:
            yield None
            continue
        taken.append(found)
        yield round((found[0] + found[2]) / 2, 1), round((found[1] + found[3]) / 2, 1)


def _free(long: float, x: float, y: float, taken: Sequence[Rect], width: float, height: float) -> Iterator[Rect]:
    for down in _DOWN:
        for aside in _ASIDE:
            left, top = x + aside * long - long / 2, y + down - HIGH / 2
            left = min(max(left, 2.0), width - long - 2.0)
            rect = (left, top, left + long, top + HIGH)
            if left >= 0 and top >= 0 and rect[3] <= height and not any(_touch(rect, other) for other in taken):
                yield rect


def _touch(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
