# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses of what other systems read: lines of the one table (`web/routes.py`), gathered by who reads them."""

from __future__ import annotations

from typing import Any

from convergences_node.web.parameters import ELEMENT, EXPORT
from convergences_node.web.route import HTML, JSON, NOTE, QUESTION, Route
from convergences_node.web.surfaces import (
    data_catalogue,
    data_files,
    gogocarto_elements,
    gogocarto_taxonomy,
    ldp_container,
    ldp_resource,
    linked_description,
    offers,
    other_addresses,
    shapes,
    sparql,
)
from convergences_node.web.surfaces.gogocarto_question import FILTERS, ONTOLOGY
from convergences_node.web.surfaces.negotiating import JSON_LD, N_QUADS, N_TRIPLES, TURTLE
from convergences_node.web.surfaces.whole_lists import GZIP, SENDING_SECONDS_MAX
from convergences_node.web.take_places import MEDIA as GEO_JSON

LIST = ("query-refused", "starting", "not-whole", "too-busy")
ICS, ATOM = "text/calendar", "application/atom+xml"


def taken(suffix: str, problems: tuple[str, ...], *, searched: bool = False) -> dict[str, Any]:
    """What a file of a search or an element may say instead: every list is whole or refused, and a feed is one of an
    element too. A calendar has no second page, and takes its time."""
    if suffix != "ics":
        return {"problems": (*problems, "not-whole") if searched or suffix == "atom" else problems}
    return {"problems": (*problems, "not-whole", "too-busy"), "seconds_max": SENDING_SECONDS_MAX}


_FILE: dict[str, Any] = {"problems": (*LIST, "not-found"), "seconds_max": SENDING_SECONDS_MAX}
_LIST: dict[str, Any] = {"problems": (*LIST, "list-empty"), "seconds_max": SENDING_SECONDS_MAX}

_SPARQL: dict[str, Any] = {
    "group": "surface",
    "other_media": (*sparql.TABLES, *sparql.GRAPHS),
    "problems": ("sparql-refused", "sparql-elsewhere", "sparql-off", "sparql-too-much", "starting"),
    "seconds_max": sparql.SECONDS_MAX,
}

