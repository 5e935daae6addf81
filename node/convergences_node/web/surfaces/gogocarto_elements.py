# SPDX-License-Identifier: AGPL-3.0-or-later
"""GoGoCarto's API: the list of elements in each of its forms, one element, a search.

An importer deletes what the list no longer has. So the whole list is whole or 503, and it is never empty: a node that
has nothing on the map has nothing to say to an importer, and says so. A list that was narrowed by the question may be
empty.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.details import Detail
from convergences_node.index.listing import Listing
from convergences_node.index.query import Query
from convergences_node.index.views import Item
from convergences_node.web.asking import element_of, town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.problems import Problem
from convergences_node.web.route import JSON, Parameter
from convergences_node.web.surfaces import gogocarto
from convergences_node.web.surfaces.everything import found, joined, portions, reader_of, written
from convergences_node.web.surfaces.gogocarto import KINDS_PLACED, MAPPING, is_placed, number_of
from convergences_node.web.surfaces.gogocarto_question import LIMIT_MAX, Asked, asked_of, ontology_of
from convergences_node.web.surfaces.gogocarto_taxonomy import themes_of
from convergences_node.web.surfaces.linked_context import CONTEXT
from convergences_node.web.surfaces.negotiating import JSON_LD
from convergences_node.web.surfaces.pair import resource
from convergences_node.web.surfaces.whole import RETRY_SECONDS
from convergences_node.web.surfaces.whole_lists import Piece, answer_list
from convergences_node.web.take_places import MEDIA as GEO_JSON
from convergences_node.web.take_places import geometry
from convergences_node.web.town_door import Town

FOUND_MAX = 200
"""Elements that a search gives: for who looks, not for who keeps."""
TEXT = Parameter("text", "Words to find.", {"type": "string", "maxLength": 200}, example="vélo")
_encode = msgspec.json.Encoder().encode

Shape = Callable[[Item, Detail], Any]
"""An element as it stands in a list."""


async def gogocarto_elements(request: web.Request) -> web.StreamResponse:
    """Everything that is on the map, as GoGoCarto's `gogofull`, `gogocompact` or `gogosync`.

    Whole or 503. Dates are ISO 8601; ids are the elements' own; `gogosync` is ids alone.
    """
    return await _answer(request)


async def gogocarto_elements_json(request: web.Request) -> web.StreamResponse:
    """The same, under the other name that readers ask for."""
    return await _answer(request)


async def _answer(request: web.Request) -> web.StreamResponse:
    ontology = ontology_of(request)
    mapping = {"mapping": MAPPING} if ontology == "gogocompact" else {}
    head = {"licence": town_of(request).web_settings.licence, "ontology": ontology, **mapping}
    start = _encode(head)[:-1] + b',"data":[\n'
    return await _answer_list(request, ontology, JSON, await _shape(request, ontology), start, b"\n]}\n")


async def gogocarto_elements_geojson(request: web.Request) -> web.StreamResponse:
    """Everything that is on the map as GeoJSON (RFC 7946), each feature with what `gogofull` says."""
    shape = await _shape(request, "gogofull")

    def feature(item: Item, detail: Detail) -> Any:
        properties = shape(item, detail)
        del properties["geo"]
        return {"type": "Feature", "id": item.id, "geometry": geometry(detail.fields), "properties": properties}

    start = b'{"type":"FeatureCollection","features":[\n'
    return await _answer_list(request, "geojson", GEO_JSON, feature, start, b"\n]}\n")


async def gogocarto_elements_jsonld(request: web.Request) -> web.StreamResponse:
    """Everything that is on the map as linked data: resources of PAIR in one graph."""
    reader = reader_of(request)
    start = _encode({"@context": dict(CONTEXT)})[:-1] + b',"@graph":[\n'

    def linked(item: Item, detail: Detail) -> Any:
        return resource(item, detail.fields, (), reader)

    return await _answer_list(request, "jsonld", JSON_LD, linked, start, b"\n]}\n")


async def gogocarto_element(request: web.Request) -> web.Response:
    """One element as `gogofull`: `data` is an object. What is not on the map is not found."""
    shape, element = await _shape(request, "gogofull"), str(element_of(request))
    view = await town_of(request).index.element(element)
    details = await town_of(request).index.details([element])
    if view is None or view.item.kind not in KINDS_PLACED or not is_placed(view.item, details[element]):
        raise Problem("element-unknown", element=element)
    licence = town_of(request).web_settings.licence
    made = {"licence": licence, "ontology": "gogofull", "data": shape(view.item, details[element])}
    return conditional(request, _encode(made), JSON, cache=CACHE_ASK, vary=("Host",))


async def gogocarto_element_json(request: web.Request) -> web.Response:
    """The same, under the other name that readers ask for."""
    return await gogocarto_element(request)


async def gogocarto_search(request: web.Request) -> web.Response:
    """What is on the map and has these words, the nearest to them first: at most 200."""
    shape, made = await _shape(request, "gogofull"), list[Any]()
    text = request.query.get("text", "").strip()
    if len(text) > 200:
        raise Problem("query-refused", faults=[("text", "too_long", {"limit": 200})])
    if text:
        async for some in found(town_of(request), Query(text=text, kinds=KINDS_PLACED), FOUND_MAX):
            made += [shape(item, some.details[item.id]) for item in _placed(some)]
    body = _encode({"licence": town_of(request).web_settings.licence, "ontology": "gogofull", "data": made})
    return conditional(request, body, JSON, cache=CACHE_ASK, vary=("Host",))


async def _shape(request: web.Request, ontology: str) -> Shape:
    if ontology == "gogosync":
        return lambda item, _: gogocarto.bare(item)
    if ontology == "gogocompact":
        return gogocarto.compact
    town, reader = town_of(request), reader_of(request)
    towns = {each.code: each.name or each.code for each in await town.index.territories()}
    towns.setdefault(town.web_settings.territory, town.web_settings.name)
    return lambda item, detail: gogocarto.full(item, detail, towns, reader)


async def _answer_list(
    request: web.Request, form: str, media: str, shape: Shape, start: bytes, end: bytes
) -> web.StreamResponse:
    town, asked = town_of(request), asked_of(request)

    def write(some: Listing) -> Sequence[bytes]:
        return [_encode(shape(item, some.details[item.id])) for item in _placed(some)]

    def make() -> AsyncIterator[Piece]:
        if asked.is_whole:
            return _not_empty(joined(start, written(portions(town, KINDS_PLACED), write), b",\n", end))
        return joined(start, written(_narrowed(town, asked), write), b",\n", end)

    return await answer_list(request, ("gogocarto", form, repr(asked)), media, make)


def _placed(some: Listing) -> list[Item]:
    return [item for item in some.items if is_placed(item, some.details[item.id])]


async def _not_empty(pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    counted = 0
    async for data, count in pieces:
        counted += count
        yield data, count
    if not counted:
        raise Problem("list-empty", headers={"Retry-After": str(RETRY_SECONDS)})


async def _narrowed(town: Town, asked: Asked) -> AsyncIterator[Listing]:
    """What suits a question, each once, the newest first."""
    themes = [each for each in await themes_of(town) if number_of(each) in asked.categories] if asked.categories else []
    if asked.stamped or (asked.categories and not themes):
        return
    question = Query(kinds=KINDS_PLACED, themes=tuple(themes), territories=asked.territories, sort="newest")
    seen: set[str] = set()
    left = LIMIT_MAX if asked.limit is None else asked.limit
    for box in asked.boxes or (None,):
        async for some in found(town, replace(question, box=box)):
            items = [item for item in _placed(some) if item.id not in seen and _is_wanted(some.details[item.id], asked)]
            if len(asked.boxes) > 1:
                seen.update(item.id for item in items)
            yield replace(some, items=items[:left])
            left -= len(items)
            if left <= 0:
                return


def _is_wanted(detail: Detail, asked: Asked) -> bool:
    return not (asked.own_only and "source" in detail.fields)
