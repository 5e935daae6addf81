# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a running node offers its operator's page: accounts, verbs, health, and how the process ends.

The web knows this object and no more of what stands behind it. A node that was opened for one verb has none.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_node.accounts import Accounts
from convergences_node.verbs import VERBS, Json, perform
from convergences_node.wishes import wished

if TYPE_CHECKING:
    from convergences_node.setup.joining_later import JoiningLater
    from convergences_node.town import Town

POWER_OFF_NAME = "power-off"
"""A file in the service's runtime folder; the package's `convergences-power.path` sees it, and may switch off."""


class Ending(Enum):
    """How the process was asked to end."""

    SIGNAL = "signal"
    STOP = "stop"
    RESTART = "restart"


class Life:
    """How long this process goes on, and what comes after."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.stop = stop
        self.ending = Ending.SIGNAL

    def end(self, ending: Ending) -> None:
        """End cleanly, in this way."""
        self.ending = ending
        self.stop.set()


@dataclass
class Operating:
    """See the module."""

    town: Town
    accounts: Accounts
    joining: JoiningLater
    life: Life

    async def perform(self, verb: str, params: Mapping[str, Json]) -> Json:
        """Do a verb, as `convergences <verb>` does."""
        return await perform(self.town, verb, params, lambda event: None)

    @staticmethod
    def knows(verb: str) -> bool:
        """Whether there is such a verb in this program."""
        return verb in VERBS

    @staticmethod
    def _runtime() -> Path | None:
        named = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        return Path(named) if named else None

    def can_power_off(self) -> bool:
        """Whether somebody looks for the wish to switch the device off."""
        return self._runtime() is not None

    def power_off(self) -> None:
        """Wish that the device switches itself off; systemd then stops this process as cleanly as ever. `LocalError`
        where there is no room for a wish."""
        runtime = self._runtime()
        assert runtime is not None, "asked where it can be done"
        with wished():
            (runtime / POWER_OFF_NAME).touch(mode=0o600)
