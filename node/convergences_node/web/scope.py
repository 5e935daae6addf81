# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far to look: my town, my agglomeration, my département, everywhere known here. Links that keep the question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aiohttp import web
from convergences_protocol.codes import is_territory, level
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.web.asking import town_of
from convergences_node.web.cards import Reading
from convergences_node.web.filters import Choice, page_link
from convergences_node.web.kept_parts import made_now
from convergences_node.web.place_names import official_facts, territory_names
from convergences_node.web.town_door import Town

LEVELS = ("group", "departement")
"""The levels above a town that residents know by name: of each, the nearest."""


async def scopes(request: web.Request, reading: Reading, asked: Query) -> tuple[Choice, ...]:
    """The territory of this page and those around it, from the nearest; then everything."""
    first = asked.without_page()
    found = [
        Choice(name, page_link(reading, replace(first, territories=(code,))), asked.territories == (code,))
        for code, name in await made_now(request, "scopes", partial(_named, town_of(request)))
    ]
    everywhere = page_link(reading, replace(first, territories=()))
    return (*found, Choice(reading.messages.text("scope.everywhere"), everywhere, not asked.territories))


async def _named(town: Town) -> Sequence[tuple[str, str]]:
    """The codes of these territories, from the nearest, with their names."""
    own = town.web_settings.territory
    codes = [own, *await _around(town, own)]
    names = await territory_names(town, codes)
    return [(code, names.get(code, code)) for code in codes]


async def _around(town: Town, own: str) -> list[str]:
    """What the town's record says it is in; the gazetteer, while there is none."""
    within = next((each.within for each in await town.index.territories() if each.code == own), ())
    if not within:
        facts = await official_facts(own)
        within = facts.within if facts else ()
    levels = {
        name: next((code for code in within if is_territory(code) and level(code) == name), None) for name in LEVELS
    }
    return [code for code in levels.values() if code is not None and code != own]
