# SPDX-License-Identifier: AGPL-3.0-or-later
"""Processes that check signatures, for whoever has many: a backlog that arrives, an archive that is verified.

A thread that checks keeps the interpreter from all others meanwhile; and where it lets go of it for each signature, it
has to ask for it again a thousand times a batch: two cores did the work of one. A process (`checker.py`) asks nobody.
Each takes some 11 MiB (docs/decisions/0047-signatures-in-processes.md).
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue

from convergences_protocol.framing import payload_of, signature_valid

from convergences_node.checker import READY, portion
from convergences_node.child import command_of

PROCESSES = 2
RECORDS_FOR_PROCESSES = 5_000
"""Records still to come, from which on processes pay: they take a tenth of a second to be there."""
END_SECONDS_MAX = 2.0
"""How long a process may take to end once it has nothing more to read."""


class Checkers:
    """The processes, and a thread for each that writes to it and waits for its verdicts."""

    def __init__(self, count: int = PROCESSES) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="signatures")
        self._free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        command = command_of("convergences_node.checker")
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


@contextmanager
def checking(records: int) -> Iterator[Callable[[Sequence[bytes]], list[bool]]]:
    """What says of some of so many headers, of any shape, whether their signatures verify: here, or in processes."""
    if records < RECORDS_FOR_PROCESSES:
        yield _here
        return
    checkers = Checkers()
    try:
        yield partial(_in_processes, checkers)
    finally:
        checkers.close()


def _here(headers: Sequence[bytes]) -> list[bool]:
    return list(map(signature_valid, headers))


def _in_processes(checkers: Checkers, headers: Sequence[bytes]) -> list[bool]:
    framed = [raw if payload_of(raw) is not None else b"" for raw in headers]
    middle = len(framed) // 2
    try:
        halves = [checkers.submit(framed[:middle]), checkers.submit(framed[middle:])]
        return [bool(verdict) for half in halves for verdict in half.result()]
    except (OSError, EOFError):  # one has died
        return _here(headers)


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
