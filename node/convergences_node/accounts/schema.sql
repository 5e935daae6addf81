-- SPDX-License-Identifier: AGPL-3.0-or-later
-- private.db: what belongs to this node alone. It is in the encrypted backup, and may go back in time.
-- A person reads this file; a node runs migrations.py; a test keeps them equal.

-- Who may run the node from a browser.
CREATE TABLE operators (
    operator   INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    password   TEXT NOT NULL,               -- Argon2id, as a PHC string
    changed_at INTEGER NOT NULL             -- Unix seconds, by this node's clock
) STRICT;

-- Who is logged in. What is in the browser's cookie is not here: only its SHA-256.
CREATE TABLE sessions (
    digest   BLOB PRIMARY KEY CHECK (length(digest) = 32),
    operator INTEGER NOT NULL REFERENCES operators (operator) ON DELETE CASCADE,
    token    TEXT NOT NULL,                 -- repeated by every form of this session
    began_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    agent    TEXT NOT NULL                  -- what the browser says it is, for its owner to recognise
) STRICT, WITHOUT ROWID;

-- What opens the operator's page in the place of a password (W3C Web Authentication): public keys, no secret.
CREATE TABLE passkeys (
    id       BLOB PRIMARY KEY CHECK (length(id) <= 1023),
    operator INTEGER NOT NULL REFERENCES operators (operator) ON DELETE CASCADE,
    key      BLOB NOT NULL,                 -- COSE_Key (RFC 9052 section 7)
    count    INTEGER NOT NULL,              -- of signatures, where the device counts them
    name     TEXT NOT NULL,                 -- what its owner calls it
    host     TEXT NOT NULL,                 -- the host name that it was made for
    made_at  INTEGER NOT NULL,
    used_at  INTEGER
) STRICT, WITHOUT ROWID;

-- What the node remembers for its operator: an invitation that is not taken up yet, alerts that were sent.
CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
