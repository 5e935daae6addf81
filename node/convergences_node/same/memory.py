# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pairs that a person has looked at and refused, kept beside the archive and never told to anybody.

A pair is refused as it was: by both ids and the records that were compared. When either has another record, it may be
proposed again. The file may be lost: then what was refused is proposed once more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from convergences_node.small_files import open_kept

MEMORY_NAME = "same.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS refused (
    one         TEXT NOT NULL,           -- ids, the smaller first
    other       TEXT NOT NULL,
    one_state   TEXT NOT NULL,           -- the records that were compared: origin/index
    other_state TEXT NOT NULL,
    at          INTEGER NOT NULL,        -- this node's clock, in Unix seconds
    PRIMARY KEY (one, other)
) STRICT, WITHOUT ROWID
"""

Ends = tuple[tuple[str, str], tuple[str, str]]
"""Two elements, each with the record that was compared."""


class Refusals:
    """The file, opened. Used by one thread at a time; short transactions."""

    def __init__(self, folder: Path) -> None:
        self._db = open_kept(folder / MEMORY_NAME, SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def has(self, ends: Ends) -> bool:
        """Whether these two were refused as they are now."""
        (one, one_state), (other, other_state) = sorted(ends)
        found = self._db.execute("SELECT one_state, other_state FROM refused WHERE one = ? AND other = ?", (one, other))
        return bool(found.fetchone() == (one_state, other_state))

    def add(self, ends: Ends, at: int) -> None:
        """Remember that somebody has refused them."""
        (one, one_state), (other, other_state) = sorted(ends)
        values = (one, other, one_state, other_state, at)
        self._db.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)", values)

    def forget(self, one: str, other: str) -> bool:
        """No longer remember it; False if there was nothing to forget."""
        done = self._db.execute("DELETE FROM refused WHERE one = ? AND other = ?", tuple(sorted((one, other))))
        return done.rowcount > 0

    def latest(self, most: int) -> list[tuple[str, str]]:
        """Those that were refused last, the latest first."""
        rows = self._db.execute("SELECT one, other FROM refused ORDER BY at DESC, one, other LIMIT ?", (most,))
        return rows.fetchall()