SURFACES: tuple[Route, ...] = (
    # SemApps, Archipelago, anything that reads linked data
    Route(
        "/.well-known/void",
        linked_description.void_show,
        None,
        JSON_LD,
        group="surface",
        other_media=(TURTLE,),
        problems=("starting",),
    ),
    Route("/.well-known/context.jsonld", linked_description.context_show, None, JSON_LD, group="surface", whole=False),
    Route(
        "/{container}",
        ldp_container.ldp_container,
        None,
        JSON_LD,
        group="surface",
        path_parameters=(ldp_container.CONTAINER,),
        problems=(*LIST, "not-found"),
        other_media=(TURTLE, N_TRIPLES, HTML),
        other_statuses=((302, "The page that shows the same."),),
        seconds_max=SENDING_SECONDS_MAX,
    ),
    # Calendars and feeds; before the resources, whose addresses any of these would be otherwise
    Route(
        "/calendar.ics",
        other_addresses.calendar_all,
        None,
        ICS,
        group="surface",
        query=EXPORT,
        **taken("ics", QUESTION),
    ),
    Route(
        "/feed.atom",
        other_addresses.feed_all,
        None,
        ATOM,
        group="surface",
        query=EXPORT,
        **taken("atom", QUESTION),
    ),
    *(
        Route(
            f"/towns/{{code}}.{suffix}",
            handler,
            None,
            media,
            group="surface",
            path_parameters=(other_addresses.TOWN,),
            **taken(suffix, ("not-found", "starting")),
        )
        for suffix, media, handler in (
            ("ics", ICS, other_addresses.calendar_town),
            ("atom", ATOM, other_addresses.feed_town),
        )
    ),
    *(
        Route(
            f"/{{container}}/{{id}}.{suffix}",
            handler,
            None,
            media,
            group="surface",
            path_parameters=(ldp_container.CONTAINER, *ELEMENT),
            **taken(suffix, ("element-unknown", "element-gone", "starting")),
        )
        for suffix, media, handler in (
            ("ics", ICS, other_addresses.calendar_resource),
            ("atom", ATOM, other_addresses.feed_resource),
        )
    ),
    Route(
        "/{container}/{id}",
        ldp_resource.ldp_resource,
        None,
        JSON_LD,
        group="surface",
        path_parameters=(ldp_container.CONTAINER, ldp_resource.RESOURCE),
        problems=("element-unknown", "not-found", "starting"),
        other_media=(TURTLE, N_TRIPLES, HTML),
        other_statuses=((302, "The page that shows the same."), *ldp_resource.GONE),
    ),
    # GoGoCarto, Transiscope, the Semantic Bus: what is in `{id}.json` and `search` comes before `{id}`
    *(
        Route(path, handler, None, JSON, group="surface", query=(ONTOLOGY, *FILTERS), **_LIST)
        for path, handler in (
            ("/api/elements", gogocarto_elements.gogocarto_elements),
            ("/api/elements.json", gogocarto_elements.gogocarto_elements_json),
        )
    ),
    *(
        Route(f"/api/elements.{suffix}", handler, None, media, group="surface", query=FILTERS, **_LIST)
        for suffix, handler, media in (
            ("geojson", gogocarto_elements.gogocarto_elements_geojson, GEO_JSON),
            ("jsonld", gogocarto_elements.gogocarto_elements_jsonld, JSON_LD),
        )
    ),
    Route(
        "/api/elements/search",
        gogocarto_elements.gogocarto_search,
        None,
        group="surface",
        query=(gogocarto_elements.TEXT,),
        problems=LIST,
    ),
    *(
        Route(path, handler, None, group="surface", path_parameters=ELEMENT, problems=("element-unknown", "starting"))
        for path, handler in (
            ("/api/elements/{id}.json", gogocarto_elements.gogocarto_element_json),
            ("/api/elements/{id}", gogocarto_elements.gogocarto_element),
        )
    ),
    *(
        Route(path, handler, None, group="surface", problems=LIST)
        for path, handler in (
            ("/api/taxonomy", gogocarto_taxonomy.taxonomy_list),
            ("/api/taxonomy.json", gogocarto_taxonomy.taxonomy_json),
            ("/api/taxonomy-mapping", gogocarto_taxonomy.taxonomy_mapping),
        )
    ),
    Route(
        "/api/taxonomy/{number}",
        gogocarto_taxonomy.taxonomy_show,
        None,
        group="surface",
        path_parameters=(gogocarto_taxonomy.NUMBER,),
        problems=(*LIST, "not-found"),
    ),
    # Questions in SPARQL
    Route(
        "/sparql",
        sparql.sparql_query,
        None,
        sparql.JSON_TABLE,
        query=(sparql.QUERY, *sparql.DATASET, *sparql.PASSED_OVER),
        characters_max=sparql.CHARACTERS_MAX,
        **_SPARQL,
    ),
    Route(
        "/sparql",
        sparql.sparql_query_post,
        None,
        sparql.JSON_TABLE,
        "POST",
        accepts="application/sparql-query",
        query=sparql.DATASET,
        **_SPARQL,
    ),
    Route("/offers.jsonld", offers.offers_list, None, JSON_LD, group="surface", **_FILE),
    Route("/shapes.ttl", shapes.shapes_show, None, TURTLE, group="surface", whole=False),
    # Portals of open data, and who wants all of it
    Route("/data/catalog.jsonld", data_catalogue.data_catalogue, None, JSON_LD, group="surface", whole=False),
    Route("/data/catalog.ttl", data_catalogue.data_catalogue_turtle, None, TURTLE, group="surface", whole=False),
    Route("/data/README.txt", data_files.data_readme, None, NOTE, group="surface", whole=False),
    *(
        Route(path, handler, None, media, group="surface", **_FILE)
        for path, handler, media in (
            ("/data/all.nq", data_files.data_quads, N_QUADS),
            ("/data/all.nq.gz", data_files.data_quads_packed, GZIP),
        )
    ),
    *(
        Route(path, handler, None, media, group="surface", path_parameters=(data_files.KIND,), **_FILE)
        for path, handler, media in (
            ("/data/{kind}.csv", data_files.data_table, "text/csv"),
            ("/data/{kind}.geojson", data_files.data_map, GEO_JSON),
        )
    ),
)
