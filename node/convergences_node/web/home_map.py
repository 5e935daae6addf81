# SPDX-License-Identifier: AGPL-3.0-or-later
"""The town as the home page shows it: its outlines in soft colours, and a dot for each thing that is somewhere.

A picture and one link to the map that can be used; it names nothing, so a list of names is not its twin. It is drawn
once a minute at most for all readers, and is a few kilobytes: outlines and dots beyond a bound are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aiohttp import web

from convergences_node.index.details import OutlineView
from convergences_node.index.marks import Mark
from convergences_node.index.query import Query
from convergences_node.web import words
from convergences_node.web.asking import town_of
from convergences_node.web.element_place import KEPT_SECONDS
from convergences_node.web.projecting import WIDTH, Frame, box_of, corners, frame_around, path_of

PATHS_CHARS_MAX = 14_000
"""Of all the outlines, some five kilobytes compressed: the towns of an agglomeration."""
DOTS_MAX = 500
DOT_GRID = 5
"""Units between two dots: what is closer is one."""
TINTS = 4
"""Colours that towns take in turn."""


@dataclass(frozen=True, slots=True)
class Part:
    """A town's outline and the number of its colour."""

    path: str
    tint: int
    is_own: bool


@dataclass(frozen=True, slots=True)
class HomeMap:
    """All that the template lays out."""

    width: int
    height: int
    parts: tuple[Part, ...]
    dots: tuple[tuple[str, str], ...]
    """A kind of element, and where its dots are: moves of a path, each with a line of no length."""


@dataclass(slots=True)
class KeptHomeMap:
    """The picture as it was drawn last."""

    picture: HomeMap | None = None
    drawn_at: int = -KEPT_SECONDS


HOME_MAP: web.AppKey[KeptHomeMap] = web.AppKey("home_map")


async def home_map(request: web.Request) -> HomeMap | None:
    """The picture; None where no outline is known."""
    town, kept = town_of(request), request.app[HOME_MAP]
    # A town that has just been set up sees its first places at once.
    is_empty = kept.picture is None or not kept.picture.dots
    if is_empty or not 0 <= town.now() - kept.drawn_at < KEPT_SECONDS:
        outlines = await town.index.outlines()
        found = await town.index.marks(Query(kinds=words.KINDS_SHOWN))
        kept.picture = drawn(outlines, found.marks, town.web_settings.territory)
        kept.drawn_at = town.now()
    return kept.picture


def drawn(outlines: Sequence[OutlineView], marks: Iterable[Mark], own: str) -> HomeMap | None:
    """The outlines, this town's among them, and the marks inside of their frame."""
    box = box_of(point for each in outlines for point in corners(each.outline))
    if box is None:
        return None
    frame = frame_around(box, margin=0.02)
    return HomeMap(WIDTH, frame.height, tuple(_parts(frame, outlines, own)), tuple(_dots(frame, marks)))


def _parts(frame: Frame, outlines: Sequence[OutlineView], own: str) -> Iterator[Part]:
    """This town last, so that its border lies over its neighbours'; counted first, so that it is never left out."""
    left = PATHS_CHARS_MAX
    found: list[Part] = []
    for tint, each in sorted(enumerate(outlines), key=lambda pair: pair[1].code != own):
        path = path_of(frame, each.outline)
        left -= len(path)
        if path and (left > 0 or not found):
            found.append(Part(path, tint % TINTS, each.code == own))
    yield from reversed(found)


def _dots(frame: Frame, marks: Iterable[Mark]) -> Iterator[tuple[str, str]]:
    """By kind, one at most in a square of the grid."""
    found: dict[tuple[int, int], str] = {}
    for mark in marks:
        if len(found) < DOTS_MAX and frame.holds((mark.lat, mark.lon)):
            x, y = frame.place((mark.lat, mark.lon))
            found.setdefault((round(x / DOT_GRID) * DOT_GRID, round(y / DOT_GRID) * DOT_GRID), mark.kind)
    for kind in sorted(set(found.values())):
        yield kind, "".join(f"M{x} {y}h0" for (x, y), its in sorted(found.items()) if its == kind)
