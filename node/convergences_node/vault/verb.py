# SPDX-License-Identifier: AGPL-3.0-or-later
"""`vault`, as a verb: what is kept here for towns, and what this town has left. See `verbs.Vault`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from convergences_protocol.codes import is_territory
from convergences_protocol.errors import Fault, LocalError

from convergences_node.territories import find
from convergences_node.vault.leaving import left
from convergences_node.vault.notes import Kept

if TYPE_CHECKING:
    from convergences_node.town import Town
    from convergences_node.verbs import Json, Tell, Vault


async def vault(town: Town, params: Vault, tell: Tell) -> Json:
    """See `verbs.Vault`."""
    forgotten = 0
    if params.forget is not None:
        if not is_territory(params.forget):
            fault = Fault("", "territory_code", {"given": params.forget})
            raise LocalError(f"{params.forget!r} is not a territory's code", fault=fault)
        forgotten = await town.vault.forget(params.forget)
    return {
        "keeps": town.vault.keeps,
        "left": await left(town),
        "forgotten": forgotten,
        "towns": [_described(kept) for kept in await asyncio.to_thread(_by_town, town)],
    }


def _by_town(town: Town) -> list[list[Kept]]:
    """What is kept of each town, newest first; who left something longest ago comes first."""
    notes = town.vault.notes()
    each = [notes.of_territory(territory) for territory in dict.fromkeys(kept.territory for kept in notes.kept)]
    return sorted(each, key=lambda kept: kept[0].kept_at)


def _described(kept: list[Kept]) -> dict[str, Any]:
    newest = kept[0]
    return {
        "territory": newest.territory,
        "name": find(newest.territory).name,
        "count": len(kept),
        "bytes": newest.size,
        "made_at": newest.made_at,
        "kept_at": newest.kept_at,
    }
