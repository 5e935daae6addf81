# SPDX-License-Identifier: AGPL-3.0-or-later
"""When the write-ahead log is folded into the file: between two turns, so that nobody's commit takes that long.

SQLite folds at the commit that fills the log (sqlite.org/wal.html, "Automatic Checkpoint"): two syncs and 8 MiB of
writing, for which a resident's save would wait. How full the log is it does not tell without folding; how many rows
were changed it does, and each folding says how many pages those were.
"""

from __future__ import annotations

import logging
import sqlite3

from .connection import WAL_PAGES

log = logging.getLogger(__name__)

PAGES_A_CHANGE_FIRST, PAGES_A_CHANGE_MIN = 1.0, 0.01
"""One save alone changes a handful of rows and as many pages; in a batch, a page takes ten of them."""


class Folding:
    """For the thread that writes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._folded_at = db.total_changes
        self._pages_a_change = PAGES_A_CHANGE_FIRST

    def fold_if_due(self) -> None:
        """Fold if the log is as long as it should become. What a reader still needs stays for the next time."""
        changes = self._db.total_changes - self._folded_at
        if changes * self._pages_a_change < WAL_PAGES:
            return
        try:
            _, pages, _ = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            log.warning("the write-ahead log could not be folded; the next commit will tell why: %s", error)
            return
        self._folded_at += changes
        self._pages_a_change = max(pages / changes, PAGES_A_CHANGE_MIN)
