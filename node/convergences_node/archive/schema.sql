-- SPDX-License-Identifier: AGPL-3.0-or-later
-- The archive of one node: its own logs and the logs of others, in the same tables, partitioned by log.
--
-- A leaf of a log is found by its *place*: log * 2^40 + index. One integer key keeps a log's leaves side by side in
-- index order, makes appending the cheapest thing SQLite can do, and joins headers to bodies without a digest
-- (docs/decisions/0010-places.md has the measures).
-- Indexes of digests are parted into *runs* of 2^14 leaves, in the order of arrival (and that of elements by place), so
-- that a batch touches a few pages of them however large the archive is; a search looks into each run.
-- A *key* of something (digest, body_key, element) is the first 8 bytes of a SHA-256, as a signed integer: enough to
-- find rows; whoever finds them compares the whole. A body's digest, an element's id, the author and the time are in
-- the header, and are not written twice.

CREATE TABLE logs (
    log          INTEGER PRIMARY KEY,
    origin       TEXT NOT NULL UNIQUE,         -- convergences/<territory>/<epoch>
    territory    TEXT NOT NULL,
    node_key     BLOB NOT NULL CHECK (length(node_key) = 32),
    recovery_key BLOB CHECK (length(recovery_key) = 32),
    own          INTEGER NOT NULL CHECK (own IN (0, 1)),
    status       TEXT NOT NULL CHECK (status IN ('open', 'closed', 'aside')),
    size         INTEGER NOT NULL CHECK (size >= 0),
    frontier     BLOB NOT NULL,                -- the right edge of the tree at that size
    wanted       INTEGER NOT NULL CHECK (wanted >= 0),  -- how many bodies are still wanted
    erasures_read INTEGER NOT NULL             -- erasures below this index have been heard
) STRICT;

CREATE TABLE entries (
    place      INTEGER PRIMARY KEY,
    header     BLOB NOT NULL,                  -- the leaf, as received
    run        INTEGER NOT NULL,               -- how many leaves had arrived before, / 2^14
    digest     INTEGER NOT NULL,               -- key of SHA-256(header)
    element    INTEGER,                        -- key of the element's id; NULL in a control record
    body_key   INTEGER,                        -- key of the body's digest; NULL where there is no body
    slot       INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 4),  -- 0 none, 1 here, 2 wanted, 3 erased, 4 hidden
    unreadable TEXT                            -- why the strict door refuses it, if it does
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

-- Hashes of complete subtrees, 256 a row. The last, incomplete row of level 0 is not here: it is hashed again from
-- the headers, so that appending one record does not rewrite 8 KiB.
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
    note BLOB NOT NULL,                        -- signed by the log's key
    PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;

CREATE TABLE cosignatures (                    -- the latest one of each cosigner on each log
    log      INTEGER NOT NULL,
    cosigner TEXT NOT NULL,
    size     INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    line     BLOB NOT NULL,
    PRIMARY KEY (log, cosigner)
) STRICT, WITHOUT ROWID;

CREATE TABLE forks (
    digest BLOB PRIMARY KEY,                   -- SHA-256 of the proof
    origin TEXT NOT NULL,
    proof  BLOB NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;

CREATE TABLE erasures (                        -- erasure records found in logs, and what was done of them
    origin   TEXT NOT NULL,                    -- the log that the erasure is written in
    idx      INTEGER NOT NULL,
    heard_at INTEGER NOT NULL,                 -- this node's clock, when it was first seen here; 0: not dated
    weight   INTEGER NOT NULL,                 -- how much it asks to forget; 0 if nothing of it is here
    released INTEGER NOT NULL CHECK (released IN (0, 1)),  -- a person here let it through
    at_once  INTEGER NOT NULL CHECK (at_once IN (0, 1)),   -- the operator here does not wait for seven days
    state    TEXT NOT NULL CHECK (state IN ('invalid', 'pending', 'hidden', 'dropped')),
    element  BLOB,                             -- the element's id, in CBOR, if it names one
    PRIMARY KEY (origin, idx)
) STRICT, WITHOUT ROWID;

CREATE INDEX erasures_element ON erasures (element) WHERE element IS NOT NULL;

CREATE TABLE sources (                         -- what was imported, so that importing again changes only what changed
    key     BLOB PRIMARY KEY,                  -- SHA-256 of source and source id: no word of them stays here
    element BLOB NOT NULL,                     -- the element's id, in CBOR
    content BLOB NOT NULL                      -- digest of the row's content
) STRICT, WITHOUT ROWID;

CREATE TABLE peers (
    node_key  BLOB PRIMARY KEY,
    territory TEXT,
    addresses TEXT NOT NULL,                   -- a JSON list
    heard_at  INTEGER,
    faults    INTEGER NOT NULL,
    fault     TEXT                             -- the last one
) STRICT, WITHOUT ROWID;

CREATE TABLE choices (                         -- what the operator chose, such as which logs are kept
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
