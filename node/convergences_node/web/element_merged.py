# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town that has become part of another: its page says so, and leads there."""

from __future__ import annotations

from dataclasses import dataclass

from convergences_node.index.views import ElementView
from convergences_node.web.cards import Reading
from convergences_node.web.town_door import Town


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a town, in a sentence."""

    sentence: str
    href: str | None
    """The page of what it is part of now, if it is known here."""


async def merged(town: Town, reading: Reading, view: ElementView) -> Merged | None:
    """What became of the town that this record describes; None for one that is still itself, and for anything else."""
    code = view.fields.get("code")
    if view.item.kind != "territory" or not code:
        return None
    known = {each.code: each for each in await town.index.territories()}
    heir = known.get(known[code].successor or "") if code in known else None
    if heir is None:
        return None
    sentence = reading.messages.text("element.merged", town=view.item.name, heir=heir.name or heir.code)
    return Merged(sentence, reading.element(heir.element) if heir.element else None)
