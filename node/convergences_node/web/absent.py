# SPDX-License-Identifier: AGPL-3.0-or-later
"""Why an element is not shown: never known here, or gone. The two are different answers to whoever followed a link."""

from __future__ import annotations

from collections.abc import Sequence

from convergences_node.index.views import Revision
from convergences_node.web.problems import Problem
from convergences_node.web.town_door import Town

GONE = ("erased", "withdrawal")
"""States of a last record after which there is nothing to come back for."""


async def absent(town: Town, element: str) -> Problem:
    """The refusal for an element that the index has not: 410 if it is gone, 404 else."""
    return refusal(element, await town.index.history(element))


def refusal(element: str, revisions: Sequence[Revision]) -> Problem:
    """The same, for who has read its history."""
    return Problem("element-gone" if is_gone(revisions) else "element-unknown", element=element)


def is_gone(revisions: Sequence[Revision]) -> bool:
    """Whether the last word about an element, in the logs that count, was to take it away."""
    counting = [each for each in revisions if each.state not in ("elsewhere", "unreadable")]
    return bool(counting) and counting[-1].state in GONE
