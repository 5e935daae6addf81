# SPDX-License-Identifier: AGPL-3.0-or-later
"""The steps that bring an `archive.db` of any age to the present `schema.sql`.

`schema.sql` is what a person reads; these numbered steps are what a node runs (`migrating.py`), and a test keeps them
equal.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from convergences_node import migrating
from convergences_node.migrating import Layout, Step

SCHEMA = Path(__file__).with_name("schema.sql")

APPLICATION_ID = 0x436F6E76
"""`Conv`, in the header of the file (PRAGMA application_id): whose file this is."""
LAYOUT = Layout("archive.db", APPLICATION_ID, "an archive")


def first(database: Any) -> None:
    """The archive as it was first laid out."""
    migrating.lay_out(database, LAYOUT, FIRST)


STEPS: tuple[Step, ...] = (first,)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present schema (`migrating.migrate`)."""
    migrating.migrate(connection, LAYOUT, STEPS)


def is_older(connection: sqlite3.Connection) -> bool:
    """Whether the file has to be migrated. Refuses one that this program does not know."""
    return migrating.check_version(connection, LAYOUT, STEPS) < len(STEPS)


def check_current(connection: sqlite3.Connection) -> None:
    """Refuse a file of any other schema than the present one (`migrating.check_current`)."""
    migrating.check_current(connection, LAYOUT, STEPS)


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
