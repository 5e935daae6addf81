# SPDX-License-Identifier: AGPL-3.0-or-later
"""When the write-ahead log is folded into the file: beside the one who writes, so that nobody's commit waits for it.

SQLite folds at the commit that fills the log (sqlite.org/wal.html, "Automatic Checkpoint"): two syncs and megabytes of
writing, for which a resident's save, or a backlog, would wait. Here a thread of its own does that, with a connection of
its own, while the next is written. SQLite begins the log anew once all of it is folded: when nobody writes meanwhile,
and else at the commit that makes it too long, to which little is left to fold.

How full the log is, SQLite does not tell without folding; how many rows were changed it does, and each folding says how
many pages those were.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread

from .connection import WAL_PAGES

log = logging.getLogger(__name__)

PAGES_A_CHANGE_FIRST, PAGES_A_CHANGE_MIN = 1.0, 0.01
"""One save alone changes a handful of rows and as many pages; in a batch, a page takes ten of them."""


class Folding:
    """For the thread that writes. `db` is its connection, to a file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._path = Path(db.execute("PRAGMA database_list").fetchone()[2])
        self._folded_at = db.total_changes
        self._course, self._pages = b"", 0
        """Which course of the log was last folded, and how many pages it then had."""
        self._pages_a_change = PAGES_A_CHANGE_FIRST
        self._thread: Thread | None = None

    def fold_if_due(self) -> None:
        """Have the log folded if it is as long as it should become. What a reader still needs stays for next time."""
        changes = self._db.total_changes - self._folded_at
        if changes * self._pages_a_change < WAL_PAGES or (self._thread is not None and self._thread.is_alive()):
            return
        self._folded_at += changes
        self._thread = Thread(target=self._fold, args=[changes], name="archive-folding", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until nothing is being folded: a log cannot be cut, nor a file let go, while it is."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _fold(self, changes: int) -> None:
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None)) as db:
                _, pages, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            course = _course(self._path)
        except (sqlite3.Error, OSError) as error:
            log.warning("the write-ahead log could not be folded; the next commit will tell why: %s", error)
            return
        new = pages - self._pages if course == self._course else pages
        self._course, self._pages = course, pages
        self._pages_a_change = max(new / changes, PAGES_A_CHANGE_MIN)


def _course(path: Path) -> bytes:
    """What SQLite counts up in the log's header each time it begins anew (sqlite.org/fileformat2.html, section 4.1)."""
    with path.with_name(f"{path.name}-wal").open("rb") as file:
        return file.read(16)[12:]
