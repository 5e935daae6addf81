# SPDX-License-Identifier: AGPL-3.0-or-later
"""A version that is being prepared beside the page that asked: from a stick in a minute, over a line in hours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from convergences_protocol.errors import ConvergencesError

from convergences_node.params import Json, Tell

Stage = Callable[[Tell], Awaitable[Json]]


class Preparing:
    """At most one at a time; how the last one ended is kept until the next, or until the process ends."""

    def __init__(self) -> None:
        self.done, self.total = 0, 0
        self.failed: ConvergencesError | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether one is being prepared now."""
        return self._task is not None and not self._task.done()

    def begin(self, stage: Stage) -> None:
        """Prepare one, unless one is being prepared."""
        if self.is_under_way:
            return
        self.done, self.total, self.failed = 0, 0, None
        self._task = asyncio.create_task(self._run(stage), name="preparing an update")

    async def _run(self, stage: Stage) -> None:
        try:
            await stage(self._tell)
        except ConvergencesError as error:
            self.failed = error

    def _tell(self, event: dict[str, Any]) -> None:
        self.done, self.total = event["done"], event["total"]

    async def stop(self) -> None:
        """Leave it; what came of a package over the line stays for the next time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
