# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node does by the clock: it cosigns heads, and drops what erasures have made due.

A node cosigns its own latest head every ten minutes, which is its freshness whoever relays it, and the heads of logs that
it holds whole. It signs no time while its clock cannot be right: a Pi without a battery wakes up in 1970, or wherever
a dying one left it. Heads are coalesced by the archive (one a commit), so nothing here delays them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from convergences_protocol import checkpoint
from convergences_protocol.cosignature import Cosignature, cosign

if TYPE_CHECKING:
    from convergences_node.archive.model import LogState
    from convergences_node.archive.reader import ArchiveReader
    from convergences_node.town import Town

log = logging.getLogger(__name__)

COSIGN_EVERY_S = 600
"""DESIGN: a node's freshness is known to ten minutes."""

ERASE_EVERY_S = 3_600
"""Erasures wait seven days: an hour more or less is nothing."""

BUILT_AT = 1_793_491_200
"""2026-11-01: no clock of a node that runs this program can be right before it was written."""

CLOCK_YEARS_MAX = 20
CLOCK_MAX = BUILT_AT + CLOCK_YEARS_MAX * 31_557_600
"""Nor, in all likelihood, so many years after: a counterfeit future would make a head look fresh for ever."""


def clock_plausible(now: float) -> bool:
    """Whether the clock may be right, and times may be signed."""
    return BUILT_AT <= now <= CLOCK_MAX


class Clockwork:
    """The timers of a running node."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._tasks: list[asyncio.Task[None]] = []
        self._told_clock = False

    def start(self) -> None:
        """Begin; the first cosignature is due at once."""
        self._tasks = [
            asyncio.create_task(self._every(COSIGN_EVERY_S, self.cosign), name="cosigning"),
            asyncio.create_task(self._every(ERASE_EVERY_S, self._town.drop_due), name="erasing"),
        ]

    async def stop(self) -> None:
        """End the timers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("the clockwork failed, and goes on")
            await asyncio.sleep(seconds)

    async def cosign(self) -> None:
        """Cosign the latest head of each log that is here whole, one's own first."""
        now = self._town.now()
        if not clock_plausible(now):
            if not self._told_clock:
                log.warning("the clock says %d, which cannot be right: nothing is cosigned until it is set", now)
            self._told_clock = True
            return
        self._told_clock = False
        own = self._town.membership.own
        for state in await self._town.archive.read(_whole_logs):
            assert state.head_note is not None
            line = cosign(checkpoint.parse(state.head_note), own.origin, self._town.archive.keys.node, now)
            await self._town.archive.keep_cosignature(state.origin, state.head_size, own.origin, now, line)
            self._town.cosigned(state.origin, state.head_size, Cosignature(own.origin, now, line))


def _whole_logs(reader: ArchiveReader) -> list[LogState]:
    """Open logs whose latest head covers all that is here; one's own first."""
    states = [s for s in reader.logs() if s.status == "open" and s.head_note and s.head_size == s.size and s.size]
    return sorted(states, key=lambda state: not state.own)
