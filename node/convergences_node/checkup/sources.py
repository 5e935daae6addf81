# SPDX-License-Identifier: AGPL-3.0-or-later
"""How what comes from elsewhere does: sources that wait for a person or fail, and rows that were refused.

A source has a bad row each night, and nobody can mend it here: a few are said, and are no alarm. When most of what a
source gives is refused, it is no longer what its mapping was written for, and a person should look. Who imports by hand
is told at once which rows were refused; that is said again here, until the next import by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_node.checkup.sign import CARE, GOOD, Sign, sign
from convergences_node.sources.memory import MEMORY_NAME, Memory
from convergences_node.verbs import perform

if TYPE_CHECKING:
    from convergences_node.town import Town

NAMES_MAX = 5
"""Towns or sources that are named; more is a list, which the page has."""
FOLDER = "sources"
MANY = 0.5
"""The share of a source's rows above which it is a person's concern that they are refused."""


async def source_signs(town: Town) -> list[Sign]:
    """Nothing where nothing was ever imported; the memory of it is not begun by looking."""
    found: list[Sign] = []
    if (town.folder / FOLDER).is_dir():
        listed = (await perform(town, "source_list", {}, lambda event: None))["sources"]
        found += [*_wanting(listed), *_refused(listed)]
    return [*found, *await asyncio.to_thread(lambda: list(_by_hand(town.folder)))]


def _wanting(listed: list[dict[str, Any]]) -> list[Sign]:
    names = [each["name"] for each in listed if each["outcome"] in ("held", "failed")]
    return [sign("sources", CARE, source=name) for name in names[:NAMES_MAX]]


def _refused(listed: list[dict[str, Any]]) -> Iterator[Sign]:
    """Of the last import of those that went through: each that is mostly refused, and all others together."""
    told = [each for each in listed if each["outcome"] in ("imported", "unchanged") and each["refused"]]
    many = [each for each in told if each["refused"] > MANY * each["counts"]["rows"]]
    for each in many[:NAMES_MAX]:
        yield sign("sources", CARE, "many", source=each["name"], refused=each["refused"], rows=each["counts"]["rows"])
    if few := [each for each in told if each not in many]:
        count = sum(each["refused"] for each in few)
        yield sign("sources", GOOD, "some", refused=count, names=listed_names([each["name"] for each in few]))


def _by_hand(folder: Path) -> Iterator[Sign]:
    if not (folder / MEMORY_NAME).exists():
        return
    with Memory(folder) as memory:
        refused, rows = memory.last_refused()
    if refused:
        yield sign("sources", GOOD, "by_hand", refused=refused, rows=rows)


def listed_names(names: list[str]) -> str:
    """The first of them, and whether there are more."""
    return ", ".join([*names[:NAMES_MAX], *(["…"] if len(names) > NAMES_MAX else [])])
