# SPDX-License-Identifier: AGPL-3.0-or-later
"""What this site is, for whoever has come by: who keeps it, what is in it, how to have something mended or erased, what
it knows of its readers, and what may be done with what it holds.

Everything said here holds on every node: what an operator alone knows (a telephone number, opening hours) is in the
records of the town itself.
"""

from __future__ import annotations

from importlib.metadata import version

from aiohttp import web

from convergences_node.index.query import Query
from convergences_node.web import words
from convergences_node.web.arriving import keeps_pages
from convergences_node.web.asking import town_of
from convergences_node.web.cards import Reading
from convergences_node.web.filters import Choice, page_link
from convergences_node.web.freshness import freshness
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.surfaces.licences import name_of
from convergences_node.web.town_door import Town

PAGE = "/a-propos"


async def about_page(request: web.Request) -> web.Response:
    """What this site is, who keeps it, what it holds, and a reader's rights."""
    town, reading = town_of(request), reading_of(request)
    coverage = await town.index.coverage()
    names = await territory_names(town, [each.territory for each in coverage])
    values: dict[str, object] = {
        "held": await _held(town, reading),
        "all": page_link(reading, Query(), "liste"),
        "fresh": freshness(reading, coverage, names, town.charter()),
        "licence": town.web_settings.licence,
        "licence_name": name_of(town.web_settings.licence),
        "version": version("convergences"),
        "keeps": keeps_pages(request),
    }
    return answer_page(request, "about.html", values)


async def _held(town: Town, reading: Reading) -> list[Choice]:
    """How much there is of each kind that people look for, each with the list of it."""
    counts = (await town.index.facets(Query(kinds=words.KINDS_SHOWN))).counts.get("kind", ())
    found = {each.value: each.count for each in counts}
    return [
        Choice(
            label=reading.messages.text(f"kinds.{kind}"),
            href=page_link(reading, Query(kinds=(kind,))),
            count=reading.messages.number(found[kind]),
        )
        for kind in words.KINDS_SHOWN
        if found.get(kind)
    ]
