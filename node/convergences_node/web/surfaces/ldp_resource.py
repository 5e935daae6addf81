# SPDX-License-Identifier: AGPL-3.0-or-later
"""One resource as linked data, at the address by which every document calls it: PAIR in JSON-LD, Turtle or N-Triples.

An element's address is its page's; who asks for linked data there gets this. What was withdrawn or erased is 410 with a
tombstone (ActivityStreams 2.0), so that a mirror drops it; what never was is 404.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from aiohttp import web

from convergences_node.index.listing import RELATING, Link
from convergences_node.web.asking import element_of, town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.messages import catalogue
from convergences_node.web.problems import Problem
from convergences_node.web.relay import RELAY
from convergences_node.web.route import Parameter
from convergences_node.web.surfaces.concepts import concept_of
from convergences_node.web.surfaces.everything import reader_of
from convergences_node.web.surfaces.linked_context import CONTEXT
from convergences_node.web.surfaces.negotiating import HTML, JSON_LD, N_TRIPLES, TURTLE, wanted_form, wants_activity
from convergences_node.web.surfaces.pair import Resource, resource
from convergences_node.web.surfaces.pair_terms import CONCEPTS, predicates
from convergences_node.web.surfaces.triples import PREFIX_LINES, n_triples

RESOURCE = Parameter(
    "id",
    "An element's id; or, in `types` and `status`, a kind and one of its words.",
    {"type": "string", "minLength": 1, "maxLength": 200},
    example="action-festival",
)
GONE = ((410, "It was withdrawn or erased: a tombstone."),)
_RELATION_WORDS = frozenset(term for kind in RELATING for term in predicates(kind))
_encode = msgspec.json.Encoder().encode


async def element_resource(request: web.Request) -> web.Response:
    """An element as a resource of PAIR: JSON-LD, or Turtle or N-Triples if `Accept` says so.

    Of a relay, an event or an actor as ActivityStreams says it, if that is asked for.
    """
    relay = request.app.get(RELAY)
    if relay is not None and wants_activity(request):
        from convergences_node.web.relay.answering import element_activity

        return await element_activity(request, relay)
    return await _answer_element(request)


async def ldp_resource(request: web.Request) -> web.Response:
    """A resource by the path of its container; its own address (`id`) is the element's page.

    `Accept: text/html` is sent on to that page.
    """
    container, name = request.match_info["container"], request.match_info["id"]
    wants_page = wanted_form(request, (JSON_LD, TURTLE, N_TRIPLES, HTML)) == HTML
    if container not in CONCEPTS:
        if wants_page:
            return _elsewhere(reader_of(request).address(str(element_of(request))))
        return await _answer_element(request)
    town, reader = town_of(request), reader_of(request)
    found = concept_of(container, name, await town.index.types(), catalogue(town.web_settings.language), reader)
    if found is None:
        raise Problem("not-found")
    return _elsewhere(f"{reader.base}/") if wants_page else _answer(request, found)


def _elsewhere(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address, "Vary": "Accept"})


async def _answer_element(request: web.Request) -> web.Response:
    town, reader, element = town_of(request), reader_of(request), str(element_of(request))
    today = datetime.fromtimestamp(town.now(), UTC).strftime("%Y-%m-%d")
    view = await town.index.element(element, at=today)
    if view is not None:
        links = [Link(each.predicate, each.other, each.outgoing) for each in view.relations]
        return _answer(request, resource(view.item, view.fields, _related(links), reader))
    if not await town.index.history(element):
        raise Problem("element-unknown", element=element)
    return _answer(request, {"id": reader.address(element), "type": "as:Tombstone"}, 410)


def _related(links: list[Link]) -> list[Link]:
    """Those that relations say: what a field mentions is said by its field."""
    return [link for link in links if link.predicate in _RELATION_WORDS]


def _answer(request: web.Request, found: Resource, status: int = 200) -> web.Response:
    media = wanted_form(request, (JSON_LD, TURTLE, N_TRIPLES))
    if media != JSON_LD:
        body = ((PREFIX_LINES if media == TURTLE else "") + n_triples(found)).encode()
    else:
        body = _encode({"@context": dict(CONTEXT), **found})
    response = conditional(request, body, media, cache=CACHE_ASK, vary=("Accept", "Host"))
    response.headers["Link"] = '<http://www.w3.org/ns/ldp#Resource>; rel="type"'
    if status != 200 and response.status == 200:
        response.set_status(status)
    return response
