# SPDX-License-Identifier: AGPL-3.0-or-later
"""The territory in figures: how much there is by kind, theme, town and year, drawn here, each with its table.

The same filters as a search: the figures of one town, one theme, one year are an address too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import FacetCount
from convergences_node.web import words
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.cards import Reading
from convergences_node.web.exporting import shown
from convergences_node.web.filters import chosen, page_link, toggled
from convergences_node.web.freshness import freshness
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.taking import take_search
from convergences_node.web.timeline import timeline

BARS_MAX = 15
"""Of one picture: more is a list, which the facets of a search give."""
PICTURES = ("kind", "type", "themes", "territory")
WIDTH = 600


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, and the bar drawn under its label."""

    label: str
    count: str
    href: str
    width: float
    lang: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars with their table."""

    key: str
    title: str
    rows: tuple[Row, ...]
    more: int
    """How many values are left out."""


async def statistics_page(request: web.Request) -> web.Response:
    """The figures of a question, for people: by kind, sort, theme, town and year, as pictures with their tables."""
    town, reading, asked = town_of(request), reading_of(request), question_of(request)
    query = shown(asked).without_page()
    facets = await town.index.facets(query)
    answer = await town.index.search(replace(query, limit=1))
    names = await territory_names(town, [each.territory for each in answer.coverage])
    values: dict[str, object] = {
        "pictures": [
            _picture(reading, query, key, counts, names) for key in PICTURES if (counts := facets.counts.get(key, ()))
        ],
        "width": WIDTH,
        "timeline": timeline(reading, asked, facets),
        "total": reading.messages.count("search.count", facets.total.count),
        "is_exact": facets.exact,
        "search_href": page_link(reading, asked),
        "chosen": [choice.label for choice in chosen(reading, asked, facets)],
        "fresh": freshness(reading, answer.coverage, names, town.charter()),
        "take": take_search(reading, asked),
    }
    return answer_page(request, "statistics.html", values)


def _picture(
    reading: Reading, query: Query, key: str, counts: Sequence[FacetCount], names: Mapping[str, str]
) -> Picture:
    most = max(count.count for count in counts)
    rows = tuple(
        Row(
            label=count.label
            or names.get(count.value)
            or words.facet_label(reading.messages, key, count.value, query.kinds),
            count=reading.messages.number(count.count),
            href=page_link(reading, toggled(_without(query, key), key, count.value)[0]),
            width=round(max(2.0, WIDTH * count.count / most), 1),
            lang=reading.lang() if count.label else None,
        )
        for count in counts[:BARS_MAX]
    )
    title = reading.messages.text(f"statistics.{key}")
    return Picture(key, title, rows, max(0, len(counts) - BARS_MAX))


def _without(query: Query, key: str) -> Query:
    """A bar leads to what it counts: kinds that nobody chose do not stay beside the one it stands for."""
    return replace(query, kinds=()) if key == "kind" or query.kinds == words.KINDS_SHOWN else query
