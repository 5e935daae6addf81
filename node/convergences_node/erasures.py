# SPDX-License-Identifier: AGPL-3.0-or-later
"""Erasures as a town obeys them: judged by its charter, hidden at once, dropped when they are due, told when they wait.

Whoever's log they came in. More of one log in a day than `DAILY_MAX` wait for a person.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from convergences_protocol.erasure import DAILY_MAX, Erasure, is_valid

from convergences_node.media.forgetting import forget_files

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)


class Erasures:
    """What one town does about erasures. Used from the event loop."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._news = asyncio.Event()
        self._told: set[str] = set()

    def came(self) -> None:
        """Some may have come, or may count now: `follow` looks at them."""
        self._news.set()

    async def follow(self) -> None:
        """Hide at once what an erasure names, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.drop_due()
            except Exception:
                log.exception("erasures could not be applied; they will be looked at again within the hour")

    def valid(self, erasure: Erasure, origin: str, index: int) -> bool:
        """Whether the record there may say this erasure, by the charter."""
        return is_valid(erasure, self._town.membership.charter, origin, index)

    async def drop_due(self) -> None:
        """Do what erasures ask for by now: hide, show again, drop from the files."""
        await self._town.archive.sweep_erasures(self.valid)
        waiting = await self.waiting()
        for origin in sorted(waiting.keys() - self._told):
            log.warning(
                "%d erasures of %s wait for a person: more than %d in one day (convergences erase --release %s)",
                waiting[origin],
                origin,
                DAILY_MAX,
                origin,
            )
        self._told = set(waiting)
        await forget_files(self._town)

    async def waiting(self) -> dict[str, int]:
        """By log: how many of its erasures are held back until a person has looked."""
        rows = await self._town.archive.read(lambda reader: reader.erasures("pending"))
        return dict(Counter(row.origin for row in rows))
