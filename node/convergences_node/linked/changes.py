# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the store lacks of the index, found by comparing what both hold and not by what happened in between.

`followed.db` remembers, of each element in the store, the record that was written there, and every link that both its
ends were told of. Whatever changed the index since (a new record, a late body, an erasure, another word of the charter,
a relation that has come to its end) is a difference, and nothing is lost with a notice that was missed.
"""

# ruff: noqa: S608 - only names of our own and question marks are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from convergences_protocol.element import ElementId

from convergences_node.index.listing import RELATING
from convergences_node.index.row import element_of, id_of
from convergences_node.index.store import BUSY_MS

SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE rows (             -- elements that are in the store; log -1: perhaps, and perhaps not whole
    id  BLOB PRIMARY KEY,
    log INTEGER NOT NULL,
    idx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE held (             -- what relations say of two elements in the store, each by its own address
    subject   BLOB NOT NULL,
    predicate TEXT NOT NULL,
    object    BLOB NOT NULL,
    PRIMARY KEY (subject, predicate, object)
) STRICT, WITHOUT ROWID;
"""
UNSURE = -1
_HOLDING = f"""
    SELECT DISTINCT g.subject, g.predicate, g.object FROM idx.edges g JOIN idx.elements r ON r.row = g.row
    WHERE r.kind IN ({", ".join("?" * len(RELATING))}) AND coalesce(g.began, ?) <= ? AND coalesce(g.ended, ?) >= ?
"""


class Followed:
    """One `followed.db` beside the index that it is compared with."""

    def __init__(self, path: Path, index: Path) -> None:
        is_new = not path.exists()
        self._db = sqlite3.connect(path, isolation_level=None, uri=True)
        self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute("PRAGMA temp_store = FILE")
        if is_new:
            self._db.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        self._db.execute("ATTACH ? AS idx", (f"{index.absolute().as_uri()}?mode=ro",))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def setting(self, name: str) -> str | None:
        """What was remembered under a name."""
        found = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def remember(self, name: str, value: str) -> None:
        """Remember something under a name."""
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def find(self, moment: int) -> int:
        """Compare, as of a moment (Unix seconds); returns how many elements are to be written again or taken out.

        They are marked as unsure before anything is done about them: what is cut short is found again.
        """
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS touched (id BLOB PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM touched")
        self._touch("SELECT e.id FROM idx.elements e LEFT JOIN rows r ON r.id = e.id AND r.log = e.log"
                    " AND r.idx = e.idx WHERE r.id IS NULL")  # fmt: skip
        self._touch("SELECT r.id FROM rows r LEFT JOIN idx.elements e ON e.id = r.id WHERE e.id IS NULL")
        self._find_links(moment)
        self._db.execute("INSERT OR REPLACE INTO rows SELECT id, ?, 0 FROM touched", (UNSURE,))
        self._db.execute("COMMIT")
        return int(self._db.execute("SELECT count(*) FROM touched").fetchone()[0])

    def _find_links(self, moment: int) -> None:
        """Both ends of every link that has come or gone, if they are in the index."""
        holding = (*RELATING, moment, moment, moment, moment)
        self._db.execute("CREATE TEMP TABLE holding AS SELECT * FROM held LIMIT 0")
        self._db.execute(f"INSERT INTO holding {_HOLDING}", holding)
        self._db.execute(
            "CREATE TEMP TABLE moved AS SELECT * FROM (SELECT * FROM held EXCEPT SELECT * FROM holding)"
            " UNION SELECT * FROM (SELECT * FROM holding EXCEPT SELECT * FROM held)"
        )
        for end in ("subject", "object"):
            self._touch(f"SELECT e.id FROM moved m JOIN idx.elements e ON e.id = m.{end}")
        self._db.execute("DELETE FROM held WHERE (subject, predicate, object) IN (SELECT * FROM moved)")
        self._db.execute("INSERT INTO held SELECT * FROM moved WHERE (subject, predicate, object) IN"
                         " (SELECT subject, predicate, object FROM holding)")  # fmt: skip
        self._db.execute("DROP TABLE holding")
        self._db.execute("DROP TABLE moved")

    def _touch(self, select: str) -> None:
        self._db.execute(f"INSERT OR IGNORE INTO touched {select}")

    def touched(self, most: int) -> Iterator[list[ElementId]]:
        """What `find` found, so many at a time."""
        after = b""
        while found := self._db.execute(
            "SELECT id FROM touched WHERE id > ? ORDER BY id LIMIT ?", (after, most)
        ).fetchall():
            after = found[-1][0]
            yield [element_of(id_) for (id_,) in found]

    def done(self, written: Sequence[ElementId], gone: Sequence[ElementId], marks: Sequence[tuple[int, int]]) -> None:
        """These elements are in the store as the records at these marks (log, number) say; those are not in it."""
        self._db.execute("BEGIN")
        rows = ((id_of(element), *mark) for element, mark in zip(written, marks, strict=True))
        self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)
        self._db.executemany("DELETE FROM rows WHERE id = ?", ((id_of(element),) for element in gone))
        self._db.execute("COMMIT")
