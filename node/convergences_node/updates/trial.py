# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ten minutes in which a new version shows that it does its work, or is taken back by root's installer.

The look is the watchdog's (decision 86), and the town's first page besides, asked for as a browser does. Three looks in
a row that fail are the end of it; ten minutes that end well are told to the installer, which confirms. A machine that
was switched off in between begins its ten minutes again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from convergences_protocol.errors import LocalError

from convergences_node.checkup.self_check import ANSWER_SECONDS_MAX, SelfCheck

from .attempt import CONFIRMED, TRIAL, UNWELL, WELL, Attempt, last_attempt, say
from .before import drop, is_on_trial

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

TRIAL_S = 600.0
LOOK_EVERY_S = 10.0
FAILURES_MAX = 3
PAGE_BYTES_MAX = 4 << 20
STARTING = 503

Look = Callable[[], Awaitable[bool]]


class Trial:
    """The trial of one running node."""

    def __init__(self, town: Town, look: Look | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._town = town
        self._self_check = SelfCheck(town)
        self._look = look or self._is_well
        self._monotonic = monotonic
        self._name = ""
        self._began = 0.0
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, if this is a new version on trial."""
        if is_on_trial():
            log.warning("this version is on trial for %d minutes", TRIAL_S // 60)
            self._task = asyncio.create_task(self._for_ever(), name="trial")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _for_ever(self) -> None:
        over = False
        while not over:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                over = await self.look()
            except Exception:  # residents may not write until it is over
                log.exception("how the trial stands could not be looked at; it will be in a moment")

    async def look(self) -> bool:
        """Look once, and tell what there is to tell. Whether it is over, and this version stays."""
        attempt = await asyncio.to_thread(last_attempt)
        if attempt is None or attempt.phase == CONFIRMED:
            await self._stays()
            return True
        if attempt.phase == TRIAL:
            try:
                await self._judge(attempt)
            except (LocalError, OSError) as error:
                log.error("the installer cannot be told how this node is: %s", error)
        return False

    async def _judge(self, attempt: Attempt) -> None:
        if attempt.trial != self._name:
            self._name, self._began, self._failures = attempt.trial, self._monotonic(), 0
        well = await self._look()
        self._failures = 0 if well else self._failures + 1
        if self._failures >= FAILURES_MAX:
            log.error("this version does not do its work: it is to be taken back")
            await asyncio.to_thread(say, UNWELL, f"{self._name} self_check")
        elif well and self._monotonic() - self._began >= TRIAL_S:
            await asyncio.to_thread(say, WELL, self._name)

    async def _stays(self) -> None:
        """No way back is needed any more: residents may write."""
        await asyncio.to_thread(drop, self._town.folder)
        self._town.archive.held = False
        log.info("this version is confirmed")

    async def _is_well(self) -> bool:
        return await self._self_check.is_well() and await self._page()

    async def _page(self) -> bool:
        import aiohttp

        address = self._town.http_address
        if address is None:
            return True
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)) as session,
                session.get(address.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")) as answer,
            ):
                # Busy, or making its index again after a change of it: that is no fault.
                if answer.status < 500 or answer.status == STARTING:
                    return bool(await answer.content.read(PAGE_BYTES_MAX))
                log.error("the town's first page answers %d", answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.error("the town's first page does not come: %s", error)
        return False
