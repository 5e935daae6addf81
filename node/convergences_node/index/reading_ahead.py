# SPDX-License-Identifier: AGPL-3.0-or-later
"""A process that reads records for another one, which writes them into the index.

To pass a record through the strict door and to make its row takes as long as to write it, and one process does one
thing at a time. So the helper of a large backlog (`helper.py`) has a child that reads the archive from where it is told
and sends what it made of it, portion after portion. A thread takes them out of the pipe, up to a few ahead, so that
neither process waits for the other's slower moments: a transaction that ends has the disk to wait for.
The child has the helper's memory until it writes in it, cannot write any file, and ends with the pipe, however the
helper ends. Nothing is decided here: what comes through the pipe is what `strict_door.read_entries` gives.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Queue
from typing import NamedTuple

import msgspec

from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.occurrences import Horizon
from convergences_node.index.strict_door import ENTRIES_AT_ONCE, Portion, read_entries

PORTION_BYTES_MAX = 1 << 20
"""Headers and bodies read at once, and held in memory by both."""
PORTIONS_AT_ONCE = 8
"""Portions in one transaction. The lists of an index are ordered by name, date or place: a thousand records touch
nearly every page of them, and ten thousand hardly more. It is a second or two of work that is lost with the helper."""
PORTIONS_AHEAD_MAX = 8
"""Portions that are read and not yet taken, some 2.5 MiB each: what the child reads while a transaction ends."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Portion).decode


class Wanted(NamedTuple):
    """Entries `[start, stop)` of a log, and the dates for which occurrences are made."""

    origin: str
    start: int
    stop: int
    horizon: Horizon


class ReadingAhead:
    """The child, as its parent sees it. Used from one thread."""

    def __init__(self, folder: Path) -> None:
        """Start the child. To be called before this process has threads, of which a fork would keep only one."""
        fork = multiprocessing.get_context("fork")
        self._pipe, far = fork.Pipe()
        self._child = fork.Process(target=_serve, args=(folder, far, self._pipe), daemon=True)
        self._child.start()
        far.close()
        self._read: Queue[bytes | None] = Queue(PORTIONS_AHEAD_MAX)
        """Portions as they came through the pipe; None once the child is gone."""
        self._receiver = threading.Thread(target=self._receive, name="reading-ahead", daemon=True)
        self._expected: Wanted | None = None
        """What the child is sending, from the next portion on."""

    def portions(self, origin: str, start: int, stop: int, horizon: Horizon) -> Iterator[Portion]:
        """The next entries of a log, a transaction's worth of `[start, stop)`; then the rest of them is to be asked
        for, and nothing else. Raises `EOFError` if the child is gone."""
        wanted = Wanted(origin, start, stop, horizon)
        if wanted != self._expected:
            assert self._expected is None, "what was asked for before has to be taken to its end"
            with contextlib.suppress(ConnectionError):  # a child that is gone is told of below
                self._pipe.send(wanted)
        self._expected = None
        for _ in range(PORTIONS_AT_ONCE):
            readings, root = _decode(self._next())
            yield readings, root
            start = readings[-1].index + 1
            if start == stop:
                return
        self._expected = wanted._replace(start=start)

    def _next(self) -> bytes:
        if self._receiver.ident is None:
            self._receiver.start()
        if (portion := self._read.get()) is None:
            self._read.put(None)  # for whoever asks once more
            raise EOFError("the process that reads ahead is gone")
        return portion

    def _receive(self) -> None:
        """The thread's whole life."""
        try:
            while True:
                self._read.put(self._pipe.recv_bytes())
        except (EOFError, OSError):
            self._read.put(None)

    def close(self) -> None:
        """End the child, whatever it is doing: nothing is lost with it."""
        self._child.kill()  # it may have inherited a handler of gentler signals
        self._child.join()
        if self._receiver.ident is not None:
            while self._read.get() is not None:  # the thread may be waiting for room
                pass
            self._receiver.join()
        self._pipe.close()


def reading_ahead(folder: Path) -> ReadingAhead | None:
    """A child that reads ahead, where a second processor could run it and the system can fork."""
    possible = "fork" in multiprocessing.get_all_start_methods() and len(os.sched_getaffinity(0)) > 1
    return ReadingAhead(folder) if possible else None


def _serve(folder: Path, pipe: Connection, parents: Connection) -> None:
    """The child's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the terminal means the parent
    parents.close()
    reader = ArchiveReader.open(folder)
    try:
        while True:
            _send(reader, pipe, pipe.recv())
    except (EOFError, ConnectionError):
        pass  # the parent is gone, or needs no more
    finally:
        reader.close()


def _send(reader: ArchiveReader, pipe: Connection, wanted: Wanted) -> None:
    start = wanted.start
    while start < wanted.stop:
        with reader.snapshot():
            entries = reader.entries(wanted.origin, start, wanted.stop, bytes_max=PORTION_BYTES_MAX)
            start = entries[-1].index + 1
            root = reader.root_at(wanted.origin, start)
        readings: list[msgspec.Raw] = []
        for at in range(0, len(entries), ENTRIES_AT_ONCE):
            # They are encoded while they are at hand, in the processor's own memory.
            some = read_entries(entries[at : at + ENTRIES_AT_ONCE], wanted.horizon)
            readings += [msgspec.Raw(_encode(reading)) for reading in some]
        pipe.send_bytes(_encode((readings, root)))
