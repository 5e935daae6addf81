# SPDX-License-Identifier: AGPL-3.0-or-later
"""The steps that bring a `private.db` of any age to the present `schema.sql`.

As in the archive: a step is never changed once it was released, each is one transaction with the mark that it ran, and
a file that counts more steps than this program knows is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convergences_protocol.errors import LocalError

from convergences_node.archive.migrations import statements

PRIVATE_NAME = "private.db"
SCHEMA = Path(__file__).with_name("schema.sql")
APPLICATION_ID = 0x436F6E70
"""`Conp`, in the header of the file (PRAGMA application_id): whose file this is."""


def first(database: Any) -> None:
    """Operators, sessions and notes."""
    for statement in statements(FIRST):
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")


STEPS: tuple[Callable[[Any], None], ...] = (first,)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present schema. Does nothing, and imports nothing, when it is there already."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner not in (0, APPLICATION_ID):
        raise LocalError(f"{PRIVATE_NAME} is not a node's private file: its application id is {owner:#x}")
    if version > len(STEPS):
        raise LocalError(
            f"{PRIVATE_NAME} was written by a newer program: its schema is number {version}, this one knows"
            f" {len(STEPS)}",
            hint="install the newer version of convergences again; nothing was changed",
        )
    if version == len(STEPS):
        return
    from sqlite_utils import Database, Migrations

    migrations = Migrations("private")
    for number, step in enumerate(STEPS, start=1):
        migrations(name=f"{number:04}_{step.__name__}")(_counted(step, number))
    migrations.apply(Database(connection, execute_plugins=False))


def _counted(step: Callable[[Any], None], number: int) -> Callable[[Any], None]:
    def run(database: Any) -> None:
        step(database)
        database.execute(f"PRAGMA user_version = {number}")

    return run


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
