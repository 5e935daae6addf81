# SPDX-License-Identifier: AGPL-3.0-or-later
"""How `index.db` is opened, told apart from an older one, and made anew.

The index may be lost at any time: it is a projection. So nothing here repairs or migrates. A file that is missing, of
another version, torn, or ahead of the archive is put aside and built again, and one line of the log says why.
`synchronous=NORMAL` is enough: what a power cut takes from the end is applied again from the cursors, which were taken
with it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from functools import cache
from pathlib import Path

from convergences_protocol.kinds import KINDS

from convergences_node.index.normalise import NORMALISER_VERSION
from convergences_node.index.views import Item
from convergences_node.read_only import open_database, why_read_only
from convergences_node.sqlite_values import take_values_as_they_are

take_values_as_they_are()

INDEX_NAME = "index.db"
REBUILD_NAME = "index.new.db"
SCHEMA = Path(__file__).with_name("schema.sql")
VERSION = 5
"""Changes with anything in `plan.py`, `row.py`, `card.py` and `lines.py` that changes what is stored; schema and cards
count by themselves."""

WRITER_CACHE_KIB, WRITER_CACHE_MUCH_KIB = 16_384, 32_768
READER_CACHE_KIB = 2_048
MMAP_BYTES = 0x7FFF0000
"""Readers map the file, as much of it as SQLite allows: its pages belong to the system, which may take them back, and
are not copied. Over a million elements a fifth of a question's time was copying."""
PAGE_BYTES = 8_192
"""Twice what SQLite takes by itself: a record's lines are some 2,600 bytes, and what is written of each page costs a
call twice, into the log and out of it."""
WAL_PAGES_MAX, WAL_PAGES_MUCH_MAX = 4_000, 8_000
"""32 MiB, or 64: what is written again and again, such as the lists of a rebuild, goes once to the file."""
WAL_PAGES_IN_MEMORY = 500
"""4 MiB, of an index that is in memory: there the log costs memory, too, and folding it costs nothing."""
BOUNDED_PAGES_MAX = 1 << 24
"""A file that may not have more pages than this (128 GiB) has a bound of ours; SQLite's own is higher."""
CHECKED_BYTES_MAX = 1 << 28
"""A larger file is not read through before it serves (half a second for 100,000 elements): what is torn in it is found
when it is asked for, and it is built again then."""
BUSY_MS = 10_000
SETTLE_MS = 200
"""To empty the log, SQLite needs a moment without any question; it is worth no longer a wait than this."""
FOLD_SECONDS_MAX, FOLD_PAUSE_SECONDS = 60.0, 0.01
"""To fold it into the file only takes that no question is older than the last writing."""
SEGMENTS_USUAL, SEGMENTS_MUCH = 4, 16
"""Segments of one level that full-text search merges by itself: SQLite's default, and its most."""
MERGE_PAGES = 500
"""Pages of full-text search that one step of `forget` merges: some tens of milliseconds."""


