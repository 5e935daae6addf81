# SPDX-License-Identifier: AGPL-3.0-or-later
"""One thread that answers the quick questions, one after the other, and tells the event loop of several at once.

To hand a question to a pool of threads and its answer back costs more than to answer it: each hand-over wakes a thread,
and each of several threads that answer at once waits for the interpreter at every step of SQLite. What is bounded to a
millisecond or so goes through here, what may take long through the pool (docs/decisions/0026-lane.md).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
Q = TypeVar("Q")

WAITING_MAX = 16
"""Questions that may wait here: beyond, pages come from a cold card one by one, and more threads do help."""
TOLD_AT_ONCE_MAX = 8
"""Answers after which the event loop is told, even if more questions are waiting."""


class Lane(Generic[Q, T]):
    """A thread with its queue. Made, asked and closed by the event loop's thread."""

    def __init__(self, answer: Callable[[Q], T], name: str) -> None:
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._asked: SimpleQueue[tuple[Q, asyncio.Future[T]] | None] = SimpleQueue()
        self._answered: deque[tuple[asyncio.Future[T], T | None, BaseException | None]] = deque()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether to ask elsewhere."""
        return self._asked.qsize() >= WAITING_MAX

    def ask(self, question: Q) -> asyncio.Future[T]:
        """The answer, when it is there. A question nobody waits for any more is not answered."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._asked.put((question, future))
        return future

    def close(self) -> None:
        """Answer what was asked, then end. Blocks: not from the event loop's thread."""
        self._asked.put(None)
        self._thread.join()

    # --------------------------------------------------------------------------------------------------- in the thread
    def _run(self) -> None:
        going = True
        while going:
            going = self._answer_some()
            self._loop.call_soon_threadsafe(self._tell)

    def _answer_some(self) -> bool:
        """Wait for a question, answer it and those that came meanwhile; False when there will be no more."""
        for _ in range(TOLD_AT_ONCE_MAX):
            asked = self._asked.get()
            if asked is None:
                return False
            question, future = asked
            if not future.cancelled():
                self._answered.append((future, *self._tried(question)))
            if self._asked.empty():
                break
        return True

    def _tried(self, question: Q) -> tuple[T | None, BaseException | None]:
        try:
            return self._answer(question), None
        except Exception as error:  # it is raised where the answer is awaited
            return None, error

    # ------------------------------------------------------------------------------------------------ in the event loop
    def _tell(self) -> None:
        while self._answered:
            future, answer, error = self._answered.popleft()
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)  # type: ignore[arg-type] # without an error there is an answer
