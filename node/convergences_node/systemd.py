# SPDX-License-Identifier: AGPL-3.0-or-later
"""What systemd is told of this process: that it is ready, that it lives, that it stops (sd_notify(3))."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

START_S = 300
"""As `TimeoutStartSec` of the service."""
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


def begin_again() -> None:
    """This process is about to become another program, for systemd the same one that was ready long ago: it is given as
    long as a start, for nothing in it looks at itself before it serves. `Watchdog` takes that back."""
    if os.environ.get("WATCHDOG_USEC"):
        notify(f"WATCHDOG=1\nWATCHDOG_USEC={START_S * 1_000_000}")


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
