# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who checks the signatures of a batch: a thread, or while a backlog arrives, processes of their own.

libsodium lets other threads of the interpreter run, but to go in and out of it a thousand times a batch is to ask for
the interpreter a thousand times, in turn with all else that a backlog has the node do: two cores did the work of one. A
process asks nobody. Processes (`checker.py`) are started for a backlog and ended once none arrives; nothing waits for
them to start, and a batch whose process dies is checked here instead. Each takes some 13 MiB, which a node at rest has
not to spare (docs/decisions/0047-signatures-in-processes.md).
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from queue import SimpleQueue

from convergences_protocol.replication.check import CheckedBatch, examine

from convergences_node.network.checker import READY, portion

log = logging.getLogger(__name__)

RECORDS_FOR_PROCESSES = 5_000
"""Records still to come after a batch, from which on processes pay: they take a tenth of a second to be there."""
PROCESSES = 2
IDLE_SECONDS = 5.0
END_SECONDS_MAX = 2.0
"""How long a process may take to end once it has nothing more to read."""

Flags = tuple[str | None, ...]


class Checkers:
    """The processes, and a thread for each that writes to it and waits for its verdicts."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="signatures")
        self._free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        command = (sys.executable, "-m", "convergences_node.network.checker")
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)
        ]
        self._started = [self._threads.submit(self._greet, process) for process in self.processes]

    @property
    def ready(self) -> bool:
        """Whether all have started."""
        return all(future.done() for future in self._started)

    def submit(self, headers: Sequence[bytes]) -> Future[bytes]:
        """A byte for each header, 1 if its signature verifies. `OSError` or `EOFError` if a process has died."""
        return self._threads.submit(self._check, headers)

    def close(self) -> None:
        """End them once they have done what they were given. Does not wait."""
        for process in self.processes:
            self._threads.submit(_end, process)
        self._threads.shutdown(wait=False)

    def _greet(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it is there. One that never is, is found to be dead by whoever asks it."""
        assert process.stdout is not None
        process.stdout.read(len(READY))
        self._free.put(process)

    def _check(self, headers: Sequence[bytes]) -> bytes:
        process = self._free.get()
        try:
            return _answer(process, headers)
        finally:
            self._free.put(process)


def _answer(process: subprocess.Popen[bytes], headers: Sequence[bytes]) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"".join(portion(headers)))
    process.stdin.flush()
    verdicts = process.stdout.read(len(headers))
    if len(verdicts) != len(headers):
        raise EOFError("a process that checks signatures has ended")
    return verdicts


def _end(process: subprocess.Popen[bytes]) -> None:
    """It ends by itself; if it cannot, it is ended: nothing is lost with it."""
    try:
        process.communicate(timeout=END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


class Examiners:
    """Checks the signatures of batches. Used from the event loop alone."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._checkers: Checkers | None = None
        self._end: asyncio.TimerHandle | None = None

    async def examine(self, batch: CheckedBatch) -> Flags:
        """For each record why it is unreadable, or None (`check.examine`)."""
        if (checkers := self._ready_for(batch)) is not None:
            sound = [raw for raw, fault in zip(batch.headers, batch.faults, strict=True) if fault is None]
            try:
                verdicts = await asyncio.wrap_future(checkers.submit(sound))
                return examine(batch, signature_valid=dict(zip(sound, map(bool, verdicts), strict=True)).__getitem__)
            except (OSError, EOFError):
                log.warning("a process that checks signatures has died; they are checked here")
                if self._checkers is checkers:
                    self.close()
        return await asyncio.get_running_loop().run_in_executor(self._threads, examine, batch)

    def _ready_for(self, batch: CheckedBatch) -> Checkers | None:
        """The processes that are there to check this batch. They are started here, and ended a while after the last."""
        if self._checkers is None:
            if batch.head.size - batch.stop < RECORDS_FOR_PROCESSES:
                return None
            self._checkers = Checkers(PROCESSES)
        if self._end is not None:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.close)
        return self._checkers if self._checkers.ready else None

    def close(self) -> None:
        """End the processes once they have done what they were given. Does not wait."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self._checkers is not None:
            self._checkers.close()
            self._checkers = None
