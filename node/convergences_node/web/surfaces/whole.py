# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a list would be whole now: readers delete what a list lacks, so a node that lacks something gives none.

SemApps' and GoGoCarto's importers compare one unpaged list with what they hold. A node that is rebuilding its index,
doubts that its archive is its latest, or has received headers but not yet their bodies answers 503: they keep what they
have and come back.
"""

from __future__ import annotations

from collections.abc import Sequence

from convergences_node.index.views import Coverage
from convergences_node.web.problems import Problem
from convergences_node.web.town_door import Town
from convergences_node.web.waiting import starting

LACKING_MAX = 1 / 100
"""Of a log's entries. A body that nobody has any more must not silence a town for ever, and a reader had it before only
if this node did."""
RETRY_SECONDS = 60
NAMES_MAX = 5
"""Towns named in the refusal."""


async def require_whole(town: Town) -> None:
    """Raise the Problem `not-whole` or `starting` unless all that counts is here."""
    require_well(town, await town.index.coverage())


def require_well(town: Town, coverage: Sequence[Coverage]) -> None:
    """The same for an answer that concerns these logs."""
    status = town.status()
    if not status.ready:
        raise starting(town)
    lacking = lacking_of(coverage) if status.doubt is None else [town.web_settings.name]
    if lacking:
        named = ", ".join(lacking[:NAMES_MAX])
        raise Problem("not-whole", towns=named, headers={"Retry-After": str(RETRY_SECONDS)})


def lacking_of(coverage: Sequence[Coverage]) -> list[str]:
    """The towns of whose log too much is missing."""
    return [
        each.name or each.territory
        for each in coverage
        if each.counts and each.size - each.applied + each.bodies_wanted > each.size * LACKING_MAX
    ]
