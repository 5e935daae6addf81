# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether this process still does its work: it searches, it would append, its card takes a write, its network answers.

systemd's watchdog is fed by this, not by a timer: a process whose parts hang is started again. What a new start would
not mend, a card that is full or refuses to be written, is no reason to end a node that still answers its town: it is
noted for the operator. At rest the card is written a byte every five minutes, and no more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.errors import LocalError

from convergences_node.archive.model import Halted
from convergences_node.faults import why_of
from convergences_node.index.query import Query

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

ANSWER_SECONDS_MAX = 45.0
"""A Pi that rebuilds its index and takes in a backlog answers late, and is not to be shot for it."""
WRITER_SECONDS_MAX = 1_800.0
"""A log that is set aside, or thousands of erasures, keep the archive's writer for minutes on a Pi: that is work."""
WRITE_EVERY_S = 300.0
SCRATCH_NAME = "scratch"


class SelfCheck:
    """The check of one town, done again and again."""

    def __init__(self, town: Town, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._town = town
        self._monotonic = monotonic
        self._written = -WRITE_EVERY_S
        self._turn: asyncio.Task[object] | None = None
        """The append of nothing that still waits for the archive's writer, asked for at `_asked`."""
        self._asked = 0.0

    async def is_well(self) -> bool:
        """Whether every part answered in time. What did not is written to the log."""
        return (
            await self._in_time("the search", self._search)
            and await self._in_time("the archive's writer", self._append)
            and await self._in_time("the card", self._write)
            and await self._in_time("the network thread", self._network)
        )

    async def _in_time(self, part: str, look: Callable[[], Awaitable[None]]) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await look()
        except TimeoutError:
            log.error("%s does not answer within %d s", part, ANSWER_SECONDS_MAX)
            return False
        except Exception:
            log.exception("%s fails its check", part)
            return False
        return True

    async def _search(self) -> None:
        if not self._town.index.rebuilding:
            await self._town.index.search(Query(limit=1))

    async def _append(self) -> None:
        """Of nothing: its turn comes as a resident's save would have it, and nothing is written.

        One that waits is looked at again at the next check: a writer that works for long is not shot for it. An archive
        that a failure has halted is mended by a new start, if the card takes a byte again.
        """
        if self._turn is None:
            self._turn, self._asked = asyncio.create_task(self._town.archive.append([])), self._monotonic()
        turn = self._turn
        await asyncio.wait([turn], timeout=ANSWER_SECONDS_MAX / 2)
        if not turn.done():
            if self._monotonic() - self._asked > WRITER_SECONDS_MAX:
                raise LocalError(f"no turn to write within {WRITER_SECONDS_MAX:.0f} s")
            return
        self._turn = None
        try:
            await turn
        except Halted:
            self._written = -WRITE_EVERY_S
            await self._write()
            if self._town.card_refuses is None:
                raise
        except Exception as error:  # who refuses answers: a card that takes no write, a version on trial
            log.debug("the archive takes nothing: %s", error)

    async def _write(self) -> None:
        now = self._monotonic()
        if now - self._written < WRITE_EVERY_S:
            return
        refused = await asyncio.to_thread(_write_byte, self._town.folder / SCRATCH_NAME)
        if refused is not None and self._town.card_refuses is None:
            log.error("the card takes no write: %s", refused)
        self._town.card_refuses, self._written = refused, now

    async def _network(self) -> None:
        if self._town.network is not None:
            await self._town.network.answers()


def _write_byte(path: Path) -> str | None:
    """Write a byte so that it is on the card; the reason if it could not be."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, b".", 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return why_of(error)
    return None
