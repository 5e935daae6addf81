# SPDX-License-Identifier: AGPL-3.0-or-later
"""How `archive.db` is opened: by one writer, and by readers that SQLite itself keeps from writing.

The writer commits with `synchronous=FULL` in WAL mode: when COMMIT returns, the transaction would survive a pulled
plug. `secure_delete` is set for every writer, so that whatever is deleted is overwritten (see erasing.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convergences_protocol.errors import LocalError

from convergences_node.read_only import open_database, refusal, why_read_only
from convergences_node.sqlite_values import take_values_as_they_are

from .model import CARD_FAILS, CARD_FULL, NEW_CARD, ArchiveFull

take_values_as_they_are()

ARCHIVE_NAME = "archive.db"

WAL_PAGES = 2_000
"""Pages (of 4 KiB) in the write-ahead log before it is folded into the file: 8 MiB, of which a batch is a tenth."""
WAL_PAGES_MAX = 4 * WAL_PAGES
"""From here on SQLite folds at the next commit, whoever waits for that; before, `folding.py` does when nobody waits."""

WRITER_CACHE_KIB = 8_192
READER_CACHE_KIB = 2_048
"""Small: a Pi has little memory, and the system keeps the file's pages anyway."""

DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""What SQLite calls a file that cannot be believed."""

BUSY_MS = 10_000
"""Only a checkpoint ever makes anyone wait; longer than this and something else is wrong."""


def open_writer(path: Path, *, pages_max: int | None = None) -> sqlite3.Connection:
    """The one connection that writes. `pages_max` bounds the file (in pages of 4 KiB); None leaves it to the disk."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
    connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
    if pages_max is not None:
        connection.execute(f"PRAGMA max_page_count = {int(pages_max)}")
    return connection


def rest(connection: sqlite3.Connection) -> None:
    """Let go of the pages that are kept to write the same ones again: nobody needs them while nothing is written."""
    connection.execute("PRAGMA shrink_memory")


UNWRITABLE = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_SHMSIZE)
"""What SQLite says where the system refuses to let a file grow for another reason: a quota, a limit."""


@contextmanager
def damage_told() -> Iterator[None]:
    """Turn what SQLite says of a damaged file or a full disk into a sentence, with the next step."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise ArchiveFull(
                "the archive is full: there is no room left, and nothing was written", fault=CARD_FULL
            ) from error
        if getattr(error, "sqlite_errorcode", 0) in UNWRITABLE:
            raise ArchiveFull(
                "the archive takes no more: a file cannot grow, and nothing was written", fault=CARD_FULL
            ) from error
        if code == sqlite3.SQLITE_READONLY:  # the card has turned so under a node that runs
            raise refusal("read-only file system") from error
        if code == sqlite3.SQLITE_IOERR:
            raise LocalError(f"the node's card returns errors: {error}", hint=NEW_CARD, fault=CARD_FAILS) from error
        if code not in DAMAGE:
            raise
        raise LocalError(
            f"{ARCHIVE_NAME} is damaged: {error}",
            hint="convergences verify lists what; then restore the folder from a backup, without head.guard",
        ) from error


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write: opened read-only, and told so once more."""
    if not path.exists():
        raise LocalError(f"no archive at {path}")
    if why_read_only(path.parent) is not None:
        connection = open_database(path)
    else:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    return connection
