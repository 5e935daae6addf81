# SPDX-License-Identifier: AGPL-3.0-or-later
"""The second process that indexes (`helper.py`), as the node sees it: started, told what to do, heard, and ended.

Two kinds of work are given away: a large backlog that is arriving (`backlog.py`), and a whole index that is made anew
(`index.py`). For the first there may be a processor to spare; after the second the node's own memory is what it was
before, where to make a hundred thousand rows in the node itself left holes of 30 MiB among what stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from convergences_node.archive.reader import ArchiveReader
from convergences_node.child import command_of
from convergences_node.index.following import ArchiveDoor
from convergences_node.index.projection import Speakers

RECORDS_FOR_HELPER = 20_000
"""From here on a second process pays: it takes half a second and 45 MiB to be there at all."""
BEGIN = b"\n"
"""What tells the helper to begin."""
KEEPS = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""What it is told of its memory (allocating.py): to keep what it will want again at once. Told what a node is, it would
give each portion of some megabytes back, and ask for every page of the next one anew."""
SILENCE_SECONDS_MAX = 600.0
"""How long the helper may go without having got further, once all that it is to take in is there. It writes ten
thousand entries at a time, some seconds on an idle Pi, and packs what it wrote at its end; but it only runs while
nobody else would, and a busy machine leaves it little: one that worked was taken for one that hangs after two
minutes."""
LOOK_SECONDS = 0.5


class Helper:
    """The process. Made by `helping`."""

    def __init__(self, process: asyncio.subprocess.Process, got_further: Callable[[int], None]) -> None:
        self._process = process
        self._got_further = got_further
        self._heard_at = time.monotonic()

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def tell(self, name: str, speakers: Speakers, archive: ArchiveDoor, now: int) -> None:
        """Which file of the index it is to write, and what it has to know of the archive. It gets ready."""
        told = {
            "file": name,
            "speakers": {territory: list(logs) for territory, logs in speakers.items()},
            "revealed": await archive.read(_revealed),
            "now": now,
        }
        self._write(json.dumps(told).encode() + b"\n")

    def begin(self) -> None:
        self._write(BEGIN)

    def finish(self) -> None:
        """Nothing more comes: have it take in the rest, and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._heard_at = time.monotonic()

    def check(self) -> None:
        """Whether it does, or did, what it is asked. Raises `TimeoutError` or `ChildProcessError`."""
        if self._process.returncode:
            raise ChildProcessError(f"it ended with {self._process.returncode}")
        if self.running and time.monotonic() - self._heard_at > SILENCE_SECONDS_MAX:
            raise TimeoutError(f"nothing heard of it for {SILENCE_SECONDS_MAX:.0f} s")

    async def ended(self) -> None:
        """Wait for its end. Raises what `check` does."""
        while self.running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), LOOK_SECONDS)
            self.check()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    async def _hear(self) -> None:
        """Remember when it last got further, and say how far that is."""
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).strip():
            self._heard_at = time.monotonic()
            if line.isdigit():
                self._got_further(int(line))


@asynccontextmanager
async def helping(folder: Path, got_further: Callable[[int], None] = lambda done: None) -> AsyncIterator[Helper]:
    """A helper for the index in `folder`; at the end it is gone. `got_further` is told how many entries it has taken
    in of those that it found to take in. Raises `OSError` where it cannot be started."""
    process = await asyncio.create_subprocess_exec(
        *command_of("convergences_node.index", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **KEEPS},
    )
    helper = Helper(process, got_further)
    signs = asyncio.create_task(helper._hear())
    try:
        yield helper
    finally:
        signs.cancel()
        if helper.running:
            process.kill()  # what it had not committed is taken in again
        await process.wait()


def _revealed(reader: ArchiveReader) -> dict[int, int]:
    """How far one's own logs may be shown, by the archive's number for each."""
    return {state.number: state.size for state in reader.logs() if state.own}
