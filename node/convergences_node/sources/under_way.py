# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs of sources that a person asked for from a page: each in a task of its own, so that no page waits for a server.

Promises: one run of a source at a time; whoever asks meanwhile is told that it runs; how it went is with the source's
own state (`memory.py`), and what kept it from running at all is remembered here until the next run.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from convergences_protocol.errors import ConvergencesError, LocalError

from convergences_node.faults import words_of
from convergences_node.verbs import perform

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)


class UnderWay:
    """The runs of one town. Used from one event loop."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.failed: dict[str, ConvergencesError] = {}

    def names(self) -> frozenset[str]:
        """The sources of which a run is under way now."""
        return frozenset(self._tasks)

    def start(self, name: str, *, accept: bool = False) -> None:
        """Run it now, unless it runs; `accept`: somebody has looked at what is held back."""
        if name not in self._tasks:
            self.failed.pop(name, None)
            self._tasks[name] = asyncio.create_task(self._run(name, accept), name=f"source {name}")

    async def _run(self, name: str, accept: bool) -> None:
        try:
            await perform(self._town, "source_run", {"name": name, "accept": accept}, lambda event: None)
        except ConvergencesError as error:
            self.failed[name] = error
        except Exception as error:
            log.exception("source %s could not be run", name)
            self.failed[name] = LocalError(words_of(error))
        finally:
            self._tasks.pop(name, None)

    async def close(self) -> None:
        """End what is under way; it is finished by running it again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
