# SPDX-License-Identifier: AGPL-3.0-or-later
"""One piece of long work beside the pages that asked for it, which come back to see how far it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from convergences_protocol.errors import ConvergencesError, Fault, LocalError

from convergences_node.faults import why_of
from convergences_node.params import Tell

log = logging.getLogger(__name__)

Work = Callable[[Tell], Awaitable[object]]


class Beside:
    """At most one at a time; how the last one ended is kept until the next, or until the process ends."""

    def __init__(self, name: str) -> None:
        self.done, self.total = 0, 0
        self.failed: ConvergencesError | None = None
        self._name = name
        self._task: asyncio.Task[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether there is some now."""
        return self._task is not None and not self._task.done()

    @property
    def share(self) -> int:
        """How much of it is done, in hundredths."""
        return 100 * self.done // self.total if self.total else 0

    def begin(self, work: Work) -> None:
        """Do this, unless something is under way."""
        if self.is_under_way:
            return
        self.done, self.total, self.failed = 0, 0, None
        self._task = asyncio.create_task(self._run(work), name=self._name)

    async def _run(self, work: Work) -> None:
        try:
            await work(self._tell)
        except ConvergencesError as error:
            self.failed = error
        except Exception as error:
            # A full card, a database that cannot be read: whoever looks at the page has no other way to learn of it.
            log.exception("%s failed", self._name)
            reason = why_of(error)
            self.failed = LocalError(f"{self._name}: {reason}", fault=Fault("", "work_failed", {"reason": reason}))

    def _tell(self, event: dict[str, Any]) -> None:
        self.done, self.total = event["done"], event["total"]

    async def stop(self) -> None:
        """Leave it as it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
