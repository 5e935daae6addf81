# SPDX-License-Identifier: AGPL-3.0-or-later
"""The belt on which one log's batches are checked and written: checking runs ahead, writing keeps the order.

Three stages overlap, so that the network, both cores and the disk work at the same time: `check_batch` (framing,
tree, proof, bodies; each batch needs the one before), `examine` (signatures, in any order, without the interpreter's
lock), and the archive's write. What else concerns the log (a head, bodies, a rewind) waits its turn between batches.
A belt has tasks only while it has something to carry, and is bounded by the credit that the machine gives its peers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from convergences_protocol.errors import ConvergencesError, LocalError, RemoteError
from convergences_protocol.merkle import Frontier
from convergences_protocol.replication.check import CheckedBatch, check_batch
from convergences_protocol.replication.outputs import Ingest
from convergences_protocol.tiles import Slot

from convergences_node.archive.archive import Archive
from convergences_node.network.examining import Examiners

log = logging.getLogger(__name__)

CHECKED_AHEAD_MAX = 8
"""Batches whose signatures are being checked while an earlier one is written: one for each that checks, and three each
in reserve, or they would wait whenever the writing of one takes longer than usual."""

Errand = Callable[[], Awaitable[None]]
Kept = Callable[[int, int, int], None]
"""`kept(fetch, stop, wanted)`."""
Refuse = Callable[[int, ConvergencesError], None]


@dataclass(slots=True)
class _Checked:
    """A batch on its way from checking to writing."""

    fetch: int
    batch: CheckedBatch
    flags: asyncio.Task[tuple[str | None, ...]]


class Belt:
    """One log's way into the archive. Used from the event loop alone."""

    def __init__(
        self, origin: str, archive: Archive, pool: Executor, examiners: Examiners, kept: Kept, refused: Refuse
    ) -> None:
        self._origin = origin
        self._archive = archive
        self._pool = pool
        self._examiners = examiners
        self._kept = kept
        self._refused = refused
        self._waiting: deque[Ingest | Errand] = deque()
        self._task: asyncio.Task[None] | None = None
        self._fetch: int | None = None
        """The fetch that `_frontier` belongs to."""
        self._frontier: Frontier | None = None
        self._broken_fetch: int | None = None
        """The fetch of which a batch was refused: its later ones are dropped without an answer."""

    def put(self, item: Ingest | Errand) -> None:
        """Carry a batch, or run an errand after all that was put before."""
        self._waiting.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._carry(), name=f"belt {self._origin}")

    @property
    def idle(self) -> bool:
        """Whether nothing is on the belt."""
        return self._task is None or self._task.done()

    async def stop(self) -> None:
        """Let go of what is not written yet."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _carry(self) -> None:
        """Carry until nothing waits. What came while the last turn was ending is another turn: nobody else would."""
        while self._waiting:
            await self._carry_turn()

    async def _carry_turn(self) -> None:
        """Check until nothing waits; a second task writes."""
        written: asyncio.Queue[_Checked | Errand | None] = asyncio.Queue(CHECKED_AHEAD_MAX)
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write(written))
            while self._waiting:
                item = self._waiting.popleft()
                if not isinstance(item, Ingest):
                    await written.put(item)
                elif item.fetch != self._broken_fetch and (checked := await self._check(item, written)):
                    await written.put(checked)
                if not self._waiting:
                    # Whatever came while the last ones were written belongs to this belt's turn too.
                    await written.join()
            await written.put(None)
            await writer

    async def _check(self, item: Ingest, written: asyncio.Queue[_Checked | Errand | None]) -> _Checked | None:
        loop = asyncio.get_running_loop()
        try:
            if item.fetch != self._fetch or self._frontier is None:
                await written.join()
                self._frontier, self._fetch = await self._kept_frontier(), item.fetch
            if item.batch.start != self._frontier.size:
                # The peer sent what it was asked for: it is we who asked for what we have, or lack.
                raise LocalError(f"batch from {item.batch.start} of a log that has {self._frontier.size} records here")
            batch = await loop.run_in_executor(self._pool, check_batch, self._frontier, item.batch, item.head)
        except ConvergencesError as error:
            await written.join()
            self._refuse(item.fetch, error)
            return None
        self._frontier = batch.frontier
        return _Checked(item.fetch, batch, asyncio.create_task(self._examiners.examine(batch)))

    async def _kept_frontier(self) -> Frontier:
        state = await self._archive.read(lambda reader: reader.log(self._origin))
        if state is None:
            raise LocalError(f"a batch came for {self._origin}, which is not kept here")
        return state.frontier

    async def _write(self, checked: asyncio.Queue[_Checked | Errand | None]) -> None:
        while (item := await checked.get()) is not None:
            try:
                if isinstance(item, _Checked):
                    await self._write_batch(item)
                else:
                    await item()
            except Exception:
                log.exception("replicating %s", self._origin)
            finally:
                checked.task_done()

    async def _write_batch(self, item: _Checked) -> None:
        flags = await item.flags
        if item.fetch == self._broken_fetch:
            return
        try:
            stop = await self._archive.keep_batch(self._origin, item.batch, flags)
        except ConvergencesError as error:
            self._refuse(item.fetch, error)
            return
        wanted = sum(slot is Slot.WANTED for slot in item.batch.slots)
        self._kept(item.fetch, stop, wanted)

    def _refuse(self, fetch: int, error: ConvergencesError) -> None:
        self._broken_fetch, self._frontier = fetch, None
        level = logging.INFO if isinstance(error, RemoteError) else logging.ERROR
        log.log(level, "a batch of %s is refused: %s", self._origin, error)
        self._refused(fetch, error)
