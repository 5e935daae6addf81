# SPDX-License-Identifier: AGPL-3.0-or-later
"""While many records of other towns are arriving: who indexes them, and when.

A backlog is stored first, because what is stored is safe. A large one is indexed by a second process
(`index/helper.py`): meanwhile, where there is a processor more than storing takes, so that neither waits for the other;
else once it is stored, or after a while, as a middling one is by the node itself.
Whenever something is written at this node itself, or is to be forgotten, the node takes its index back at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from convergences_node.archive.reader import ArchiveReader
from convergences_node.checkers import PROCESSES
from convergences_node.faults import words_of
from convergences_node.index.projection import Speakers

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

RECORDS = 2_000
"""Records known to be on their way, from which on storing goes before indexing."""
RECORDS_FOR_HELPER = 20_000
"""From here on a second process pays: it takes half a second and 45 MiB to be there at all."""
PROCESSORS_FOR_STORING = 1 + PROCESSES
"""The node, and those who check signatures. An index that is made with what they leave keeps them from it, too: on two
processors they are a tenth faster without it, and all is searchable as soon (docs/decisions/0114-folded-beside.md)."""
WAIT_SECONDS_MAX = 15.0
LOOK_SECONDS = 0.05
BEGIN = b"\n"
"""What tells the helper to begin."""
HELPER_KEEPS = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""What it is told of its memory (allocating.py): to keep what it will want again at once. Told what a node is, it would
give each portion of some megabytes back, and ask for every page of the next one anew."""
SILENCE_SECONDS_MAX = 120.0
"""Once the backlog is in, how long the helper may go without having got further: it has a processor to itself then,
writes some seconds at a time, and packs what it wrote at its end."""


class Backlog:
    """Decides, before each catching up of the index, who does it."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._own_news = asyncio.Event()
        self._heard_at = 0.0

    def own_news(self) -> None:
        """Something was written here, or is to be forgotten: no waiting for others' records."""
        self._own_news.set()

    async def pass_by(self) -> None:
        """Return when this node is to catch up by itself."""
        self._own_news.clear()
        if self._arriving() >= RECORDS_FOR_HELPER and await self._town.index.lend(self._help):
            return
        await self._wait_until_stored()

    async def _wait_until_stored(self) -> bool:
        """Wait, for a while, until nearly all is stored. False if something here cannot wait."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while self._arriving() > RECORDS and time.monotonic() < deadline:
            if await self._interrupted():
                return False
        return True

    def _arriving(self) -> int:
        return self._town.network.backlog() if self._town.network is not None else 0

    async def _interrupted(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._own_news.wait()
        return self._own_news.is_set()

    async def _help(self, speakers: Speakers) -> None:
        """Let a helper index until the backlog is in, or until something here cannot wait."""
        command = (sys.executable, "-m", "convergences_node.index", str(self._town.folder))
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **HELPER_KEEPS},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        signs = asyncio.create_task(self._hear(process.stdout))
        try:
            process.stdin.write(json.dumps(await self._told(speakers)).encode() + b"\n")
            if len(os.sched_getaffinity(0)) <= PROCESSORS_FOR_STORING and not await self._wait_until_stored():
                return
            process.stdin.write(BEGIN)
            while self._arriving() > RECORDS and process.returncode is None:
                if await self._interrupted():
                    return
            process.stdin.close()
            self._heard_at = time.monotonic()
            while process.returncode is None and not await self._interrupted():
                if time.monotonic() - self._heard_at > SILENCE_SECONDS_MAX:
                    raise TimeoutError(f"nothing heard of it for {SILENCE_SECONDS_MAX:.0f} s")
            if process.returncode:
                raise ChildProcessError(f"it ended with {process.returncode}")
        except (OSError, TimeoutError) as error:
            log.warning("the second indexing process is of no help: %s", words_of(error))
        finally:
            signs.cancel()
            if process.returncode is None:
                process.kill()  # what it had not committed is taken in again
            await process.wait()

    async def _told(self, speakers: Speakers) -> dict[str, Any]:
        return {
            "speakers": {territory: list(logs) for territory, logs in speakers.items()},
            "revealed": await self._town.archive.read(_revealed),
            "now": self._town.now(),
        }

    async def _hear(self, signs: asyncio.StreamReader) -> None:
        """Remember when the helper last got further."""
        while await signs.readline():
            self._heard_at = time.monotonic()


def _revealed(reader: ArchiveReader) -> dict[int, int]:
    """How far one's own logs may be shown, by the archive's number for each."""
    return {state.number: state.size for state in reader.logs() if state.own}
