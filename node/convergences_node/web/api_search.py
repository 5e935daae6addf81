# SPDX-License-Identifier: AGPL-3.0-or-later
"""Searching: one question, its answer a page at a time, and the counts that say how to ask better."""

from __future__ import annotations

from aiohttp import web

from convergences_node.web.answers import TerritoriesAnswer
from convergences_node.web.asking import answer_json, question_of, town_of
from convergences_node.web.etag import conditional
from convergences_node.web.route import JSON


async def search_list(request: web.Request) -> web.Response:
    """Search actors, actions, places, themes, relations, content and territories.

    Within one parameter any of its values suits, across parameters all must. The order is stable: give `cursor` back
    for the next page, and nothing is repeated or skipped by what is written meanwhile. `coverage` says how fresh and
    how whole the answer is for each town; the answer comes from this node alone.
    """
    town = town_of(request)
    return conditional(request, await town.index.search_json(question_of(request)), JSON)


async def facets_list(request: web.Request) -> web.Response:
    """Count what a question would find: by kind, type, theme, territory, year, and every other facet of a kind."""
    town = town_of(request)
    return answer_json(request, await town.index.facets(question_of(request).without_page()))


async def territories_list(request: web.Request) -> web.Response:
    """The territories this node knows, how they nest, and how fresh and whole the archive of each is here."""
    return answer_json(request, TerritoriesAnswer(territories=tuple(await town_of(request).index.territories())))
