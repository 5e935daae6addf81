# SPDX-License-Identifier: AGPL-3.0-or-later
"""The clock of the sources: in a running node, each is run when it is due, one at a time.

A source that fails is tried again later and later; one that is held back is looked at again when it is due. A node
that was switched off over night runs in the morning what it missed, once.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from convergences_protocol.errors import ConvergencesError, Fault
from msgspec.structs import replace

from convergences_node.faults import fault_to_json, words_of

from .declaration import When, declared, is_stopped, load, sources_folder
from .memory import Memory, State
from .schedule import next_try

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""How long a new declaration, or one that is due, may wait to be seen."""
START_SECONDS = 20.0
"""Pages, peers and the index come first."""

_turns: WeakKeyDictionary[Town, asyncio.Lock] = WeakKeyDictionary()


def turn(town: Town) -> asyncio.Lock:
    """Held while a source of this town is run: by the clock, or because somebody asked."""
    return _turns.setdefault(town, asyncio.Lock())


class Keeper:
    """Runs the sources of a running town."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._unkept: dict[str, State] = {}
        """How sources failed that a full card took no note of: without it they would be fetched at each look."""

    async def run(self) -> None:
        """For ever."""
        await asyncio.sleep(START_SECONDS)
        while True:
            try:
                await self.run_due()
            except Exception:
                log.exception("sources could not be run; they will be looked at again")
            await asyncio.sleep(LOOK_SECONDS)

    async def run_due(self) -> list[str]:
        """Run those that are due now; their names."""
        # An update on trial takes no record: what is due then is due ten minutes later.
        if self._town.archive.held or not sources_folder(self._town.folder).is_dir():
            return []
        names = await asyncio.to_thread(self._due)
        for name in names:
            async with turn(self._town):
                await self._run(name)
        return names

    def _due(self) -> list[str]:
        now = self._town.now()
        with Memory(self._town.folder) as memory:
            names = [name for name in declared(self._town.folder) if not is_stopped(self._town.folder, name)]
            return [name for name in names if self._state(memory, name).due <= now]

    def _state(self, memory: Memory, name: str) -> State:
        return self._unkept.get(name) or memory.state(name)

    async def _run(self, name: str) -> None:
        from convergences_node.doing import may_write

        from .running import Asked, run_source

        with Memory(self._town.folder) as memory:
            try:
                declaration = await asyncio.to_thread(load, self._town.folder, name)
                if declaration.proposed:
                    return
                may_write(self._town)
                state = await run_source(self._town, memory, name, declaration, Asked(), lambda event: None)
                self._unkept.pop(name, None)
                log.info("source %s: %s", name, state.outcome)
            except ConvergencesError as error:
                self._wrong(memory, name, error)
            except Exception as error:
                # Our own mistake costs this source, and not those that come after it.
                log.exception("source %s could not be run", name)
                self._wrong(memory, name, error)

    def _wrong(self, memory: Memory, name: str, error: Exception) -> None:
        """A source that cannot be run is shown with the reason, and looked at again later."""
        before, now = self._state(memory, name), self._town.now()
        fault = Fault("source", "source_wrong", {"reason": words_of(error)[:300]})
        failures = before.failures + 1
        due = next_try(When(), name, now, self._town.config.http.timezone, failures)
        state = replace(before, outcome="failed", tried=now, due=due, failures=failures, reason=fault_to_json(fault))
        log.warning("source %s: %s", name, error)
        self._unkept[name] = state
        with suppress(sqlite3.OperationalError):
            memory.keep_state(name, state)
            del self._unkept[name]
