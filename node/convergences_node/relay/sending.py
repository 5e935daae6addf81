# SPDX-License-Identifier: AGPL-3.0-or-later
"""Telling what is queued: to each server in order, to a few at once, later and later to one that does not answer.

A server that takes nothing for a week is given up: its followers and what they were to be told are forgotten, and it
may follow again. What it refuses (a 4xx) is not said twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from convergences_node.clock import clock_plausible
from convergences_node.relay.rows import Delivery, Host
from convergences_node.relay.store import Store
from convergences_node.relay.wire import Unreachable, Wire

log = logging.getLogger(__name__)

AT_ONCE_MAX = 4
"""Servers told at the same time: pages and peers need the line too."""
BURST_MAX = 50
"""Told to one server before it is another's turn."""
LOOK_SECONDS = 60.0
BACKOFF_SECONDS = 60
BACKOFF_SECONDS_MAX = 12 * 3_600
DOUBLINGS_MAX = 12
GIVE_UP_SECONDS = int(timedelta(days=7).total_seconds())
TRY_AGAIN = (408, 425, 429)
"""Refusals that are not meant for ever."""
INBOX_GONE = 410

Said = tuple[str, bytes]
"""In whose name something is said, and what."""
Write = Callable[[Delivery], Awaitable[Said | None]]
"""What a delivery says, as of now; None if there is nothing to be said any more."""


class Sender:
    """The queue's one worker."""

    def __init__(self, store: Store, wire: Wire, write: Write, now: Callable[[], int]) -> None:
        self._store = store
        self._wire = wire
        self._write = write
        self._now = now
        self._news = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something was queued."""
        self._news.set()

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                self._news.clear()
                self._begin()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._news.wait()
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    def _begin(self) -> None:
        now = self._now()
        if not clock_plausible(now):
            return  # nobody would take a request of that date
        for host in self._store.due(now, BACKOFF_SECONDS_MAX):
            if len(self._busy) >= AT_ONCE_MAX:
                return
            if host not in self._busy:
                task = self._busy[host] = asyncio.create_task(self._serve(host), name=f"telling {host}")
                task.add_done_callback(lambda _, host=host: self._ended(host))  # type: ignore[misc]

    def _ended(self, host: str) -> None:
        del self._busy[host]
        self._news.set()

    async def _serve(self, host: str) -> None:
        """Tell one server what it is to be told, until it fails or others should have a turn."""
        try:
            for _ in range(BURST_MAX):
                delivery = self._store.next(host)
                if delivery is None or not await self._tell(delivery):
                    return
        except Exception:
            log.exception("telling %s failed", host)
            self._failed(host)

    async def _tell(self, delivery: Delivery) -> bool:
        """Whether the server may be told more."""
        said = await self._write(delivery)
        if said is None or self._store.is_blocked(delivery.host):
            self._store.done(delivery)
            return True
        try:
            await self._wire.tell(delivery.inbox, *said)
        except Unreachable as error:
            if not self._is_refused(error):
                self._failed(delivery.host)
                return False
            log.info("%s refused %s of %s: %s", delivery.host, delivery.verb, delivery.about, error)
            if error.status == INBOX_GONE:
                self._store.forget_inbox(delivery.inbox)
        self._store.done(delivery)
        self._store.reached(delivery.host)
        return True

    @staticmethod
    def _is_refused(error: Unreachable) -> bool:
        return error.status is not None and 400 <= error.status < 500 and error.status not in TRY_AGAIN

    def _failed(self, host: str) -> None:
        """Try again later, or never."""
        now, before = self._now(), self._store.host(host)
        failures, since = (before.failures + 1, min(before.since, now)) if before else (1, now)
        if now - since > GIVE_UP_SECONDS:
            log.warning("%s took nothing for a week: its followers are forgotten", host)
            self._store.forget_host(host)
            return
        wait = min(BACKOFF_SECONDS << min(failures - 1, DOUBLINGS_MAX), BACKOFF_SECONDS_MAX)
        self._store.failed(Host(host, failures, since, now + wait + random.randrange(1 + wait // 4)))
