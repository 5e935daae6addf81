# SPDX-License-Identifier: AGPL-3.0-or-later
"""What systemd is told of this process: that it is ready, that it lives, that it stops (sd_notify(3))."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

START_S = 300
"""As `TimeoutStartSec` of the service: how long a start may take, and from then on how long it may do nothing."""
START_S_MAX = 3_600
"""Of a start that still does something: the longest migration of the largest archive. What turns for an hour hangs."""
START_LOOK_S = 20.0
START_WORK_S = 0.02
"""Of a processor, between two looks: a starved machine gives hundreds of times less than a usual one. What waits for a
lock for ever uses less."""
LOOK_EVERY_S = 60.0
"""Between two looks at itself of a node that nobody watches over."""


def notify(state: str) -> None:
    """Tell systemd, if it started us (sd_notify(3)); nothing else depends on it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
        try:
            sending.sendto(state.encode(), address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", state, error)


def ask_for_time() -> None:
    """Have systemd wait as long as for a start, from now on.

    Whichever it waits with: the bound of a start or, where this process has become another and was ready long ago, its
    watchdog, for nothing looks at itself before it serves.
    """
    asked = f"EXTEND_TIMEOUT_USEC={START_S * 1_000_000}"
    if os.environ.get("WATCHDOG_USEC"):
        asked += f"\nWATCHDOG=1\nWATCHDOG_USEC={START_S * 1_000_000}"
    notify(asked)


class Starting:
    """From the first line of a process until it serves: asks systemd for more time as long as it does something.

    A thread of its own, for imports, migrations and indexes keep the loop. `Watchdog` takes the longer patience back.
    """

    def __init__(
        self, work: Callable[[], float] = time.process_time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._work, self._clock = work, clock
        self._done, self._began_at = work(), clock()
        self._ended = threading.Event()

    def begin(self) -> Starting:
        """Ask once, and go on looking."""
        ask_for_time()
        if os.environ.get("NOTIFY_SOCKET"):
            threading.Thread(target=self._look_for_ever, name="starting", daemon=True).start()
        return self

    def _look_for_ever(self) -> None:
        while not self._ended.wait(START_LOOK_S) and self.look():
            pass

    def look(self) -> bool:
        """Ask again, if something was done since the last look that did. Whether it is worth looking again."""
        done = self._work()
        if done - self._done >= START_WORK_S:
            self._done = done
            ask_for_time()
        return self._clock() - self._began_at < START_S_MAX

    def end(self) -> None:
        """It serves, or never will."""
        self._ended.set()


class Watchdog:
    """Says three times a period that this process does its work (WATCHDOG_USEC, sd_watchdog_enabled(3)).

    Without systemd it still looks, now and then, for the log.
    """

    def __init__(self, is_well: Callable[[], Awaitable[bool]]) -> None:
        self._is_well = is_well
        self._patience = os.environ.get("WATCHDOG_USEC", "0")
        self._every = int(self._patience) / 3_000_000 or LOOK_EVERY_S
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Watchdog:
        if self._patience != "0":
            notify(f"WATCHDOG=1\nWATCHDOG_USEC={self._patience}")
        self._task = asyncio.create_task(self._look_for_ever(), name="watchdog")
        return self

    async def _look_for_ever(self) -> None:
        while True:
            if await self._is_well():
                notify("WATCHDOG=1")
            await asyncio.sleep(self._every)

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def turns() -> bool:
    """Before there is a town, that the loop turns is all there is to know."""
    return True
