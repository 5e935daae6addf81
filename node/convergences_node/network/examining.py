# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who checks the signatures of a batch: a thread, or while a backlog arrives, processes of their own.

Processes (`checkers.py`) are started for a backlog and ended once none arrives; nothing waits for them to start, and a
batch whose process dies is checked here instead. A node at rest has no memory to spare for them
(docs/decisions/0047-signatures-in-processes.md).
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor

from convergences_protocol.replication.check import CheckedBatch, examine

from convergences_node.checkers import RECORDS_FOR_PROCESSES, Checkers

log = logging.getLogger(__name__)

IDLE_SECONDS = 5.0

Flags = tuple[str | None, ...]


class Examiners:
    """Checks the signatures of batches. Used from the event loop alone."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._checkers: Checkers | None = None
        self._end: asyncio.TimerHandle | None = None

    async def examine(self, batch: CheckedBatch) -> Flags:
        """For each record why it is unreadable, or None (`check.examine`)."""
        if (checkers := self._ready_for(batch)) is not None:
            sound = [raw for raw, fault in zip(batch.headers, batch.faults, strict=True) if fault is None]
            try:
                verdicts = await asyncio.wrap_future(checkers.submit(sound))
                return examine(batch, signature_valid=dict(zip(sound, map(bool, verdicts), strict=True)).__getitem__)
            except (OSError, EOFError):
                log.warning("a process that checks signatures has died; they are checked here")
                if self._checkers is checkers:
                    self.close()
        return await asyncio.get_running_loop().run_in_executor(self._threads, examine, batch)

    def _ready_for(self, batch: CheckedBatch) -> Checkers | None:
        """The processes that are there to check this batch. They are started here, and ended a while after the last."""
        if self._checkers is None:
            if batch.head.size - batch.stop < RECORDS_FOR_PROCESSES:
                return None
            self._checkers = Checkers()
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.close)
        return self._checkers if self._checkers.ready else None

    def close(self) -> None:
        """End the processes once they have done what they were given. Does not wait."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self._checkers is not None:
            self._checkers.close()
            self._checkers = None
