# SPDX-License-Identifier: AGPL-3.0-or-later
"""The nightly backups of a running node, by its settings: into a folder (`[backup]`), at the agglomeration (`[vault]`).

Due from its hour on, until one is made; tried again every quarter of an hour as long as it fails, for a stick may be
plugged in at any time, and an agglomeration come back, and told once a day. A node whose clock cannot be right makes
one when it has run for a day.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from convergences_protocol.errors import ConvergencesError, LocalError

from convergences_node.clock import clock_plausible
from convergences_node.faults import reason_of
from convergences_node.vault import leaving

from .stick import usual_target
from .verb import back_up, last_backup, remember

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

LOOK_EVERY_S = 900.0
DAY_S = 86_400.0
STANDS_S = 12 * 3_600
"""A backup made by hand in the afternoon stands for that night's."""


class Nightly:
    """Looks every quarter of an hour whether a backup is due."""

    def __init__(self, town: Town, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._town = town
        self._folder = _Due(town, monotonic)
        self._vault = _Due(town, monotonic)
        self._monotonic = monotonic
        self._told = -DAY_S

    async def run(self) -> None:
        """For as long as the node runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> bool:
        """Make what is due. Whether one was made, or left and taken."""
        left = await self._attempt(self._leave)
        return await self._attempt(self._make) or left

    async def _attempt(self, work: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await work()
        except Exception:
            log.exception("a nightly backup failed")
            return False

    async def _make(self) -> bool:
        """Into the folder of the settings, or onto the stick that is plugged in."""
        settings = self._town.config.backup
        target = usual_target(settings.folder)
        if not target or not self._folder.is_due((await last_backup(self._town)).get("made_at", 0)):
            return False
        try:
            made, _ = await back_up(self._town, Path(target), settings.archive, settings.keep, lambda event: None)
        except LocalError as error:
            await self._failed(error, target)
            return False
        self._folder.was_made()
        log.info("backup: %s, %d bytes", made.path, made.note.size_bytes)
        return True

    async def _leave(self) -> bool:
        """With the agglomeration. One that was made and not taken is not made again: it is asked after."""
        town = self._town
        left, nightly = await leaving.left(town), await leaving.is_nightly(town)
        waiting = left.get("waiting")
        try:
            if waiting and not (nightly and self._vault.is_due(waiting["made_at"])):
                await leaving.ask_again(town, LOOK_EVERY_S / 2)
            elif nightly and self._vault.is_due(left.get("made_at", 0)):
                await leaving.leave(town, lambda event: None, LOOK_EVERY_S / 2)
            else:
                return False
        except ConvergencesError as error:
            log.info("the agglomeration has no backup of this night yet: %s", error)
            return False
        self._vault.was_made()
        return True

    async def _failed(self, error: LocalError, target: str) -> None:
        if self._monotonic() - self._told < DAY_S:
            return
        self._told = self._monotonic()
        log.warning("no backup: %s", error)
        town = self._town
        await remember(town, {"failed_at": town.now(), "target": target, **reason_of(error)})


class _Due:
    """When the next one of its sort is due."""

    def __init__(self, town: Town, monotonic: Callable[[], float]) -> None:
        self._town = town
        self._monotonic = monotonic
        self._made = monotonic()
        """When one was made last, or this began, by the monotonic clock."""

    def was_made(self) -> None:
        """Just now."""
        self._made = self._monotonic()

    def is_due(self, made_at: int) -> bool:
        """Whether the hour of the settings has passed since; `made_at` is by the node's clock."""
        town = self._town
        if not clock_plausible(town.now()):
            return self._monotonic() - self._made >= DAY_S
        local = datetime.fromtimestamp(town.now(), ZoneInfo(town.config.http.timezone))
        due = local.replace(hour=town.config.backup.hour, minute=0, second=0, microsecond=0)
        if due > local:
            due -= timedelta(days=1)
        # One from the future was dated by a wrong clock.
        return made_at > town.now() or made_at < due.timestamp() - STANDS_S
