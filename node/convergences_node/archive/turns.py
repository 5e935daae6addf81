# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whose turn it is to write: the one writing thread of an archive, and those who wait for it.

Local appends go first, and those that wait together become one transaction, one guard, one head. All else goes in the
order in which it was asked; batches that follow each other share a transaction of at most 1 MiB or 100 ms, and give
way as soon as a local append waits. What SQLite has to fold now and then is folded beside it all (folding.py). When
nothing has come for a while, the pages that are kept in memory to write the same ones again are given back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from convergences_protocol.errors import LocalError

from .authoring import Authored
from .folding import Folding
from .keeping import Batch
from .model import Closed, Event
from .writer import ArchiveWriter

log = logging.getLogger(__name__)

GROUP_RECORDS_MAX = 10_000
"""Records that one transaction of local appends takes from the queue."""

REPLICATION_BYTES_MAX = 1 << 20
REPLICATION_SECONDS_MAX = 0.1
"""DESIGN: what one replication transaction may hold, so that a local append never waits longer."""

QUEUE_MAX = 10_000
"""Requests waiting for the writer; beyond, the asker is told instead of the memory being filled."""

REST_SECONDS = 20.0
"""Without anything to write, after which memory is given back; before the index does (`QUIET_SECONDS`), which then has
what lies free in the heaps given back, too."""

Work = Callable[[ArchiveWriter], Any]


@dataclass(frozen=True, slots=True)
class _Request:
    """One thing asked of the thread, and the one who waits for it."""

    work: Any
    future: asyncio.Future[Any]


class Turns:
    """The writing thread. `append` and `other` are called in the event loop; what they return is awaited there."""

    def __init__(
        self,
        writer: ArchiveWriter,
        loop: asyncio.AbstractEventLoop,
        events: list[Event],
        publish: Callable[[Event], None],
    ) -> None:
        """`events` is what `writer` tells; after each transaction it is emptied and published in the event loop."""
        self._writer = writer
        self._folding = Folding(writer.db)
        self._loop = loop
        self._events = events
        self._publish = publish
        self._changed = threading.Condition()
        self._appends: deque[_Request] = deque()
        self._others: deque[_Request] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="archive-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what was asked before this, refuse what comes after; returns when all is written. Blocks."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def append(self, records: Sequence[Authored]) -> asyncio.Future[Any]:
        """Append these to one's own log, before anything else that waits."""
        return self._ask(self._appends, records)

    def other(self, work: Batch | Work) -> asyncio.Future[Any]:
        """Keep a batch, or run `work(writer)`, after what was asked before."""
        return self._ask(self._others, work)

    def _ask(self, queue: deque[_Request], work: object) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        with self._changed:
            if self._closing:
                raise Closed("the archive is closed")
            if len(queue) >= QUEUE_MAX:
                raise LocalError(f"{QUEUE_MAX} requests already wait for the archive's writer")
            queue.append(_Request(work, future))
            self._changed.notify()
        return future

    # ---------------------------------------------------------------------------------------------------- in the thread
    def _run(self) -> None:
        while self._is_asked():
            if self._appends:
                self._do_appends()
            elif isinstance(self._others[0].work, tuple):
                self._do_batches()
            else:
                self._do_work(self._others.popleft())
            self._folding.fold_if_due()
        self._folding.wait()

    def _is_asked(self) -> bool:
        """Wait until something is to be done; False once there is nothing, and nothing more comes."""
        if not self._wait(REST_SECONDS):
            self._writer.rest()
            self._wait(None)
        return bool(self._appends or self._others)

    def _wait(self, seconds: float | None) -> bool:
        """Until something is asked, or no more will be; False if nothing was in so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._appends or self._others or self._closing), seconds)

    def _do_appends(self) -> None:
        """One group: whatever waits now, within the bound, becomes one transaction and one head."""
        group: list[_Request] = []
        try:
            answers: Sequence[object] = self._writer.append(self._taken(group))
        except Exception as error:
            answers = [error] * len(group)
        self._answer(group, answers)

    def _taken(self, group: list[_Request]) -> list[Sequence[Authored]]:
        """Take the appends that wait into `group`, within the bound."""
        count = 0
        while self._appends and count < GROUP_RECORDS_MAX:
            group.append(self._appends.popleft())
            count += len(group[-1].work)
        return [request.work for request in group]

    def _do_work(self, request: _Request) -> None:
        try:
            answer: object = request.work(self._writer)
        except Exception as error:
            answer = error
        self._answer([request], [answer])

    def _do_batches(self) -> None:
        """As many batches as one transaction may hold; a local append that arrives meanwhile ends it, and is in it."""
        group, appends = [self._others.popleft()], list[_Request]()
        deadline = time.monotonic() + REPLICATION_SECONDS_MAX
        size = 0

        def enough() -> bool:
            return bool(self._appends) or size >= REPLICATION_BYTES_MAX or time.monotonic() >= deadline

        def waiting() -> Iterator[Batch]:
            nonlocal size
            while True:
                work = group[-1].work
                size += sum(map(len, work[1].headers)) + sum(len(body) for body in work[1].bodies if body)
                yield work
                if not self._others or not isinstance(self._others[0].work, tuple):
                    return
                group.append(self._others.popleft())

        try:
            kept, placed = self._writer.keep_and_append(waiting(), enough, lambda: self._taken(appends))
            answers: Sequence[object] = [*kept, *placed]
        except Exception as error:
            answers = [error] * (len(group) + len(appends))
        self._answer([*group, *appends], answers)

    def _answer(self, requests: Sequence[_Request], answers: Sequence[object]) -> None:
        """Tell the event loop what happened, then those who wait for it."""
        events, self._events[:] = self._events[:], []

        def deliver() -> None:
            for event in events:
                self._publish(event)
            for request, answer in zip(requests, answers, strict=True):
                if request.future.done():
                    continue
                if isinstance(answer, Exception):
                    request.future.set_exception(answer)
                else:
                    request.future.set_result(answer)

        try:
            self._loop.call_soon_threadsafe(deliver)
        except RuntimeError:
            # The event loop is gone, and nobody is left to be told. What was written is written.
            log.warning("the event loop closed before the archive did")
