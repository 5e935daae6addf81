# SPDX-License-Identifier: AGPL-3.0-or-later
"""The nightly backup of a running node, by its settings (`[backup]`).

Due from its hour on, until one is made; tried again every quarter of an hour as long as it fails, for a stick may be
plugged in at any time, and told once a day. A node whose clock cannot be right makes one when it has run for a day.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from convergences_protocol.errors import LocalError

from convergences_node.clock import clock_plausible

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
        self._monotonic = monotonic
        self._made = monotonic()
        """When one was made last, or this began, by the monotonic clock."""
        self._told = -DAY_S

    async def run(self) -> None:
        """For as long as the node runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> bool:
        """Make one if it is due. Whether one was made."""
        settings = self._town.config.backup
        if not settings.folder or not await self._due(settings.hour):
            return False
        try:
            made = await back_up(self._town, Path(settings.folder), settings.archive, settings.keep, lambda event: None)
        except LocalError as error:
            await self._failed(error)
            return False
        except Exception:
            log.exception("the nightly backup failed")
            return False
        self._made = self._monotonic()
        log.info("backup: %s, %d bytes", made.path, made.note.size_bytes)
        return True

    async def _due(self, hour: int) -> bool:
        town = self._town
        if not clock_plausible(town.now()):
            return self._monotonic() - self._made >= DAY_S
        local = datetime.fromtimestamp(town.now(), ZoneInfo(town.config.http.timezone))
        due = local.replace(hour=hour, minute=0, second=0, microsecond=0)
        if due > local:
            due -= timedelta(days=1)
        made_at = (await last_backup(town)).get("made_at", 0)
        # One from the future was dated by a wrong clock.
        return bool(made_at > town.now() or made_at < due.timestamp() - STANDS_S)

    async def _failed(self, error: LocalError) -> None:
        if self._monotonic() - self._told < DAY_S:
            return
        self._told = self._monotonic()
        log.warning("no backup: %s", error)
        town = self._town
        await remember(town, {"failed_at": town.now(), "target": town.config.backup.folder, "reason": str(error)})
