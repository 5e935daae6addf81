# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where an element is, as a small picture: a mark in the outline of its town.

The outline is drawn once a minute at most and shared by all the pages of that town; on each page only the mark is
placed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from convergences_node.index.views import ElementView
from convergences_node.web.asking import town_of
from convergences_node.web.cards import Reading
from convergences_node.web.projecting import WIDTH, Frame, box_of, corners, frame_around, path_of

KEPT_SECONDS = 60
"""An outline changes once in a town's life; that it may change at all is seen within the minute."""
TOWNS_MAX = 600
"""Pictures kept: the communes of a département, at a few kilobytes each."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The outline of a town, in its frame."""

    frame: Frame
    path: str
    name: str


@dataclass(slots=True)
class Pictures:
    """The towns' outlines, as they were drawn last."""

    drawn_at: int = -KEPT_SECONDS
    by_code: dict[str, Picture] = field(default_factory=dict)


PICTURES: web.AppKey[Pictures] = web.AppKey("pictures")


@dataclass(frozen=True, slots=True)
class Locator:
    """All that the template lays out."""

    label: str
    path: str
    width: int
    height: int
    x: float
    y: float


async def locator(request: web.Request, reading: Reading, view: ElementView) -> Locator | None:
    """The picture, for what has a point of its own inside an outline that is known."""
    if view.item.location is None or "location" not in view.fields:
        return None
    pictures = await _pictures(request)
    code = view.fields.get("town") or view.item.territory
    picture = pictures.get(str(code)) or pictures.get(view.item.territory)
    if picture is None or not picture.frame.holds(view.item.location):
        return None
    x, y = picture.frame.place(view.item.location)
    label = reading.messages.text("element.located", town=picture.name)
    return Locator(label, picture.path, WIDTH, picture.frame.height, x, y)


async def _pictures(request: web.Request) -> dict[str, Picture]:
    town, kept = town_of(request), request.app[PICTURES]
    if not 0 <= town.now() - kept.drawn_at < KEPT_SECONDS:
        found = {}
        for each in (await town.index.outlines())[:TOWNS_MAX]:
            if (box := box_of(corners(each.outline))) is not None:
                frame = frame_around(box)
                found[each.code] = Picture(frame, path_of(frame, each.outline), each.name)
        kept.by_code, kept.drawn_at = found, town.now()
    return kept.by_code
