# SPDX-License-Identifier: AGPL-3.0-or-later
"""LDP containers as SemApps and Archipelago fetch them: all of a class of PAIR, each resource whole, in one document.

JSON-LD, Turtle or N-Triples, by `Accept`; `ldp:contains` is a list even when it holds one, and both types of a
container are said. A browser that follows the address is sent to the page that shows the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from convergences_node.web.asking import town_of
from convergences_node.web.messages import catalogue
from convergences_node.web.route import Parameter
from convergences_node.web.surfaces.concepts import concepts
from convergences_node.web.surfaces.everything import joined, portions, reader_of, written
from convergences_node.web.surfaces.graphs import resources_of
from convergences_node.web.surfaces.linked_context import CONTEXT
from convergences_node.web.surfaces.negotiating import HTML, JSON_LD, N_TRIPLES, TURTLE, wanted_form, wants_minimal
from convergences_node.web.surfaces.pair import Reader, Resource
from convergences_node.web.surfaces.pair_terms import CONCEPTS, CONTAINERS, class_kinds
from convergences_node.web.surfaces.triples import PREFIX_LINES, n_triples
from convergences_node.web.surfaces.whole_lists import Piece, answer_list
from convergences_node.web.town_door import Town

CONTAINER = Parameter(
    "container",
    "What is listed.",
    {"type": "string", "pattern": f"^(?:{'|'.join(CONTAINERS)})$"},
    example="events",
)
TYPES = ("ldp:Container", "ldp:BasicContainer")
ABOUT = '<http://www.w3.org/ns/ldp#BasicContainer>; rel="type", <http://www.w3.org/ns/ldp#Resource>; rel="type"'
_encode = msgspec.json.Encoder().encode


async def ldp_container(request: web.Request) -> web.StreamResponse:
    """All resources of a class of PAIR, as an LDP container: JSON-LD, or Turtle or N-Triples if `Accept` says so.

    Whole, or 503: importers delete what is missing. `Prefer: return=representation; include=
    "http://www.w3.org/ns/ldp#PreferMinimalContainer"` leaves out what it contains.
    """
    name = request.match_info["container"]
    form = wanted_form(request, (JSON_LD, TURTLE, N_TRIPLES, HTML))
    if form == HTML:
        return web.Response(status=302, headers={"Location": _page(name), "Vary": "Accept"})
    town, reader, minimal = town_of(request), reader_of(request), wants_minimal(request)

    def make() -> AsyncIterator[Piece]:
        return _contained(town, name, form, reader, minimal)

    key = ("ldp", name, form, str(minimal))
    return await answer_list(request, key, form, make, vary=("Accept", "Prefer"), link=ABOUT)


def _page(name: str) -> str:
    kinds = [] if name in CONCEPTS else class_kinds(CONTAINERS[name])
    return f"/?{urlencode([('kind', kind) for kind in kinds])}" if kinds else "/"


def _contained(town: Town, name: str, form: str, reader: Reader, minimal: bool) -> AsyncIterator[Piece]:
    own = {"id": f"{reader.base}/{name}", "type": list(TYPES)}
    parts = _none() if minimal else _parts(town, name, form, reader)
    if form != JSON_LD:
        return joined(((PREFIX_LINES if form == TURTLE else "") + n_triples(own)).encode(), parts)
    head = _encode({"@context": dict(CONTEXT), **own})[:-1]
    if minimal:
        return joined(head, parts, end=b"}\n")
    return joined(head + b',"ldp:contains":[\n', parts, b",\n", b"\n]}\n")


def _parts(town: Town, name: str, form: str, reader: Reader) -> AsyncIterator[Sequence[bytes]]:
    def write(resources: Iterable[Resource]) -> Sequence[bytes]:
        if form != JSON_LD:
            return [n_triples({"id": f"{reader.base}/{name}", "ldp:contains": [each["id"]]}).encode()
                + n_triples(each).encode() for each in resources]  # fmt: skip
        return list(map(_encode, resources))

    if name in CONCEPTS:
        return _concepts(town, name, reader, write)
    class_ = CONTAINERS[name]
    return written(
        portions(town, class_kinds(class_), linked=True), lambda some: write(resources_of(some, class_, reader))
    )


async def _concepts(
    town: Town, name: str, reader: Reader, write: Callable[[Iterable[Resource]], Sequence[bytes]]
) -> AsyncIterator[Sequence[bytes]]:
    """Named in the town's own language: a list that a program keeps is not one thing today and another tomorrow."""
    used = await town.index.types()
    yield write(concepts(name, used, catalogue(town.web_settings.language), reader))


async def _none() -> AsyncIterator[Sequence[bytes]]:
    return
    yield ()  # makes it a generator
