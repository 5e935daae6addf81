# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses that a browser shows, and what is taken from the same pages: files, feeds, frames in other sites."""

from __future__ import annotations

from convergences_node.web import (
    away_files,
    look,
    oembed,
    page_about,
    page_certificate,
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
)
from convergences_node.web.parameters import AT, CURSOR, DISPLAY, ELEMENT, EXPORT, FILTERS, SEARCH, SLUG, VIEW
from convergences_node.web.route import HTML, NOTE, ONE, QUESTION, Parameter, Route
from convergences_node.web.surfaces import ldp_resource
from convergences_node.web.surfaces.negotiating import ACTIVITY_JSON, JSON_LD, N_TRIPLES, TURTLE
from convergences_node.web.surfaces.routes import taken

FRAME = (*SEARCH, parameters.FRAME_VIEW, *parameters.LOOK)
EMBED = (*FRAME, *parameters.EMBED)

TAKEN = (
    ("ics", "text/calendar", take_calendar.search_calendar, take_calendar.element_calendar),
    ("atom", "application/atom+xml", take_feed.search_feed, take_feed.element_feed),
    ("geojson", take_places.MEDIA, take_places.search_places, take_places.element_places),
    ("csv", "text/csv", take_table.search_table, take_table.element_table),
    ("jsonld", take_linked.MEDIA, take_linked.search_linked, take_linked.element_linked),
)

PEOPLE: tuple[Route, ...] = (
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
    Route(page_about.PAGE, page_about.about_page, None, HTML, group="page", problems=("starting",)),
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
        Route(
            f"/search.{suffix}",
            handler,
            None,
            media,
            group="take",
            query=EXPORT,
            **taken(suffix, QUESTION, searched=True),
        )
        for suffix, media, handler, _ in TAKEN
    ),
    *(
        Route(
            f"/e/{{id}}.{suffix}",
            handler,
            None,
            media,
            group="take",
            path_parameters=ELEMENT,
            # A feed has more than one page.
            query=(CURSOR,) if suffix == "atom" else (),
            **taken(suffix, (*ONE, "cursor-refused") if suffix == "atom" else ONE),
        )
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
        other_media=(JSON_LD, TURTLE, N_TRIPLES, ACTIVITY_JSON),
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
    # By https
    Route(
        page_certificate.PAGE,
        page_certificate.certificate_page,
        None,
        HTML,
        group="page",
        problems=("not-found",),
        whole=False,
    ),
    Route(
        page_certificate.FILE,
        page_certificate.certificate_file,
        None,
        page_certificate.MEDIA,
        group="page",
        problems=("not-found",),
        whole=False,
    ),
    Route(away_files.LIST, away_files.away_page, None, HTML, group="page", whole=False),
    Route(
        "/hors-ligne.js",
        away_files.away_worker,
        None,
        "text/javascript",
        group="page",
        problems=("not-found",),
        whole=False,
    ),
    Route("/manifeste.webmanifest", away_files.manifest_show, None, away_files.MANIFEST, group="page", whole=False),
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
)
