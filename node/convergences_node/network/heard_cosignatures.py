# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cosignatures that peers tell of: written with whatever else is written, and by themselves at most once a minute.

An agglomeration of forty towns hears some eighty in ten minutes, whenever each town's clock has it. One sync of the
card for each would be most of what it writes at rest. The first that comes after a quiet minute is written at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import CosignatureRow

log = logging.getLogger(__name__)

WRITE_EVERY_S = 60.0
"""At rest a card takes one small write a minute. What is lost with the power is told again within ten minutes."""


class HeardCosignatures:
    """On their way into one archive. Used from the event loop."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._written_at = -WRITE_EVERY_S
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def add(self, rows: Sequence[CosignatureRow]) -> None:
        """Checked ones. They may be read from the archive within a minute."""
        if not rows:
            return
        await self._archive.hear_cosignatures(rows)
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_at(max(loop.time(), self._written_at + WRITE_EVERY_S), self._due)

    def _due(self) -> None:
        loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._timer, self._written_at = None, loop.time()
        self._task = loop.create_task(self._write(), name="keeping cosignatures")

    async def _write(self) -> None:
        try:
            await self._archive.keep_cosignatures(())
        except Exception:
            log.exception("cosignatures could not be written; they wait for the next writing")

    async def stop(self) -> None:
        """What waits is written when the archive closes."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
