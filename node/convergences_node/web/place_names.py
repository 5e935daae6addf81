# SPDX-License-Identifier: AGPL-3.0-or-later
"""The names of territories, as residents say them: from the records kept here, else from the gazetteer of France.

A town that is only heard of (it vouches for a record, it is in a charter) has no record of its own here yet, and a code
such as FR-200057867 is no name for a neighbour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import lru_cache

from convergences_protocol.origin import territory_of

from convergences_node.faults import NotFound
from convergences_node.territories import gazetteer
from convergences_node.web.town_door import Town

# More territories than any cluster has; each costs a line.
REMEMBERED_MAX = 4096


@lru_cache(maxsize=REMEMBERED_MAX)
def official_name(code: str) -> str:
    """The gazetteer's name for a code, or the code itself. Reads a file the first time."""
    try:
        return gazetteer.find(code).name
    except NotFound:
        return code


async def territory_names(town: Town, codes: Iterable[str] = ()) -> Mapping[str, str]:
    """A name for every territory known here, and for each of these codes."""
    settings = town.web_settings
    names = {each.code: each.name for each in await town.index.territories() if each.name}
    names.setdefault(settings.territory, settings.name)
    unknown = sorted(set(codes) - names.keys())
    if unknown:
        names.update(await asyncio.to_thread(lambda: {code: official_name(code) for code in unknown}))
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
