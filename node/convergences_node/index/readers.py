# SPDX-License-Identifier: AGPL-3.0-or-later
"""The threads that answer questions, each on a connection of its own and on one state of the file.

A question never waits for writing, nor for another kind of question: what is quick has a lane (`lane.py`), what a page
asks another, the rest a pool. A file that was replaced by a newer one is let go by each thread at its next question.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from convergences_node.index.keeper import Keeper
from convergences_node.index.lane import Lane

T = TypeVar("T")
Question = Callable[[sqlite3.Connection], T]

THREADS = 2
"""Threads that answer, beside the lanes; SQLite leaves the interpreter free while it searches, a Pi has four cores."""


class Readers:
    """Answers questions about what the keeper keeps. Used from the event loop; `torn` is called there too, with the
    generation of the file that could not be read."""

    def __init__(self, keeper: Keeper, torn: Callable[[sqlite3.DatabaseError, int], None]) -> None:
        self._keeper = keeper
        self._torn = torn
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="index-reader")
        self._lane: Lane[Question[Any], Any] = Lane(self._read, "index-lane")
        self._pages: Lane[Question[Any], Any] = Lane(self._read, "index-pages")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def ask(self, question: Question[T]) -> T:
        """The answer to a question that may take long."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, question)

    async def ask_quickly(self, question: Question[T]) -> T:
        """The same, for what takes a millisecond or so."""
        return await (self.ask(question) if self._lane.is_full else self._lane.ask(question))

    async def ask_for_page(self, question: Question[T]) -> T:
        """The same, for the few milliseconds that a page's whole question takes."""
        return await (self.ask(question) if self._pages.is_full else self._pages.ask(question))

    def close(self) -> None:
        """Answer what was asked, then let the file go. Blocks: not from the event loop's thread."""
        self._threads.shutdown(wait=True)
        self._lane.close()
        self._pages.close()
        for connection in self._connections:
            connection.close()

    # --------------------------------------------------------------------------------------------------- in the threads
    def _read(self, question: Question[T]) -> T:
        generation = self._keeper.generation
        try:
            db = self._connection()
            db.execute("BEGIN")
            try:
                return question(db)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            self._loop.call_soon_threadsafe(self._torn, error, generation)
            raise

    def _connection(self) -> sqlite3.Connection:
        """This thread's own, to the file that serves now."""
        if getattr(self._local, "generation", None) != self._keeper.generation:
            if (old := getattr(self._local, "db", None)) is not None:
                self._connections.remove(old)
                old.close()
                self._local.db = None
            self._local.db, self._local.generation = self._keeper.open_reader()
            self._connections.append(self._local.db)
        found: sqlite3.Connection = self._local.db
        return found
