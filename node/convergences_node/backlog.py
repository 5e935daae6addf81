# SPDX-License-Identifier: AGPL-3.0-or-later
"""While many records of other towns are arriving: who indexes them, and when.

A backlog is stored first, because what is stored is safe. A large one is indexed by a second process
(`index/helper.py`): meanwhile, where there is a processor more than storing takes, so that neither waits for the other;
else once it is stored, or after a while, as a middling one is by the node itself.
Whenever something is written at this node itself, or is to be forgotten, the node takes its index back at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from typing import TYPE_CHECKING

from convergences_node.checkers import PROCESSES
from convergences_node.faults import words_of
from convergences_node.index.helping import RECORDS_FOR_HELPER, helping
from convergences_node.index.projection import Speakers
from convergences_node.index.store import INDEX_NAME

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

RECORDS = 2_000
"""Records known to be on their way, from which on storing goes before indexing."""
PROCESSORS_FOR_STORING = 1 + PROCESSES
"""The node, and those who check signatures. An index that is made with what they leave keeps them from it, too: on two
processors they are a tenth faster without it, and all is searchable as soon (docs/decisions/0114-folded-beside.md)."""
WAIT_SECONDS_MAX = 15.0
LOOK_SECONDS = 0.05


class Backlog:
    """Decides, before each catching up of the index, who does it."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._own_news = asyncio.Event()

    def own_news(self) -> None:
        """Something was written here, or is to be forgotten: no waiting for others' records."""
        self._own_news.set()

    async def pass_by(self) -> None:
        """Return when this node is to catch up by itself."""
        self._own_news.clear()
        if self._arriving() >= RECORDS_FOR_HELPER and await self._town.index.lend(self._help):
            return
        await self._wait_until_stored()

    async def _wait_until_stored(self) -> bool:
        """Wait, for a while, until nearly all is stored. False if something here cannot wait."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while self._arriving() > RECORDS and time.monotonic() < deadline:
            if await self._interrupted():
                return False
        return True

    def _arriving(self) -> int:
        return self._town.network.backlog() if self._town.network is not None else 0

    async def _interrupted(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._own_news.wait()
        return self._own_news.is_set()

    async def _help(self, speakers: Speakers) -> None:
        """Let a helper index until the backlog is in, or until something here cannot wait."""
        try:
            async with helping(self._town.folder) as helper:
                await helper.tell(INDEX_NAME, speakers, self._town.archive, self._town.now())
                if len(os.sched_getaffinity(0)) <= PROCESSORS_FOR_STORING and not await self._wait_until_stored():
                    return
                helper.begin()
                while self._arriving() > RECORDS and helper.running:
                    if await self._interrupted():
                        return
                helper.finish()
                while helper.running and not await self._interrupted():
                    helper.check()
                helper.check()
        except (OSError, TimeoutError) as error:
            log.warning("the second indexing process is of no help: %s", words_of(error))
