# SPDX-License-Identifier: AGPL-3.0-or-later
"""The table of contents: every address of a node, what answers there, and what it takes.

The server is wired from this table, the OpenAPI description is derived from it, and `docs/api.md` is checked against
it.
"""

from __future__ import annotations

from convergences_node.index.marks import Marks
from convergences_node.index.views import Answer, ElementView, Facets
from convergences_node.web import (
    answers,
    api_description,
    api_elements,
    api_logs,
    api_map,
    api_search,
    blob_files,
    health,
    logs,
    look,
    media_files,
    oembed,
    page_display,
    page_element,
    page_embed,
    page_frame,
    page_history,
    page_poster,
    page_receipt,
    page_search,
    page_space,
    page_statistics,
    pages,
    parameters,
    sitemap,
    static_files,
    take_calendar,
    take_feed,
    take_linked,
    take_places,
    take_table,
    update_files,
)
from convergences_node.web.parameters import (
    AT,
    BUNDLE,
    DEPTH,
    DISPLAY,
    ELEMENT,
    EXPORT,
    FILTERS,
    LEVEL,
    LOG,
    SEARCH,
    SLUG,
    TILE,
    VIEW,
)
from convergences_node.web.route import BYTES, HTML, NOTE, OPENMETRICS, Parameter, Route
from convergences_node.web.surfaces import ldp_resource
from convergences_node.web.surfaces.negotiating import ACTIVITY_JSON, JSON_LD, TURTLE
from convergences_node.web.surfaces.routes import SURFACES, taken

QUESTION = ("query-refused", "cursor-refused", "starting")
ONE = ("query-refused", "element-unknown", "element-gone", "starting")
FILE = ("log-unknown", "tile-absent")
FRAME = (*SEARCH, parameters.FRAME_VIEW, *parameters.LOOK)
EMBED = (*FRAME, *parameters.EMBED)
# A bundle of bodies may hold 16 MiB, on a line that carries 50 kB a second.
STREAM_SECONDS_MAX = 360.0

TAKEN = (
    ("ics", "text/calendar", take_calendar.search_calendar, take_calendar.element_calendar),
    ("atom", "application/atom+xml", take_feed.search_feed, take_feed.element_feed),
    ("geojson", take_places.MEDIA, take_places.search_places, take_places.element_places),
    ("csv", "text/csv", take_table.search_table, take_table.element_table),
    ("jsonld", take_linked.MEDIA, take_linked.search_linked, take_linked.element_linked),
)

IN_RANGES = ((206, "The range that was asked for."), (416, "There is nothing in that range."))
"""What is said besides where a file is given by ranges (RFC 9110 section 14)."""

