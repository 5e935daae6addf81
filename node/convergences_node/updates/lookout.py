# SPDX-License-Identifier: AGPL-3.0-or-later
"""Twice a day a town asks its agglomeration whether there is a newer version, for its operator's page to say so.

Nothing is fetched and nothing installed by itself: a person presses the button, at an hour that suits the town.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from convergences_protocol.errors import ConvergencesError, LocalError

from . import offering
from .judging import judge
from .places import installed

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

FIRST_LOOK_S = 300.0
LOOK_EVERY_S = 12 * 3_600.0
AVAILABLE_CHOICE = "update_available"
"""Where the archive remembers the newest version that was offered and may be installed."""


class Lookout:
    """The looks of one running node."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, where there is a package that could be updated, and an agglomeration to ask."""
        if self._town.config.node.kind == "agglomeration":
            return
        try:
            installed()
        except LocalError:
            return
        self._task = asyncio.create_task(self._for_ever(), name="lookout for updates")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _for_ever(self) -> None:
        await asyncio.sleep(FIRST_LOOK_S)
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("no newer version could be looked for; it will be, in half a day")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> str | None:
        """Ask once. The version that is offered and may be installed."""
        found = await self._asked()
        if found != await available(self._town):
            await self._town.archive.choose(AVAILABLE_CHOICE, found)
        return found

    async def _asked(self) -> str | None:
        try:
            here = await asyncio.to_thread(installed)
            given = await offering.ask(self._town, here)
            if given is None or given.release is None:
                return None
            judge(given.release, here)
        except ConvergencesError:
            return None
        return given.release.version


async def available(town: Town) -> str | None:
    """What was offered at the last look."""
    return await town.archive.read(lambda reader: reader.choice(AVAILABLE_CHOICE))
