# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses of what other systems read: lines of the one table (`web/routes.py`), gathered by who reads them."""

from __future__ import annotations

from convergences_node.web.route import HTML, Route
from convergences_node.web.surfaces import ldp_container, ldp_resource, linked_description
from convergences_node.web.surfaces.negotiating import JSON_LD, TURTLE
from convergences_node.web.surfaces.whole_lists import SENDING_SECONDS_MAX

LIST = ("query-refused", "starting", "not-whole", "too-busy")

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
        problems=LIST,
        other_media=(TURTLE, HTML),
        other_statuses=((302, "The page that shows the same."),),
        seconds_max=SENDING_SECONDS_MAX,
    ),
    Route(
        "/{container}/{id}",
        ldp_resource.ldp_resource,
        None,
        JSON_LD,
        group="surface",
        path_parameters=(ldp_container.CONTAINER, ldp_resource.RESOURCE),
        problems=("element-unknown", "not-found", "starting"),
        other_media=(TURTLE, HTML),
        other_statuses=((302, "The page that shows the same."), *ldp_resource.GONE),
    ),
)
