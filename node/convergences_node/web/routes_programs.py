# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses that programs ask: what the town knows, what is kept here, and who vouches for it."""

from __future__ import annotations

from convergences_node.index.marks import Marks
from convergences_node.index.views import Answer, ElementView, Facets
from convergences_node.web import answers, api_description, api_elements, api_logs, api_map, api_search, take_places
from convergences_node.web.parameters import AT, DEPTH, ELEMENT, FILTERS, SEARCH
from convergences_node.web.route import BYTES, NOTE, ONE, QUESTION, Route

PROGRAMS: tuple[Route, ...] = (
    # What the town knows
    Route("/api/v1/search", api_search.search_list, Answer, query=SEARCH, problems=QUESTION),
    Route("/api/v1/facets", api_search.facets_list, Facets, query=FILTERS, problems=QUESTION),
    Route("/api/v1/marks", api_map.marks_list, Marks, query=FILTERS, problems=QUESTION),
    Route("/api/v1/outlines", api_map.outlines_list, None, take_places.MEDIA, problems=("starting",)),
    Route("/api/v1/tiles.pmtiles", api_map.tiles_show, None, api_map.TILES_MEDIA, problems=("not-found",), whole=False),
    Route(
        "/api/v1/elements/{id}",
        api_elements.element_show,
        ElementView,
        path_parameters=ELEMENT,
        query=(AT,),
        problems=ONE,
    ),
    Route(
        "/api/v1/elements/{id}/history",
        api_elements.element_history,
        answers.HistoryAnswer,
        path_parameters=ELEMENT,
        problems=ONE,
    ),
    Route(
        "/api/v1/elements/{id}/relations",
        api_elements.element_relations,
        answers.RelationsAnswer,
        path_parameters=ELEMENT,
        query=(AT, DEPTH),
        problems=ONE,
    ),
    Route(
        "/api/v1/elements/{id}/receipt",
        api_elements.element_receipt,
        None,
        NOTE,
        path_parameters=ELEMENT,
        problems=(*ONE, "receipt-absent"),
    ),
    Route("/api/v1/territories", api_search.territories_list, answers.TerritoriesAnswer, problems=("starting",)),
    # What is kept, and who vouches for it
    Route("/api/v1/logs", api_logs.logs_list, answers.LogsAnswer, whole=False),
    Route("/api/v1/cosignatures", api_logs.cosignatures_list, answers.CosignaturesAnswer, whole=False),
    Route("/api/v1/forks", api_logs.forks_list, answers.ForksAnswer, whole=False),
    Route("/api/v1/peers", api_logs.peers_list, answers.PeersAnswer, whole=False),
    Route(
        "/api/v1/join",
        api_logs.join_answer,
        None,
        BYTES,
        "POST",
        accepts=BYTES,
        problems=("join-refused", "body-too-large"),
        whole=False,
    ),
    Route(
        "/api/v1/replicate",
        api_logs.message_answer,
        None,
        BYTES,
        "POST",
        accepts=BYTES,
        other_statuses=((204, "Heard; nothing answers it."),),
        problems=("message-refused", "body-too-large"),
        whole=False,
    ),
    Route("/api/v1/openapi.json", api_description.openapi_show, None, whole=False),
)
