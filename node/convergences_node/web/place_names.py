# SPDX-License-Identifier: AGPL-3.0-or-later
"""The names of territories, as residents say them: from the records kept here, else from the gazetteer of France.

A town that is only heard of (it vouches for a record, it is in a charter) has no record of its own here yet, and a code
such as FR-200057867 is no name for a neighbour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from convergences_protocol.origin import territory_of

from convergences_node.faults import NotFound
from convergences_node.territories import TerritoryFacts, gazetteer
from convergences_node.web.town_door import Town

# More territories than any cluster has; each costs a line.
REMEMBERED_MAX = 4096


_official: dict[str, TerritoryFacts | None] = {}


async def official_facts(code: str) -> TerritoryFacts | None:
    """What the gazetteer says of a code, if it has it. The file is read once for each code, beside the loop."""
    if code not in _official:
        if len(_official) >= REMEMBERED_MAX:
            _official.clear()
        _official[code] = await asyncio.to_thread(_find, code)
    return _official[code]


def _find(code: str) -> TerritoryFacts | None:
    try:
        return gazetteer.find(code)
    except NotFound:
        return None


async def territory_names(town: Town, codes: Iterable[str] = ()) -> Mapping[str, str]:
    """A name for every territory known here, and for each of these codes."""
    settings = town.web_settings
    names = {each.code: each.name for each in await town.index.territories() if each.name}
    names.setdefault(settings.territory, settings.name)
    for code in sorted(set(codes) - names.keys()):
        facts = await official_facts(code)
        names[code] = facts.name if facts else code
    return names


def territory_in(origin: str) -> str:
    """The territory in the name of a log, or of a cosigner who need not be one."""
    try:
        return territory_of(origin)
    except ValueError:
        return origin


def town_name(origin: str, names: Mapping[str, str]) -> str:
    """The name of the territory whose log this is."""
    territory = territory_in(origin)
    return names.get(territory, territory)
