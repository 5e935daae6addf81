# SPDX-License-Identifier: AGPL-3.0-or-later
"""The steps that bring an `archive.db` of any age to the present `schema.sql`.

`schema.sql` is what a person reads; these numbered steps are what a node runs, and a test keeps them equal. A step is
never changed once it was released. Each runs in a transaction together with the mark that it ran, so a power cut in
the middle leaves the file before it or after it. `user_version` counts the steps: a file that counts more than this
program knows was written by a newer one, and is refused rather than guessed at.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = Path(__file__).with_name("schema.sql")

APPLICATION_ID = 0x436F6E76
"""`Conv`, in the header of the file (PRAGMA application_id): whose file this is."""


def first(database: Any) -> None:
    """The archive as it was first laid out."""
    for statement in statements(FIRST):
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")


STEPS: tuple[Callable[[Any], None], ...] = (first,)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present schema. Does nothing, and imports nothing, when it is there already."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    check_version(connection, version)
    if version == len(STEPS):
        return
    # Imported only when there is something to do: it drags half of what a node at rest may weigh.
    from sqlite_utils import Database, Migrations

    migrations = Migrations("archive")
    for number, step in enumerate(STEPS, start=1):
        migrations(name=f"{number:04}_{step.__name__}")(_counted(step, number))
    migrations.apply(Database(connection, execute_plugins=False))


def check_version(connection: sqlite3.Connection, version: int | None = None) -> None:
    """Refuse a file that this program does not know."""
    if version is None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner not in (0, APPLICATION_ID):
        raise LocalError(f"archive.db is not an archive: its application id is {owner:#x}")
    if version > len(STEPS):
        raise LocalError(
            f"archive.db was written by a newer program: its schema is number {version}, this one knows {len(STEPS)}",
            hint="install the newer version of convergences again; nothing was changed",
        )


def statements(sql: str) -> list[str]:
    """The statements of a script one by one, without comments: `executescript` would commit behind our back."""
    lines = (line.split("--")[0].rstrip() for line in sql.splitlines())
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


def _counted(step: Callable[[Any], None], number: int) -> Callable[[Any], None]:
    def run(database: Any) -> None:
        step(database)
        database.execute(f"PRAGMA user_version = {number}")

    return run


FIRST = """
CREATE TABLE logs (
    log          INTEGER PRIMARY KEY,
    origin       TEXT NOT NULL UNIQUE,
    territory    TEXT NOT NULL,
    node_key     BLOB NOT NULL CHECK (length(node_key) = 32),
    recovery_key BLOB CHECK (length(recovery_key) = 32),
    own          INTEGER NOT NULL CHECK (own IN (0, 1)),
    status       TEXT NOT NULL CHECK (status IN ('open', 'closed', 'aside')),
    size         INTEGER NOT NULL CHECK (size >= 0),
    frontier     BLOB NOT NULL,
    wanted       INTEGER NOT NULL CHECK (wanted >= 0),
    erasures_read INTEGER NOT NULL
) STRICT;
CREATE TABLE entries (
    place      INTEGER PRIMARY KEY,
    header     BLOB NOT NULL,
    run        INTEGER NOT NULL,
    digest     INTEGER NOT NULL,
    element    INTEGER,
    body_key   INTEGER,
    slot       INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 4),
    unreadable TEXT
) STRICT;
CREATE INDEX entries_digest ON entries (run, digest);
CREATE INDEX entries_body ON entries (run, body_key) WHERE body_key IS NOT NULL;
CREATE INDEX entries_element ON entries (place >> 14, element) WHERE element IS NOT NULL;
CREATE INDEX entries_control ON entries (place) WHERE element IS NULL;
CREATE INDEX entries_wanted ON entries (place) WHERE slot = 2;
CREATE INDEX entries_hidden ON entries (place) WHERE slot = 4;
CREATE TABLE bodies (
    place INTEGER PRIMARY KEY,
    body  BLOB NOT NULL
) STRICT;
CREATE TABLE tiles (
    log    INTEGER NOT NULL,
    level  INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    hashes BLOB NOT NULL CHECK (length(hashes) % 32 = 0),
    PRIMARY KEY (log, level, n)
) STRICT;
CREATE TABLE heads (
    log  INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note BLOB NOT NULL,
    PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE cosignatures (
    log      INTEGER NOT NULL,
    cosigner TEXT NOT NULL,
    size     INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    line     BLOB NOT NULL,
    PRIMARY KEY (log, cosigner)
) STRICT, WITHOUT ROWID;
CREATE TABLE forks (
    digest BLOB PRIMARY KEY,
    origin TEXT NOT NULL,
    proof  BLOB NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;
CREATE TABLE erasures (
    origin   TEXT NOT NULL,
    idx      INTEGER NOT NULL,
    heard_at INTEGER NOT NULL,
    weight   INTEGER NOT NULL,
    released INTEGER NOT NULL CHECK (released IN (0, 1)),
    at_once  INTEGER NOT NULL CHECK (at_once IN (0, 1)),
    state    TEXT NOT NULL CHECK (state IN ('invalid', 'pending', 'hidden', 'dropped')),
    element  BLOB,
    PRIMARY KEY (origin, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX erasures_element ON erasures (element) WHERE element IS NOT NULL;
CREATE TABLE sources (
    key     BLOB PRIMARY KEY,
    element BLOB NOT NULL,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE peers (
    node_key  BLOB PRIMARY KEY,
    territory TEXT,
    addresses TEXT NOT NULL,
    heard_at  INTEGER,
    faults    INTEGER NOT NULL,
    fault     TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE choices (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
