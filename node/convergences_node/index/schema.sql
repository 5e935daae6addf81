-- The projection that is searched. Nothing here is the truth: the archive is, and `convergences reindex` makes all of
-- this again from it. A file of another VERSION (store.py) is not migrated but rebuilt.
-- A `row` is an element's number in this file: its birth in milliseconds (of its uuid) and a few random bits, so that
-- the order of rows is the order of birth and full-text search gives the newest first without sorting.
-- An `id` is the uuid's 16 bytes, then the code of the territory where the element was born.

CREATE TABLE settings (                       -- versions of the schema, the normaliser and the kinds; the dates' horizon
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
    log        INTEGER PRIMARY KEY,
    origin     TEXT NOT NULL UNIQUE,
    territory  TEXT NOT NULL,
    applied    INTEGER NOT NULL,              -- entries taken in, in the same transaction as what they changed
    root       BLOB NOT NULL                  -- of the log's tree at that size: another one has another history
) STRICT;

CREATE TABLE speakers (                       -- which logs count for a territory: the charter's word when last applied
    territory TEXT NOT NULL,
    place     INTEGER NOT NULL,               -- 0 speaks first, a later one has the last word
    origin    TEXT NOT NULL,
    stop      INTEGER NOT NULL,               -- entries from here on do not count; -1: all do
    PRIMARY KEY (territory, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE elements (                       -- the current state of each: what is filtered and sorted by
    row      INTEGER PRIMARY KEY,
    tags     TEXT NOT NULL,                   -- ' 3 17 58 ': the tags below, between spaces
    id       BLOB NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    place    INTEGER NOT NULL,                -- the record that says so: the log's place among the territory's speakers,
    log      INTEGER NOT NULL,                -- the log,
    idx      INTEGER NOT NULL,                -- and its number there
    first    INTEGER,                         -- when it happens: first and last second, of the whole series if it recurs
    last     INTEGER,
    recurs   INTEGER NOT NULL,                -- 1: it happens at its `occurrences`
    began    INTEGER,                         -- when it exists, as far as is known
    ended    INTEGER,
    lat      INTEGER,                         -- 1e-7 degree
    lon      INTEGER,
    name_key TEXT NOT NULL                    -- how its name is ordered
) STRICT;
CREATE INDEX elements_by_name ON elements (name_key, row);

CREATE TABLE states (                         -- the rest of it: what is searched by words, and what is shown
    row    INTEGER PRIMARY KEY,
    a      TEXT NOT NULL,                     -- normalised words by weight,
    b      TEXT NOT NULL,
    c      TEXT NOT NULL,
    t      TEXT NOT NULL,                     -- and tags and squares, as words that no text contains (cells.py)
    digest BLOB NOT NULL,                     -- of the record's header
    author BLOB NOT NULL,
    time   INTEGER NOT NULL,
    fields TEXT NOT NULL                      -- JSON, without the salt
) STRICT;

CREATE TABLE filed (                          -- those whose fields name a file (files.py)
    row INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE cards (                          -- what a list shows of each: JSON as it is sent (card.py)
    row  INTEGER PRIMARY KEY,
    card TEXT NOT NULL
) STRICT;

CREATE TABLE withdrawn (                      -- elements whose last readable record withdraws them
    id    BLOB PRIMARY KEY,
    place INTEGER NOT NULL,
    log   INTEGER NOT NULL,
    idx   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE aside (                          -- entries that this version of the program cannot read
    log    INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE wanted (                         -- entries whose body was not there: looked at again when it comes
    log INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE erasures (                       -- erasures of the archive that this index has followed
    origin TEXT NOT NULL,
    idx    INTEGER NOT NULL,
    PRIMARY KEY (origin, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (                           -- a value of a facet, by number: (kind, actor), (territory, FR-93066) ...
    tag   INTEGER PRIMARY KEY,
    facet TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (facet, value)
) STRICT;

CREATE TABLE counts (                         -- how many elements of a territory have a tag
    territory INTEGER NOT NULL,               -- its tag; 0: anywhere; -1: those not listed
    tag       INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    PRIMARY KEY (territory, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE dated (                          -- elements that happen at a date, by tag, in the order of their dates
    tag   INTEGER NOT NULL,
    span  INTEGER NOT NULL,                   -- 0: lasts up to two days, 1: up to a month, 2: longer, or recurs
    first INTEGER NOT NULL,
    row   INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    mask  INTEGER NOT NULL,                   -- all of its tags, so that most are passed over here (masks.py)
    PRIMARY KEY (tag, span, first, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE occurrences (                    -- of those that recur, within the horizon
    row   INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    PRIMARY KEY (row, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE points (                         -- where elements are, by kind, in bands from south to north (bands.py)
    kind  INTEGER NOT NULL,                   -- its tag
    band  INTEGER NOT NULL,
    lon   INTEGER NOT NULL,                   -- 1e-7 degree
    row   INTEGER NOT NULL,
    lat   INTEGER NOT NULL,
    mask  INTEGER NOT NULL,                   -- as in `dated`
    PRIMARY KEY (kind, band, lon, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE outlines (                       -- the box around what has an outline and no point, in 1e-7 degree
    row   INTEGER PRIMARY KEY,
    west  INTEGER NOT NULL,
    south INTEGER NOT NULL,
    east  INTEGER NOT NULL,
    north INTEGER NOT NULL
) STRICT;

CREATE TABLE edges (                          -- what an element says of two others, or of itself and another
    row       INTEGER NOT NULL,               -- who says it
    subject   BLOB NOT NULL,                  -- an id; the element may be unknown here
    predicate TEXT NOT NULL,
    object    BLOB NOT NULL,
    began     INTEGER,
    ended     INTEGER,
    PRIMARY KEY (row, subject, predicate, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_by_subject ON edges (subject, predicate, object);
CREATE INDEX edges_by_object ON edges (object, predicate, subject);

CREATE TABLE territories (                    -- what the records say of territories, and how these nest
    row          INTEGER PRIMARY KEY,
    code         TEXT NOT NULL,
    name         TEXT NOT NULL,
    within       TEXT NOT NULL,               -- JSON lists
    former_names TEXT NOT NULL,
    former_codes TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE words USING fts5 (
    a, b, c, t, content = 'states', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 2', columnsize = 0
);

