# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who checks the signatures of a batch: a thread, or while a backlog arrives, processes of their own.

libsodium lets other threads of the interpreter run, but to go in and out of it a thousand times a batch is to ask for
the interpreter a thousand times, in turn with all else that a backlog has the node do: two cores did the work of one. A
process asks nobody. Processes are started for a backlog and ended once none arrives; nothing waits for them to start,
and a batch whose process dies is checked here instead. Each takes some 17 MiB, which a node at rest has not to spare
(docs/decisions/0047-signatures-in-processes.md).
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor

from convergences_protocol.header import signature_valid
from convergences_protocol.replication.check import CheckedBatch, examine

log = logging.getLogger(__name__)

RECORDS_FOR_PROCESSES = 5_000
"""Records still to come after a batch, from which on processes pay: they take a third of a second to be there."""
PROCESSES = 2
IDLE_SECONDS = 5.0
NICE = 5
"""Below the node itself, which residents wait for."""

Flags = tuple[str | None, ...]


class Examiners:
    """Checks the signatures of batches. Used from the event loop alone."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._processes: ProcessPoolExecutor | None = None
        self._started: list[Future[bytes]] = []
        self._end: asyncio.TimerHandle | None = None

    async def examine(self, batch: CheckedBatch) -> Flags:
        """For each record why it is unreadable, or None (`check.examine`)."""
        loop = asyncio.get_running_loop()
        if self._are_ready(batch):
            sound = [raw for raw, fault in zip(batch.headers, batch.faults, strict=True) if fault is None]
            try:
                verdicts = await loop.run_in_executor(self._processes, signatures_valid, sound)
                return examine(batch, signature_valid=dict(zip(sound, map(bool, verdicts), strict=True)).__getitem__)
            except BrokenExecutor:
                log.warning("a process that checks signatures has died; they are checked here")
                self.close()
        return await loop.run_in_executor(self._threads, examine, batch)

    @property
    def processes_ready(self) -> bool:
        """Whether there are processes, and all have started."""
        return self._processes is not None and all(future.done() for future in self._started)

    def process_ids(self) -> list[int]:
        """The processes that there are."""
        # The pool tells nobody, and has no other name for them.
        return [] if self._processes is None else list(self._processes._processes)

    def _are_ready(self, batch: CheckedBatch) -> bool:
        """Whether processes are there to check this batch. They are started here, and ended a while after the last."""
        if self._processes is None:
            if batch.head.size - batch.stop < RECORDS_FOR_PROCESSES:
                return False
            self._start()
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.close)
        return self.processes_ready

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")  # this process has threads, of which a fork would keep only one
        self._processes = ProcessPoolExecutor(PROCESSES, spawn, initializer=_begin)
        self._started = [self._processes.submit(signatures_valid, ()) for _ in range(PROCESSES)]

    def close(self) -> None:
        """End the processes once they have done what they were given. Does not wait."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self._processes is not None:
            self._processes.shutdown(wait=False)
            self._processes = None


def signatures_valid(headers: Sequence[bytes]) -> bytes:
    """A byte for each header, 1 if its signature verifies."""
    return bytes(map(signature_valid, headers))


def _begin() -> None:
    """In each process, first of all."""
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the terminal means the node
    threading.Thread(target=_end_with_the_node, daemon=True).start()


def _end_with_the_node() -> None:
    """A node that is killed tells nobody: what it would have sent next is waited for without an end."""
    node = multiprocessing.parent_process()
    assert node is not None
    node.join()
    os._exit(0)
