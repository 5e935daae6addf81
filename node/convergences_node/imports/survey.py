# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first pass over a file: which rows are good, and which element each of them is.

Rows may name rows further down, and the file may be larger than the memory, so what is learnt is put into a private
SQLite database that lives as long as this object, spills to the disk, and is never seen by anybody.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from convergences_protocol.element import ElementId

CACHE_KIB = 4096


@dataclass(frozen=True, slots=True)
class Planned:
    """A good row: its line, and the element that it is or will be."""

    line: int
    element: ElementId


class Survey:
    """Used by one thread at a time. `key` is `(source, source_id)`, kept as a digest."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE rows (key BLOB PRIMARY KEY, line INT, element TEXT) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def line_of(self, key: tuple[str, str]) -> int | None:
        """The line that has taken this key, or None."""
        planned = self.find(key)
        return planned.line if planned else None

    def find(self, key: tuple[str, str]) -> Planned | None:
        row = self._db.execute("SELECT line, element FROM rows WHERE key = ?", (_digest(key),)).fetchone()
        return None if row is None else Planned(row[0], ElementId.parse(row[1]))

    def add(self, rows: Iterable[tuple[tuple[str, str], Planned]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO rows VALUES (?, ?, ?)",
            ((_digest(key), planned.line, str(planned.element)) for key, planned in rows),
        )
        self._db.execute("COMMIT")


def _digest(key: tuple[str, str]) -> bytes:
    # Sixteen bytes: a file would need 2**60 rows before two of them met by chance.
    return sha256("\x1f".join(key).encode("utf-8", "surrogatepass")).digest()[:16]
