# SPDX-License-Identifier: AGPL-3.0-or-later
"""The steps that bring a `private.db` of any age to the present `schema.sql`.

As the archive's steps, they are run by `migrating.py`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from convergences_node import migrating
from convergences_node.migrating import Layout, Step

PRIVATE_NAME = "private.db"
SCHEMA = Path(__file__).with_name("schema.sql")
APPLICATION_ID = 0x436F6E70
"""`Conp`, in the header of the file (PRAGMA application_id): whose file this is."""
LAYOUT = Layout(PRIVATE_NAME, APPLICATION_ID, "a node's private file")


def first(database: Any) -> None:
    """Operators, sessions and notes."""
    migrating.lay_out(database, LAYOUT, FIRST)


def passkeys(database: Any) -> None:
    """What opens the operator's page in the place of a password."""
    database.execute(PASSKEYS)


STEPS: tuple[Step, ...] = (first, passkeys)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present schema (`migrating.migrate`)."""
    migrating.migrate(connection, LAYOUT, STEPS)


FIRST = """
CREATE TABLE operators (
    operator   INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    password   TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE TABLE sessions (
    digest   BLOB PRIMARY KEY CHECK (length(digest) = 32),
    operator INTEGER NOT NULL REFERENCES operators (operator) ON DELETE CASCADE,
    token    TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    agent    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
PASSKEYS = """
CREATE TABLE passkeys (
    id       BLOB PRIMARY KEY CHECK (length(id) <= 1023),
    operator INTEGER NOT NULL REFERENCES operators (operator) ON DELETE CASCADE,
    key      BLOB NOT NULL,
    count    INTEGER NOT NULL,
    name     TEXT NOT NULL,
    host     TEXT NOT NULL,
    made_at  INTEGER NOT NULL,
    used_at  INTEGER
) STRICT, WITHOUT ROWID
"""
