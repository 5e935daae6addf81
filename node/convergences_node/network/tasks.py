# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tasks that a callback begins and nobody awaits: held, for the event loop alone would let them go, and heard of.

Used from one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Tasks under way; `failed(error)` is called when one of them ends badly by itself."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside all else."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def cancel(self) -> None:
        """Let go of all that is under way."""
        for task in tuple(self._under_way):
            task.cancel()

    async def stop(self) -> None:
        """As `cancel`, and wait for it."""
        self.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
