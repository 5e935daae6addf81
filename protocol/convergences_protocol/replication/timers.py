# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is to be done later, without a clock: calls in order of their time, and of their asking where times are equal.

Nothing is ever cancelled: a call whose reason is gone finds that out when it comes, and returns.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Timers:
    """The calls to come."""

    __slots__ = ("_calls", "_count")

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0

    def at(self, when: float, call: Callable[[float], None]) -> None:
        """`call(now)` at the first `run` whose now is `when` or later."""
        self._count += 1
        heappush(self._calls, (when, self._count, call))

    def next(self) -> float | None:
        """When the first of them is due."""
        return self._calls[0][0] if self._calls else None

    def run(self, now: float) -> None:
        """Make every call that is due, those that they add for now or before too."""
        while self._calls and self._calls[0][0] <= now:
            _, _, call = heappop(self._calls)
            call(now)