class UnfitError(Exception):
    """The file cannot serve: `reason` is `missing`, `version`, `torn` or `ahead`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


def is_without_room(error: BaseException | None) -> bool:
    """Whether it is for want of room that a file could not be written, or not be opened to be."""
    cause = error.__cause__ if isinstance(error, UnfitError) else error
    code = str(getattr(cause, "sqlite_errorname", ""))
    return code.startswith(("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE"))


@cache
def program_version() -> str:
    """What an index depends on besides the records: a changed schema, normaliser or kind makes another index."""
    fields = [
        (kind.name, kind.title_field, f.name, str(f.type), f.many, f.required, f.limit, f.terms, f.facet, f.searched)
        for kind in KINDS.values()
        for f in kind.fields
    ]
    text = SCHEMA.read_text(encoding="utf-8") + repr((fields, Item.__struct_fields__))
    return f"{VERSION}.{NORMALISER_VERSION}.{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def create(path: Path, bytes_max: int | None = None) -> sqlite3.Connection:
    """A new, empty index at `path`, open for writing, that never becomes larger; what was there before is gone."""
    remove(path)
    db = _writer(path, bytes_max)
    try:
        db.executescript("BEGIN;" + SCHEMA.read_text(encoding="utf-8") + "COMMIT;")
        db.execute("INSERT INTO settings VALUES ('version', ?)", (program_version(),))
    except BaseException:
        db.close()  # what it took of a full card is given back when the file is removed
        raise
    return db


def open_writer(path: Path, *, check: bool = True, bytes_max: int | None = None) -> sqlite3.Connection:
    """The index at `path`, open for writing. Raises `UnfitError` when it has to be built again."""
    if not path.exists():
        raise UnfitError("missing")
    db: sqlite3.Connection | None = None
    try:
        # Where nothing can be written, what is written there fails, and what is there serves.
        db = open_reader(path) if why_read_only(path.parent) is not None else _writer(path, bytes_max)
        found = db.execute("SELECT value FROM settings WHERE name = 'version'").fetchone()
        if found is None or found[0] != program_version():
            raise UnfitError("version", f"built as {found and found[0]}, this program builds {program_version()}")
        small = path.stat().st_size <= CHECKED_BYTES_MAX
        if check and small and (verdict := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise UnfitError("torn", str(verdict)[:200])
    except (sqlite3.DatabaseError, UnfitError) as error:
        if db is not None:
            db.close()
        raise error if isinstance(error, UnfitError) else UnfitError("torn", str(error)) from error
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, for one thread at a time."""
    if why_read_only(path.parent) is not None:
        db = open_database(path)
    else:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    db.execute("PRAGMA query_only = ON")
    db.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    db.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def _writer(path: Path, bytes_max: int | None = None) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    # An erased person's words must not stay in freed pages.
    db.execute("PRAGMA secure_delete = ON")
    if bytes_max is not None:
        db.execute(f"PRAGMA max_page_count = {max(1, bytes_max // PAGE_BYTES)}")
    _remember(db, WRITER_CACHE_KIB, WAL_PAGES_MAX)
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def remove(path: Path) -> None:
    """Delete an index and what SQLite keeps beside it."""
    for end in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def expect_much(db: sqlite3.Connection) -> None:
    """Before much is written: leave the merging of full-text search's segments to `settle`, for a fifth less work, and
    keep more pages in memory, of which the same ones are written again and again."""
    _merge_at(db, SEGMENTS_MUCH)
    _remember(db, WRITER_CACHE_MUCH_KIB, WAL_PAGES_MUCH_MAX)


def expect_little(db: sqlite3.Connection) -> None:
    """Undo `expect_much`."""
    _merge_at(db, SEGMENTS_USUAL)
    _remember(db, WRITER_CACHE_KIB, WAL_PAGES_MAX)
    rest(db)


def rest(db: sqlite3.Connection) -> None:
    """Let go of the pages that are kept to write the same ones again: up to 16 MiB, which nobody needs at rest."""
    db.execute("PRAGMA shrink_memory")


def _remember(db: sqlite3.Connection, cache_kib: int, wal_pages: int) -> None:
    is_bounded = db.execute("PRAGMA max_page_count").fetchone()[0] < BOUNDED_PAGES_MAX
    db.execute(f"PRAGMA cache_size = -{cache_kib}")
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_IN_MEMORY if is_bounded else wal_pages}")


def settle(db: sqlite3.Connection) -> None:
    """After much was written: pack full-text search, which then answers faster, and empty the write-ahead log, unless
    questions follow each other without a pause: then it is folded into the file, and stays until it is used again."""
    expect_little(db)
    db.execute("INSERT INTO words (words) VALUES ('optimize')")
    db.execute("PRAGMA optimize")
    db.execute(f"PRAGMA busy_timeout = {SETTLE_MS}")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


def fold(db: sqlite3.Connection) -> None:
    """Bring all of the write-ahead log into the file, so that the file alone is the index. Questions may be asked all
    the while; one that began before the last writing is waited for. Raises `OperationalError` if it does not end."""
    deadline = time.monotonic() + FOLD_SECONDS_MAX
    while True:
        _, pages, folded = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages == folded:
            return
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError(f"a question is being answered for {FOLD_SECONDS_MAX:.0f} s")
        time.sleep(FOLD_PAUSE_SECONDS)


def _merge_at(db: sqlite3.Connection, segments: int) -> None:
    db.execute("INSERT INTO words (words, rank) VALUES ('automerge', ?)", (segments,))


def forget(db: sqlite3.Connection) -> bool:
    """After deletions for an erasure, leave no word of them in the file: one step, to be repeated while it is True.

    Full-text search keeps deleted words until its segments are merged into one. Merged by portions, so that what is
    written meanwhile does not wait for all of it; then the log that held the old pages is emptied.
    """
    segments = db.execute("SELECT count(DISTINCT segid) FROM words_idx").fetchone()[0]
    before = db.total_changes
    db.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (-MERGE_PAGES if segments > 1 else MERGE_PAGES,))
    if db.total_changes - before >= 2:
        return True
    db.execute("INSERT INTO words (words) VALUES ('optimize')")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return False
