# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every handler needs of a request, prepared once: its town, its language, its sentences, its way to answer."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web
from convergences_protocol.edtf import is_edtf
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Refused

from convergences_node.index.query import Query
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.messages import LANGUAGES, Messages, catalogue, choose_language
from convergences_node.web.problems import Problem
from convergences_node.web.route import JSON, Route
from convergences_node.web.town_door import Town

TOWN: web.AppKey[Town] = web.AppKey("town")
ROUTE: web.RequestKey[Route] = web.RequestKey("route")
MESSAGES: web.RequestKey[Messages] = web.RequestKey("messages")

# Of a question of ours; what else a route may be asked, it says itself (`Route.characters_max`).
QUERY_CHARACTERS_MAX = 2048
# What a refusal repeats of an id that is none.
ELEMENT_CHARACTERS_MAX = 60

PAGE_PARAMETERS = (
    "lang",
    "vue",
    "fond",
    "encre",
    "accent",
    "police",
    "taille",
    "couleurs",
    "fiche",
    "feuille",
    "secondes",
)
"""What says how a page is drawn, and is no part of the question."""

# The same answer must give the same bytes, and so the same ETag, whatever order a dict was filled in.
_ENCODER = msgspec.json.Encoder(order="deterministic")


def town_of(request: web.Request) -> Town:
    """The town that answers."""
    return request.app[TOWN]


def messages_of(request: web.Request) -> Messages:
    """The sentences, in this reader's language. May be asked before the request was prepared."""
    if MESSAGES not in request:
        asked = request.query.get("lang") if len(request.query_string) <= QUERY_CHARACTERS_MAX else None
        default = town_of(request).web_settings.language
        request[MESSAGES] = catalogue(choose_language(asked, request.headers.get("Accept-Language", ""), default))
    return request[MESSAGES]


def known_parameters(route: Route) -> Mapping[str, bool]:
    """What a route may be asked, by name: whether it may be repeated."""
    return {parameter.name: parameter.many for parameter in route.query} | {"lang": False}


def check_query(request: web.Request, known: Mapping[str, bool], characters_max: int = QUERY_CHARACTERS_MAX) -> None:
    """Refuse a question that is too long, not text, or asks what its route does not know (`known_parameters`)."""
    if len(request.query_string) > characters_max:
        raise Problem("query-too-long", limit=characters_max)
    query = request.query
    if "\x00" in request.query_string or any("\x00" in value for value in query.values()):
        raise Problem("query-refused", faults=[("query", "control_character", {})])
    for name in query:
        if name not in known:
            raise Problem("query-refused", faults=[(name[:40], "unknown_parameter", {})])
        if not known[name] and len(query.getall(name)) > 1:
            raise Problem("query-refused", faults=[(name, "given_twice", {})])
    if query.get("lang") not in (None, "", *LANGUAGES):
        raise Problem("query-refused", faults=[("lang", "not_a_language", {"known": ", ".join(LANGUAGES)})])


def question_of(request: web.Request) -> Query:
    """The question in an address, or a Problem with everything that is wrong with it."""
    params = {name: request.query.getall(name) for name in request.query if name not in PAGE_PARAMETERS}
    try:
        return Query.from_params(params)
    except Refused as refused:
        cursor_only = all(fault.path == "cursor" for fault in refused.faults)
        raise Problem("cursor-refused" if cursor_only else "query-refused", faults=refused.faults) from None


def element_of(request: web.Request) -> ElementId:
    """The element that an address names; one that cannot exist is as unknown as one that does not."""
    text = request.match_info["id"]
    try:
        return ElementId.parse(text)
    except ValueError:
        raise Problem("element-unknown", element=text[:ELEMENT_CHARACTERS_MAX]) from None


def date_of(request: web.Request, name: str = "at") -> str | None:
    """The date that a parameter gives, if it gives one."""
    text = request.query.get(name, "").strip()
    if not text:
        return None
    if not is_edtf(text):
        raise Problem("query-refused", faults=[(name, "not_a_date", {})])
    return text


def answer_json(request: web.Request, answer: object) -> web.Response:
    """An API answer, or 304 if the client holds it already. Data are in their authors' languages, whoever asks."""
    return conditional(request, _ENCODER.encode(answer), JSON, cache=CACHE_ASK)