ROUTES: tuple[Route, ...] = (
    # For people
    Route("/", page_search.search_page, None, HTML, group="page", query=(*SEARCH, VIEW), problems=QUESTION),
    Route("/chiffres", page_statistics.statistics_page, None, HTML, group="page", query=FILTERS, problems=QUESTION),
    Route(
        "/ecran",
        page_display.display_page,
        None,
        HTML,
        group="page",
        query=(*FILTERS, *DISPLAY),
        problems=QUESTION,
    ),
    Route("/affiche", page_poster.poster_page, None, HTML, group="page", query=FILTERS, problems=QUESTION),
    # For search engines
    Route("/robots.txt", sitemap.robots_show, None, NOTE, group="take", whole=False),
    Route("/sitemap.xml", sitemap.sitemap_show, None, sitemap.MEDIA, group="take", problems=("starting",)),
    Route(
        "/sitemap-{number}.xml",
        sitemap.sitemap_part_show,
        None,
        sitemap.MEDIA,
        group="take",
        path_parameters=parameters.SITEMAP,
        problems=("starting", "not-found"),
    ),
    Route(
        "/acteurs/{slug}.css",
        page_space.space_sheet,
        None,
        "text/css",
        group="page",
        path_parameters=(SLUG,),
        problems=("not-found", "starting"),
    ),
    Route(
        "/acteurs/{slug}",
        page_space.space_page,
        None,
        HTML,
        group="page",
        path_parameters=(SLUG,),
        other_statuses=((307, "Under its whole address."), (308, "Under the name of today.")),
        problems=("not-found", "element-unknown", "starting"),
    ),
    # To be taken elsewhere; before the page of an element, whose address any of these would be otherwise
    *(
        Route(f"/search.{suffix}", handler, None, media, group="take", query=EXPORT, **taken(suffix, QUESTION))
        for suffix, media, handler, _ in TAKEN
    ),
    *(
        Route(f"/e/{{id}}.{suffix}", handler, None, media, group="take", path_parameters=ELEMENT, **taken(suffix, ONE))
        for suffix, media, _, handler in TAKEN
    ),
    Route(
        "/e/{id}",
        page_element.element_page,
        None,
        HTML,
        group="page",
        path_parameters=ELEMENT,
        query=(AT,),
        problems=ONE,
        linked=ldp_resource.element_resource,
        # ActivityStreams where the node is a relay; PAIR in JSON-LD where it is none.
        other_media=(JSON_LD, TURTLE, ACTIVITY_JSON),
        other_statuses=ldp_resource.GONE,
    ),
    Route(
        "/e/{id}/histoire",
        page_history.history_page,
        None,
        HTML,
        group="page",
        path_parameters=ELEMENT,
        query=parameters.HISTORY,
        problems=ONE,
    ),
    Route(
        "/e/{id}/recu",
        page_receipt.receipt_page,
        None,
        HTML,
        group="page",
        path_parameters=ELEMENT,
        problems=(*ONE, "receipt-absent"),
    ),
    # In other sites
    Route("/integrer", page_embed.embed_page, None, HTML, group="page", query=EMBED, problems=(*ONE, "cursor-refused")),
    Route("/integrer.js", page_embed.script_show, None, "text/javascript", group="take", whole=False),
    Route("/cadre", page_frame.search_frame, None, HTML, group="page", query=FRAME, problems=QUESTION, framed=True),
    Route(
        "/cadre.css",
        look.look_show,
        None,
        "text/css",
        group="page",
        query=parameters.LOOK,
        problems=("query-refused",),
        whole=False,
        framed=True,
    ),
    Route(
        "/cadre/e/{id}",
        page_frame.element_frame,
        None,
        HTML,
        group="page",
        path_parameters=ELEMENT,
        query=parameters.LOOK,
        problems=ONE,
        framed=True,
    ),
    Route(
        "/oembed",
        oembed.oembed_show,
        oembed.OEmbed,
        group="take",
        query=parameters.OEMBED,
        problems=("query-refused", "embed-unknown", "format-refused", "starting"),
    ),
    Route(
        "/problems/{key}",
        pages.problem_show,
        None,
        HTML,
        group="page",
        path_parameters=(
            Parameter("key", "A problem's key.", {"type": "string", "minLength": 1}, example="not-found"),
        ),
        problems=("not-found",),
        whole=False,
    ),
    Route(
        "/static/{name}",
        static_files.static_show,
        None,
        "*/*",
        group="page",
        path_parameters=(Parameter("name", "A versioned name.", {"type": "string", "minLength": 1}),),
        problems=("not-found",),
        whole=False,
        framed=True,
    ),
    # For programs: what the town knows
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
    # For programs: what is kept, and who vouches for it
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
    # For systems of other makers, in the shapes that they know
    *SURFACES,
    # The signed logs, as files
    Route(
        "/log/{territory}/{epoch}/checkpoint",
        logs.log_checkpoint,
        None,
        NOTE,
        group="log",
        path_parameters=LOG,
        problems=FILE,
        whole=False,
    ),
    Route(
        "/log/{territory}/{epoch}/tile/entries/{bundle}",
        logs.log_entries,
        None,
        BYTES,
        group="log",
        path_parameters=(*LOG, BUNDLE),
        problems=FILE,
        whole=False,
    ),
    Route(
        "/log/{territory}/{epoch}/tile/{level}/{tile}",
        logs.log_tile,
        None,
        BYTES,
        group="log",
        path_parameters=(*LOG, LEVEL, TILE),
        problems=FILE,
        whole=False,
    ),
    Route(
        "/log/{territory}/{epoch}/bodies/{bundle}",
        logs.log_bodies,
        None,
        BYTES,
        group="log",
        path_parameters=(*LOG, BUNDLE),
        problems=FILE,
        whole=False,
        seconds_max=STREAM_SECONDS_MAX,
    ),
    Route(
        "/media/{digest}",
        media_files.media_show,
        None,
        "*/*",
        group="take",
        path_parameters=(parameters.DIGEST,),
        other_statuses=IN_RANGES,
        problems=("not-found",),
        whole=False,
        seconds_max=STREAM_SECONDS_MAX,
    ),
    # Files by their digest
    Route(
        "/blobs/{digest}",
        blob_files.blob_show,
        None,
        BYTES,
        group="log",
        path_parameters=(parameters.DIGEST,),
        other_statuses=IN_RANGES,
        problems=("not-found",),
        whole=False,
        seconds_max=STREAM_SECONDS_MAX,
    ),
    Route(
        "/update/release",
        update_files.release_show,
        None,
        NOTE,
        group="log",
        problems=("not-found",),
        whole=False,
    ),
    # For those who watch over the node
    Route("/healthz", health.health_show, answers.HealthAnswer, group="node", whole=False),
    Route("/metrics", health.metrics_show, None, OPENMETRICS, group="node", whole=False),
)

__all__ = ["ROUTES", "parameters"]
