# SPDX-License-Identifier: AGPL-3.0-or-later
"""The node's own web application over one index file: `python -m benchmarks.search_server INDEX.db PORT`.

The routes, the door of questions, the reading threads, the encoding and the headers are the node's; only the archive is
missing, for a million signed records would take an hour to make and the search does not read them.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from aiohttp import web
from convergences_node.index import answering, store
from convergences_node.index.index import READERS
from convergences_node.index.known import read_known
from convergences_node.index.query import Query
from convergences_node.index.views import Answer, Coverage, Facets
from convergences_node.web.app import make_app
from convergences_node.web.town_door import Town, TownStatus, WebSettings

from benchmarks.territory import TOWNS

T = TypeVar("T")


class FileIndex:
    """Answers from a file, in as many threads as the node's index has."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers = ThreadPoolExecutor(READERS)
        self._local = threading.local()
        db = store.open_reader(path)
        self._known = read_known(db)
        db.close()
        self._coverage = tuple(
            Coverage(territory=town, origin=f"convergences/{town}/0000000000000000", size=1, applied=1)
            for town in TOWNS
        )

    async def search(self, query: Query) -> Answer:
        return await self._ask(lambda db: answering.answer(db, query, self._known, self._coverage))

    async def facets(self, query: Query) -> Facets:
        return await self._ask(lambda db: answering.facets(db, query, self._known))

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, question)

    def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = store.open_reader(self._path)
        db.execute("BEGIN")
        try:
            return question(db)
        finally:
            db.execute("ROLLBACK")


class OnlySearch:
    """As much of a town as its search asks."""

    def __init__(self, index: FileIndex) -> None:
        self.index = index
        self.archive: Any = None
        self.web_settings = WebSettings(territory=TOWNS[0], name="Benchmark", requests_per_second=0)

    def now(self) -> int:
        return 1_790_000_000

    def charter(self) -> None:
        return None

    def peers(self) -> list[Any]:
        return []

    def status(self) -> TownStatus:
        return TownStatus(True, "well", True, 0)


def main() -> None:
    path, port = Path(sys.argv[1]), int(sys.argv[2])
    app = make_app(cast(Town, OnlySearch(FileIndex(path))))
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
