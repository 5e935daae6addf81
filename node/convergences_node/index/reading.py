# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading many rows in one step of SQLite.

Python's sqlite3 gives the interpreter away and asks for it back at every row. With a few threads that answer at once,
and another that writes, each of those is a place to wait: twenty rows cost twenty turns. So rows are gathered into one
JSON text by SQLite, in C and without the interpreter, and taken apart by msgspec, in C too
(docs/decisions/0022-one-step.md has the measures).
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

_rows = msgspec.json.Decoder(list[list[Any]]).decode
_column = msgspec.json.Decoder(list[Any]).decode
_numbers = msgspec.json.Decoder(list[int]).decode


def rows_of(db: sqlite3.Connection, columns: Sequence[str], select: str, values: Sequence[Any]) -> list[list[Any]]:
    """The rows of `select`, in its order; `columns` are its columns by name, integers, texts or NULL (no blobs)."""
    sql = f"SELECT json_group_array(json_array({', '.join(columns)})) FROM ({select})"
    return _rows(db.execute(sql, values).fetchone()[0])


def column_of(db: sqlite3.Connection, column: str, select: str, values: Sequence[Any]) -> list[Any]:
    """One column of the rows of `select`, in its order."""
    return _column(db.execute(f"SELECT json_group_array({column}) FROM ({select})", values).fetchone()[0])


def numbers_of(db: sqlite3.Connection, column: str, select: str, values: Sequence[Any]) -> list[int]:
    """The same of a column of integers, none of them NULL: a text of hundreds of them is made in half the time."""
    found = db.execute(f"SELECT group_concat({column}) FROM ({select})", values).fetchone()[0]
    return _numbers(f"[{found or ''}]")
