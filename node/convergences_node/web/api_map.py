# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a map is drawn from: marks for what a question finds, outlines of the territories, and the operator's tiles.

All of it is asked by the map that scripts draw in a page, from this node alone; any other map may ask for it too.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.details import OutlineView
from convergences_node.web import words
from convergences_node.web.asking import answer_json, question_of, town_of
from convergences_node.web.element_place import KEPT_SECONDS
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.problems import Problem
from convergences_node.web.take_places import MEDIA, geometry

POINTS_MAX = 8_000
"""Corners in one answer, about 50 KB compressed. Territories that do not fit at the coarsest step are left out."""
STEPS = (1_000, 2_000, 4_000, 8_000, 16_000)
"""The finest grid on which all corners fit is taken, from 1e-4 degree (ten metres) for an agglomeration's towns to some
150 metres for a département's. Neighbours are laid on the same grid, so that they still touch."""
CORNERS_MIN = 4
"""Of a ring, the first of them repeated as the last."""
TILES_MEDIA = "application/vnd.pmtiles"

Outline = list[list[list[int]]]
"""Polygons of rings, each a flat list of latitudes and longitudes."""

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(slots=True)
class KeptOutlines:
    """The outlines as they were put together last: every map asks for them, and they change once in a town's life."""

    body: bytes = b""
    zipped: bytes = b""
    made_at: int = -KEPT_SECONDS

    def put(self, body: bytes, zipped: bytes, made_at: int) -> KeptOutlines:
        """Keep these from now on."""
        self.body, self.zipped, self.made_at = body, zipped, made_at
        return self


OUTLINES: web.AppKey[KeptOutlines] = web.AppKey("outlines")


async def marks_list(request: web.Request) -> web.Response:
    """What a question finds as marks on a map: id, kind, name, latitude, longitude, first and last second it exists.

    What has no place is left out. There are at most 2,000 marks, the newest; `complete` says whether these are all, and
    a smaller `box` shows the others.
    """
    asked = question_of(request)
    shown = asked if asked.kinds else replace(asked, kinds=words.KINDS_SHOWN)
    return answer_json(request, await town_of(request).index.marks(shown))


async def outlines_list(request: web.Request) -> web.Response:
    """The outlines of the territories known here, as a GeoJSON FeatureCollection (RFC 7946).

    Drawn for a map: to about ten metres where these are a few towns, coarser where they are many.
    """
    town, kept = town_of(request), request.app[OUTLINES]
    if not 0 <= town.now() - kept.made_at < KEPT_SECONDS:
        outlines, made_at = await town.index.outlines(), town.now()
        kept = request.app[OUTLINES].put(*await asyncio.to_thread(_collection, outlines), made_at)
    return conditional(request, kept.body, MEDIA, cache=CACHE_ASK, zipped=kept.zipped)


async def tiles_show(request: web.Request) -> web.StreamResponse:
    """The map that the operator put into the node's folder: a PMTiles archive (version 3), read in ranges.

    Most nodes have none; their maps are drawn from outlines.
    """
    path = town_of(request).web_settings.map_tiles
    if path is None or not await asyncio.to_thread(path.is_file):
        raise Problem("not-found")
    return web.FileResponse(path, headers={"Content-Type": TILES_MEDIA, "Cache-Control": CACHE_ASK})


def _collection(outlines: Sequence[OutlineView]) -> tuple[bytes, bytes]:
    """The collection's bytes, and the same compressed."""
    body = _encode({"type": "FeatureCollection", "features": list(_features(outlines))})
    return body, gzip.compress(body, mtime=0)


def _features(outlines: Iterable[OutlineView]) -> Iterator[Mapping[str, Any]]:
    for each, outline in _thinned(list(outlines)):
        properties = {"code": each.code, "name": each.name, "within": each.within}
        yield {"type": "Feature", "id": each.code, "geometry": geometry({"outline": outline}), "properties": properties}


def _thinned(outlines: Sequence[OutlineView]) -> list[tuple[OutlineView, Outline]]:
    """The outlines on the finest grid on which they fit into one answer; at the coarsest, as many of them as fit."""
    found: list[tuple[OutlineView, Outline]] = []
    for step in STEPS:
        found, left = [], POINTS_MAX
        for each in outlines:
            outline = [[_on_grid(ring, step) for ring in polygon] for polygon in each.outline]
            left -= sum(len(ring) // 2 for polygon in outline for ring in polygon)
            if left < 0:
                break
            found.append((each, outline))
        if left >= 0:
            break
    return found


def _on_grid(ring: Sequence[int], step: int) -> list[int]:
    """A ring without the corners that fall on the one before; never fewer than a ring needs (section 3.1.6)."""
    found: list[int] = []
    for lat, lon in zip(ring[0::2], ring[1::2], strict=False):
        corner = [round(lat / step) * step, round(lon / step) * step]
        if corner != found[-2:]:
            found += corner
    return found if len(found) >= CORNERS_MIN * 2 else list(ring[: CORNERS_MIN * 2])
