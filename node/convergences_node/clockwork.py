# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node does by the clock: it cosigns heads, runs its sources, and drops what erasures have made due.

A node cosigns its own latest head every ten minutes at least, which is its freshness whoever relays it, and the heads
of logs that it holds whole. It signs no time while its clock cannot be right (clock.py). Heads are coalesced by the
archive (one a commit), so nothing here delays them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from convergences_protocol import checkpoint
from convergences_protocol.cosignature import Cosignature, cosign
from convergences_protocol.keys import SigningKey

from convergences_node.archive.model import CosignatureRow
from convergences_node.backup.schedule import Nightly
from convergences_node.checkup.telling import Telling
from convergences_node.clock import clock_plausible
from convergences_node.media.gathering import Gathering
from convergences_node.sources.keeper import Keeper

if TYPE_CHECKING:
    from convergences_node.archive.model import LogState
    from convergences_node.archive.reader import ArchiveReader
    from convergences_node.archive.writer import ArchiveWriter
    from convergences_node.town import Town

log = logging.getLogger(__name__)

COSIGN_EVERY_S = 600
"""DESIGN: a node's freshness is known to ten minutes."""

COSIGN_APART_S = 30
"""New heads are cosigned at most so often: a busy log's freshness is known to half a minute, for one signature."""

ERASE_EVERY_S = 3_600
"""Erasures wait seven days: an hour more or less is nothing."""


class Clockwork:
    """The timers of a running node."""

    def __init__(self, town: Town, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._town = town
        self._monotonic = monotonic
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._cosigned: dict[str, tuple[int, float]] = {}
        """By origin: the size that was last cosigned here, and when by the monotonic clock."""
        self._told_clock = False

    def start(self) -> None:
        """Begin; the first cosignatures are due at once."""
        self._tasks = [
            asyncio.create_task(self._cosign_for_ever(), name="cosigning"),
            asyncio.create_task(self._erase_for_ever(), name="erasing"),
            asyncio.create_task(Nightly(self._town, self._monotonic).run(), name="backing up"),
            asyncio.create_task(Keeper(self._town).run(), name="sources"),
            asyncio.create_task(Gathering(self._town).run(), name="gathering files"),
            asyncio.create_task(Telling(self._town, self._monotonic).run(), name="telling"),
        ]

    async def stop(self) -> None:
        """End the timers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def head_came(self) -> None:
        """A log has a new head: to be cosigned soon, together with those that come meanwhile."""
        self._news.set()

    async def _cosign_for_ever(self) -> None:
        while True:
            try:
                await self.cosign()
            except Exception:
                log.exception("heads could not be cosigned; they will be in a while")
            await asyncio.sleep(COSIGN_APART_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COSIGN_EVERY_S - COSIGN_APART_S):
                    await self._news.wait()

    async def _erase_for_ever(self) -> None:
        while True:
            try:
                await self._town.erasures.drop_due()
            except Exception:
                log.exception("erasures could not be applied; they will be looked at again in an hour")
            await asyncio.sleep(ERASE_EVERY_S)

    async def cosign(self) -> None:
        """Cosign the latest head of each log that is here whole, one's own first, where that says something new."""
        self._news.clear()
        if not self._clock_allows():
            return
        await self._town.erasures.drop_due()  # what is cosigned has been forgotten where it was to be
        own, now, due_since = self._town.membership.own, self._town.now(), self._monotonic()

        def sign_due(writer: ArchiveWriter) -> list[CosignatureRow]:
            due = [state for state in _whole_logs(writer.reader) if self._is_due(state, due_since)]
            rows = [_row(state, own.origin, now, self._town.archive.keys.node) for state in due]
            writer.keep_cosignatures(rows)
            return rows

        # In the writer's turn, so that no head is another one between the look and the line; and one sync for all.
        for row in await self._town.archive.write(sign_due):
            self._cosigned[row.origin] = (row.size, self._monotonic())
            self._town.cosigned(row.origin, row.size, Cosignature(row.cosigner, row.time, row.line))

    def _is_due(self, state: LogState, now: float) -> bool:
        size, at = self._cosigned.get(state.origin, (-1, 0.0))
        return size != state.size or now - at >= COSIGN_EVERY_S - COSIGN_APART_S

    def _clock_allows(self) -> bool:
        """Says once, each time it begins, that the clock cannot be right."""
        plausible = clock_plausible(self._town.now())
        if not plausible and not self._told_clock:
            log.warning("the clock says %d, which cannot be right: nothing is cosigned until it is", self._town.now())
        self._told_clock = not plausible
        return plausible


def _row(state: LogState, name: str, now: int, key: SigningKey) -> CosignatureRow:
    assert state.head_note is not None
    line = cosign(checkpoint.parse(state.head_note), name, key, now)
    return CosignatureRow(state.origin, name, state.head_size, now, line)


def _whole_logs(reader: ArchiveReader) -> list[LogState]:
    """Open logs whose latest head covers all that is here, with erasures applied up to it; one's own first."""
    states = [
        state
        for state in reader.logs()
        if state.status == "open"
        and state.size
        and state.head_note
        and state.head_size == state.size
        # A cosignature also says that what was to be forgotten is forgotten.
        and state.erasures_read >= state.size
    ]
    return sorted(states, key=lambda state: not state.own)
