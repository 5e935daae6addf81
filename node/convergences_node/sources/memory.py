# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node remembers of its sources between two runs: how each went, and which rows it had; and what came of files
that were imported by hand.

A small SQLite file beside the archive. Of a row, and of a relation that one implies, only a digest is kept, so that
what was erased leaves no trace here either; of an element that people have edited, what the source says of it now, to
be shown beside. Losing the file costs one whole run of each source, in which nothing is taken to have disappeared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from convergences_node.small_files import open_kept

MEMORY_NAME = "sources.db"
STATE_BYTES_MAX = 4 * 1024**2
"""Of one source; what is kept beside edited elements gives way first."""
PAGE = 500
IMPORTS_MAX = 50
"""Reports of files imported by hand; one has a thousand refused rows at most."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS states (name TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    name TEXT NOT NULL,
    key  BLOB NOT NULL,              -- of source and source id, as in the archive's table of sources
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imports ( -- of files that were imported by hand
    number INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,     -- of all that the import followed from
    report BLOB NOT NULL
) STRICT
"""


class State(msgspec.Struct, omit_defaults=True):
    """How a source has been lately. Times are Unix seconds."""

    outcome: str = "new"
    """`new`, `imported`, `unchanged`, `held` (a person should look) or `failed` (it will be tried again)."""
    tried: int = 0
    succeeded: int = 0
    due: int = 0
    failures: int = 0
    reason: dict[str, Any] | None = None
    """Of `held` or `failed`: a fault, `{path, code, params}`."""
    etag: str | None = None
    modified: str | None = None
    digest: str = ""
    """Of the bytes that were last imported, and of the mapping that they were read by."""
    format: str = ""
    rows: int = 0
    report: dict[str, Any] = {}
    """Counts of the last import, and the first refused rows."""
    gone: dict[str, int] = {}
    """Of what disappeared at the last import: how many elements were ended, withdrawn, left, kept as edited."""
    logs: dict[str, dict[str, str]] = {}
    """Of another node: how far each of its logs was read, and by whose key."""
    whole: int = 0
    """Of another node: when all of it is to be read again."""
    beside: dict[str, dict[str, Any]] = {}
    """By element that people have edited here: what the source says of it now."""


class _Counts(msgspec.Struct):
    rows: int = 0
    refused_count: int = 0


class _Imported(msgspec.Struct):
    """Of what `imports/again.py` remembers, what a sign says."""

    report: _Counts = msgspec.field(default_factory=_Counts)


class Memory:
    """The file, opened. Used by one thread at a time; short transactions."""

    def __init__(self, folder: Path) -> None:
        self._db = open_kept(folder / MEMORY_NAME, SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def state(self, name: str) -> State:
        """How the source was; a new one if it was never run."""
        row = self._db.execute("SELECT state FROM states WHERE name = ?", (name,)).fetchone()
        try:
            return State() if row is None else msgspec.json.decode(row[0], type=State)
        except msgspec.DecodeError:  # written by another version: what it knew is learnt again
            return State()

    def keep_state(self, name: str, state: State) -> None:
        encoded = msgspec.json.encode(state)
        if len(encoded) > STATE_BYTES_MAX:
            beside: dict[str, dict[str, Any]] = {element: {} for element in state.beside}
            encoded = msgspec.json.encode(msgspec.structs.replace(state, beside=beside))
        self._db.execute("INSERT OR REPLACE INTO states VALUES (?, ?)", (name, encoded))

    def count(self, name: str) -> int:
        """How many rows the source had when it was last imported."""
        return int(self._db.execute("SELECT count(*) FROM rows WHERE name = ?", (name,)).fetchone()[0])

    def pages(self, name: str) -> Iterator[list[bytes]]:
        """The digests of those rows, some hundreds at a time; other questions may be asked in between."""
        after = b""
        while True:
            page = self._db.execute(
                "SELECT key FROM rows WHERE name = ? AND key > ? ORDER BY key LIMIT ?", (name, after, PAGE)
            ).fetchall()
            if not page:
                return
            yield [key for (key,) in page]
            after = page[-1][0]

    def replace_rows(self, name: str, keys: Iterable[bytes]) -> None:
        """From now on these are the rows that the source had: only what differs is written."""
        self._db.execute("CREATE TEMP TABLE now (key BLOB PRIMARY KEY) WITHOUT ROWID")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR IGNORE INTO now VALUES (?)", ((key,) for key in keys))
            self._db.execute("DELETE FROM rows WHERE name = ? AND key NOT IN (SELECT key FROM now)", (name,))
            self._db.execute("INSERT OR IGNORE INTO rows SELECT ?, key FROM now", (name,))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        finally:
            self._db.execute("DROP TABLE IF EXISTS temp.now")

    def imported(self, digest: bytes) -> dict[str, Any] | None:
        """What came of the import of that digest, if it was the last of its file and is remembered."""
        row = self._db.execute("SELECT report FROM imports WHERE digest = ?", (digest,)).fetchone()
        found: dict[str, Any] | None = msgspec.json.decode(row[0]) if row else None
        return found

    def last_refused(self) -> tuple[int, int]:
        """Of the last import by hand that is remembered: how many rows were refused for what they say, of how many."""
        row = self._db.execute("SELECT report FROM imports ORDER BY number DESC LIMIT 1").fetchone()
        try:
            found = _Imported() if row is None else msgspec.json.decode(row[0], type=_Imported)
        except msgspec.DecodeError:  # written by another version
            found = _Imported()
        return found.report.refused_count, found.report.rows

    def keep_imported(self, digest: bytes, report: dict[str, Any]) -> None:
        """Remember it, and forget the oldest of too many."""
        self._db.execute(
            "INSERT OR REPLACE INTO imports (digest, report) VALUES (?, ?)", (digest, msgspec.json.encode(report))
        )
        self._db.execute(
            "DELETE FROM imports WHERE number IN (SELECT number FROM imports ORDER BY number DESC LIMIT -1 OFFSET ?)",
            (IMPORTS_MAX,),
        )

    def forget(self, name: str) -> None:
        """The source is no longer declared: what it brought stays, who brought it is told by the records."""
        self._db.execute("DELETE FROM rows WHERE name = ?", (name,))
        self._db.execute("DELETE FROM states WHERE name = ?", (name,))
