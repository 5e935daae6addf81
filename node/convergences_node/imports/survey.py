# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first pass over a source: which rows there are, and, where rows may name each other, which element each one is.

Rows may name rows further down, and the file may be larger than the memory, so what is learnt is put into a private
SQLite database that lives as long as this object, spills to the disk, and is never seen by anybody.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from convergences_protocol.element import ElementId

from convergences_node.archive.beside import source_key
from convergences_node.small_files import open_passing

from .desk import Key

CACHE_KIB = 4096
SCHEMA = """
CREATE TABLE rows (key BLOB PRIMARY KEY, line INTEGER, element TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE relations (key BLOB PRIMARY KEY) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that has a name: its line, and the element that it is or will be; None: refused, or not judged yet."""

    line: int
    element: ElementId | None


class Survey:
    """Used by one thread at a time. `key` is `(source, source_id)`, kept as the digest that the archive keeps."""

    def __init__(self) -> None:
        self._db = open_passing(SCHEMA, cache_kib=CACHE_KIB)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def find(self, key: Key) -> Planned | None:
        row = self._db.execute("SELECT line, element FROM rows WHERE key = ?", (source_key(*key),)).fetchone()
        return None if row is None else Planned(row[0], ElementId.parse(row[1]) if row[1] else None)

    def line_of(self, key: Key) -> int | None:
        """The line of this row; None if the source does not have it."""
        row = self._db.execute("SELECT line FROM rows WHERE key = ?", (source_key(*key),)).fetchone()
        return None if row is None else int(row[0])

    def add(self, rows: Iterable[tuple[Key, Planned]]) -> None:
        """Note these rows; a row that was noted before without an element gives way."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET line = excluded.line,"
            " element = excluded.element WHERE rows.element IS NULL AND excluded.element IS NOT NULL",
            ((source_key(*key), one.line, str(one.element) if one.element else None) for key, one in rows),
        )
        self._db.execute("COMMIT")

    def add_relations(self, keys: Iterable[Key]) -> None:
        """Note relations that rows imply, by what they are remembered under."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO relations VALUES (?)", ((source_key(*key),) for key in keys))
        self._db.execute("COMMIT")

    @property
    def count(self) -> int:
        """How many rows have a name."""
        return int(self._db.execute("SELECT count(*) FROM rows").fetchone()[0])

    def keys(self) -> Iterator[bytes]:
        """The digest of every row that the source has, and of every relation that its rows imply."""
        yield from (key for (key,) in self._db.execute("SELECT key FROM rows UNION ALL SELECT key FROM relations"))

    def claim(self, rows: Sequence[tuple[Key, int]]) -> dict[Key, int]:
        """Note these rows, each by its line; answers those whose name another line has, with that line."""
        digests = [(source_key(*key), line) for key, line in rows]
        self._db.execute("BEGIN")
        before = self._db.total_changes
        self._db.executemany("INSERT OR IGNORE INTO rows (key, line) VALUES (?, ?)", digests)
        new = self._db.total_changes - before
        self._db.execute("COMMIT")
        if new == len(rows):
            return {}
        held = ((key, line, self.line_of(key)) for key, line in rows)
        return {key: taken for key, line, taken in held if taken is not None and taken != line}

    def lacks(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of the digests, at most 500, that are of no row of the source and of no relation that one implies."""
        marks = ",".join("?" * len(keys))
        there = {
            key
            for table in ("rows", "relations")
            for (key,) in self._db.execute(f"SELECT key FROM {table} WHERE key IN ({marks})", keys)  # noqa: S608
        }
        return [key for key in keys if key not in there]
