# SPDX-License-Identifier: AGPL-3.0-or-later
"""What another node says of its elements, on its way here: the last word about each, and what stands for it here.

In a file of its own, which its caller removes: a node of a hundred thousand elements takes no more memory than one of
ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from convergences_node.small_files import open_passing

PAGE = 250

SCHEMA = """
CREATE TABLE words (
    element TEXT PRIMARY KEY,       -- its id there
    kind    TEXT NOT NULL,
    fields  BLOB,                   -- MessagePack; NULL if it is gone
    erased  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE names (
    element TEXT PRIMARY KEY,
    here    TEXT NOT NULL,          -- the element that stands for it here
    key     BLOB NOT NULL,          -- of its row, as the archive remembers it
    copied  INTEGER NOT NULL        -- 0: it is known here through the network, or by its name
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_key ON names (key)
"""


@dataclass(frozen=True, slots=True)
class Word:
    """The last word of a log about one of its elements: its fields, or None if it is gone."""

    element: str
    kind: str
    fields: dict[str, Any] | None
    erased: bool = False
    """Somebody is to be forgotten."""


@dataclass(frozen=True, slots=True)
class Name:
    """What stands for an element of the other node here."""

    element: str
    here: str
    key: bytes
    copied: bool


class Spool:
    """The file, opened anew; without a path, one of SQLite's own. Used by one thread at a time."""

    def __init__(self, path: Path | None) -> None:
        self._db = open_passing(SCHEMA, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def clear(self) -> None:
        """Forget it all."""
        for table in ("words", "names"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own

    def put(self, words: Iterable[Word]) -> None:
        """The later word counts."""
        self._many(
            "INSERT OR REPLACE INTO words VALUES (?, ?, ?, ?)",
            (
                (one.element, one.kind, None if one.fields is None else msgspec.msgpack.encode(one.fields), one.erased)
                for one in words
            ),
        )

    def name(self, names: Iterable[Name]) -> None:
        """Say what stands for some of them here."""
        rows = ((one.element, one.here, one.key, one.copied) for one in names)
        self._many("INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?)", rows)

    def _many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(sql, rows)
        self._db.execute("COMMIT")

    def count(self) -> int:
        """Elements that are there, and not gone."""
        return int(self._db.execute("SELECT count(*) FROM words WHERE fields IS NOT NULL").fetchone()[0])

    def pages(self) -> Iterator[list[Word]]:
        """Every word, some hundreds at a time, in the order of the elements' ids."""
        after = ""
        while rows := self._db.execute(
            "SELECT * FROM words WHERE element > ? ORDER BY element LIMIT ?", (after, PAGE)
        ).fetchall():
            yield [
                Word(row[0], row[1], msgspec.msgpack.decode(row[2]) if row[2] else None, bool(row[3])) for row in rows
            ]
            after = rows[-1][0]

    def named(self, element: str) -> Name | None:
        """What stands for an element here, if that was said."""
        row = self._db.execute("SELECT * FROM names WHERE element = ?", (element,)).fetchone()
        return Name(row[0], row[1], row[2], bool(row[3])) if row else None

    def lacks(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of these rows that are not among what is copied from there now."""
        asked = "SELECT 1 FROM names WHERE key = ? AND copied"
        return [key for key in keys if not self._db.execute(asked, (key,)).fetchone()]

    def through(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of these rows whose elements are known here otherwise."""
        asked = "SELECT 1 FROM names WHERE key = ? AND NOT copied"
        return [key for key in keys if self._db.execute(asked, (key,)).fetchone()]

    def keys(self) -> Iterator[bytes]:
        """The rows that are copied from there now."""
        for (key,) in self._db.execute("SELECT key FROM names WHERE copied"):
            yield key
