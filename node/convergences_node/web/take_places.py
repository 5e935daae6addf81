# SPDX-License-Identifier: AGPL-3.0-or-later
"""A search or an element as GeoJSON (RFC 7946): points and outlines, longitude first, in degrees of WGS 84.

What has no place is there too, with a null geometry (section 3.2): an export holds what the page holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec
from aiohttp import web

from convergences_node.index.views import Item
from convergences_node.web.asking import question_of
from convergences_node.web.exporting import Exported, answer_file, exported_element, exported_search, shown

MEDIA = "application/geo+json"
_LEFT_OUT = frozenset({"location", "centre", "outline"})
"""Said by the geometry."""
_encode = msgspec.json.Encoder(order="deterministic").encode


async def search_places(request: web.Request) -> web.Response:
    """A search as a GeoJSON FeatureCollection, each feature with the fields of its record."""
    exported = await exported_search(request, shown(question_of(request)))
    body = await asyncio.to_thread(collection, exported)
    return answer_file(request, exported, body, MEDIA, "geojson")


async def element_places(request: web.Request) -> web.Response:
    """An element as a GeoJSON Feature: its point, or its outline."""
    exported, view = await exported_element(request)
    return answer_file(request, exported, _encode(feature(exported, view.item)), MEDIA, "geojson")


def collection(exported: Exported) -> bytes:
    """The collection's bytes."""
    return _encode({"type": "FeatureCollection", "features": [feature(exported, item) for item in exported.items]})


def feature(exported: Exported, item: Item) -> dict[str, Any]:
    """One element: where it is, and what its record says."""
    detail = exported.details.get(item.id)
    fields: Mapping[str, Any] = detail.fields if detail else {}
    properties = {name: value for name, value in fields.items() if name not in _LEFT_OUT}
    labels = detail.labels if detail else {}
    if names := [labels[theme] for theme in item.themes if theme in labels]:
        properties["theme_names"] = names
    properties |= {"kind": item.kind, "name": item.name, "url": exported.address(item.id)}
    return {"type": "Feature", "id": item.id, "geometry": geometry(fields), "properties": properties}


def geometry(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """The geometry of a record: its outline if it has one, else its point."""
    if outline := fields.get("outline"):
        return {"type": "MultiPolygon", "coordinates": [_polygon(polygon) for polygon in outline]}
    point = fields.get("location") or fields.get("centre")
    return {"type": "Point", "coordinates": _position(point[0], point[1])} if point else None


def _polygon(polygon: list[list[int]]) -> list[list[list[float]]]:
    """Rings closed, the outer one against the clock and holes with it (section 3.1.6)."""
    rings = []
    for number, flat in enumerate(polygon):
        ring = [_position(lat, lon) for lat, lon in zip(flat[0::2], flat[1::2], strict=False)]
        if ring[0] != ring[-1]:
            ring.append(ring[0])
        rings.append(ring if _turns_left(ring) == (number == 0) else ring[::-1])
    return rings


def _turns_left(ring: list[list[float]]) -> bool:
    """Whether a ring runs against the clock: the sign of its area."""
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    return area >= 0


def _position(lat: int, lon: int) -> list[float]:
    return [lon / 1e7, lat / 1e7]
