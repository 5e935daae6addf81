# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a map asks: the same question, of what lies in its frame; and what is said of the answers that it cannot show.

So the list beside a map has what the map has. An answer without a place is on no map, and is not kept quiet: how many
there are is said, with the way to a list that has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from convergences_node.index.details import OutlineView
from convergences_node.index.filters import around
from convergences_node.index.query import E7, Box, Query
from convergences_node.index.views import Total
from convergences_node.web.cards import Reading
from convergences_node.web.filters import LIST, about, page_link
from convergences_node.web.projecting import Frame, box_of, corners, frame_around
from convergences_node.web.town_door import Town

MAP_ITEMS_MAX = 200
"""Elements on one map and in its list; the next page has the next ones."""
COUNTED_MAX = 90_000
"""Answers of which those without a place are counted, or estimated; of more, it is only said that there are some."""
SURE = 0.15
"""A smaller part of an estimate may be nothing but its error (`index/sampling.py`): it is not told as a number."""
WORLD = Box(-180 * E7, -90 * E7, 180 * E7, 90 * E7)
"""Asking for what is in it finds what is anywhere."""
_FRANCE = Box(-5_0000000, 41_3000000, 9_6000000, 51_1000000)


@dataclass(frozen=True, slots=True)
class Unseen:
    """What of the answers is not on the map, in sentences, and the list that has all of them."""

    said: tuple[str, ...]
    href: str


async def framed(town: Town, asked: Query, shown: Query) -> tuple[Frame, Query]:
    """The frame of a question's map, and the question (`shown`, with the kinds that people look for) within it."""
    frame = await _frame(town, asked, shown)
    is_bounded = asked.box is not None or asked.circle is not None
    return frame, replace(shown, limit=MAP_ITEMS_MAX, box=asked.box if is_bounded else frame.box)


async def _frame(town: Town, asked: Query, shown: Query) -> Frame:
    """What is asked for, else the towns asked for, else all the towns that are known, else where things are."""
    if asked.box is not None and asked.box.west < asked.box.east and asked.box.south < asked.box.north:
        return frame_around(asked.box, margin=0)
    if asked.circle is not None:
        return frame_around(around(asked.circle))
    outlines = await town.index.outlines()
    chosen: Sequence[OutlineView] = outlines
    if asked.territories:
        chosen = [each for each in outlines if _is_inside(each, asked.territories)]
    points = [point for each in chosen for point in corners(each.outline)]
    if not points:
        points = [(mark.lat, mark.lon) for mark in (await town.index.marks(shown)).marks]
    if not points:
        own = town.web_settings.territory
        points = [point for each in outlines if each.code == own for point in corners(each.outline)]
    return frame_around(box_of(points) or _FRANCE)


def _is_inside(outline: OutlineView, codes: Iterable[str]) -> bool:
    return not {outline.code, *outline.within}.isdisjoint(codes)


async def unseen(town: Town, reading: Reading, asked: Query, shown: Query, on_map: Total) -> Unseen | None:
    """What is said of the answers that a map of the question does not show; `on_map`: how many it does. What is around
    a point has a place, so that of a circle nothing is said."""
    if asked.circle is not None:
        return None
    everywhere = replace(shown.without_page(), box=None)
    total = (await town.index.facets(everywhere)).total
    href = page_link(reading, replace(asked.without_page(), box=None), LIST)
    if total.count > COUNTED_MAX:
        return Unseen((reading.messages.text("map.some_placeless"),), href)  # all of it would have to be looked through
    placed = (await town.index.facets(replace(everywhere, box=WORLD))).total
    said = _placeless(reading, total, placed)
    if asked.box is None and placed.exact and on_map.exact and placed.count > on_map.count:
        said += (reading.messages.count("map.outside", placed.count - on_map.count),)
    return Unseen(said, href) if said else None


def _placeless(reading: Reading, total: Total, placed: Total) -> tuple[str, ...]:
    messages, count = reading.messages, total.count - placed.count
    if total.exact and placed.exact:
        return (messages.count("map.placeless", count),) if count > 0 else ()
    if count < total.count * SURE:
        return (messages.text("map.some_placeless"),)
    return (messages.count("map.about_placeless", about(count)),)
