# SPDX-License-Identifier: AGPL-3.0-or-later
"""An archive of an older schema on a card that takes no write: read from a migrated copy in memory.

A card fails while a new version migrates what is on it, or goes into another machine with a newer program. The archive
stays the truth and is not touched. The copy is a projection of it, as an index is: made again at every start of the
node, under the lock of its folder, whole or not there, and gone when the node ends. Nothing can be appended to it or
signed from it, because the folder that is locked takes no write; so no second history can come of it. It takes memory,
and is bounded; where it has no room, the start is refused with what a person can do.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError

from convergences_node.read_only import memory_bytes, open_database, passing_places, roomy_folder, why_read_only

from .connection import ARCHIVE_NAME
from .migrations import is_older, migrate

log = logging.getLogger(__name__)

BYTES_MAX = 64 << 20
"""Of 60,000 records or more. With an index in memory too, the node stays under the 400 MiB that it may take."""
PART_OF_MEMORY = 16
"""Of the machine's: 63 MiB where there is 1 GB."""
PART_OF_ROOM = 2
"""Sorting, and other programs, need the rest of the room where it lies."""
PART_NAME = "archive.copy.db"
COPY_PAGES = 1_024
PAGE_BYTES = 4_096


def path_to_read(folder: Path) -> Path:
    """The file that readers open: the archive, or the copy that a node on a card that takes no write has made of it."""
    path = folder / ARCHIVE_NAME
    if why_read_only(folder) is None:
        return path
    copies = [place / ARCHIVE_NAME for place in passing_places(folder)]
    return next((copy for copy in copies if copy.exists() and _is_older(path)), path)


def make_up(folder: Path) -> None:
    """Have a copy of the present schema in memory, if the archive on this card is of an older one.

    Raises `LocalError` if there is no room for it, or if the archive is a newer program's. To be called with the folder
    locked, on a card that takes no write.
    """
    forget(folder)
    path = folder / ARCHIVE_NAME
    if not path.exists() or not _is_older(path):
        return
    place, room = roomy_folder(folder)
    bytes_max = min(BYTES_MAX, memory_bytes() // PART_OF_MEMORY, room // PART_OF_ROOM)
    size = sum(each.stat().st_size for each in (path, path.with_name(f"{ARCHIVE_NAME}-wal")) if each.exists())
    if size > bytes_max:
        raise _no_room(size, bytes_max)
    log.warning("the archive on this card is of an older schema, and the card takes no write: read from a copy")
    part = place / PART_NAME
    try:
        _migrated(path, part, bytes_max)
    except BaseException as error:
        _remove(part)
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorname == "SQLITE_FULL":
            raise _no_room(size, bytes_max) from error
        raise
    part.rename(place / ARCHIVE_NAME)


def forget(folder: Path) -> None:
    """The node ends, or its card is written again."""
    with suppress(LocalError, OSError):  # of a stranger's folder nothing is believed, and nothing removed
        for place in passing_places(folder):
            _remove(place / ARCHIVE_NAME)
            _remove(place / PART_NAME)


def _is_older(path: Path) -> bool:
    with closing(open_database(path)) as db:
        return is_older(db)


def _migrated(path: Path, part: Path, bytes_max: int) -> None:
    with closing(open_database(path)) as old, closing(sqlite3.connect(part, isolation_level=None)) as new:
        part.chmod(0o600)
        old.backup(new, pages=COPY_PAGES, sleep=0)
        # It is whole or thrown away: no journal outlives this, and none is needed by who only reads it.
        new.execute("PRAGMA journal_mode = MEMORY")
        new.execute("PRAGMA synchronous = OFF")
        new.execute(f"PRAGMA max_page_count = {bytes_max // PAGE_BYTES}")
        migrate(new)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _no_room(size: int, bytes_max: int) -> LocalError:
    return LocalError(
        f"{ARCHIVE_NAME} was written by an older program, and its card takes no write: a copy of {size} bytes in memory"
        f" would be read, and {bytes_max} may be taken",
        hint="copy the folder to a new card, and start there",
        fault=Fault("", "archive_older", {"bytes": size, "bytes_max": bytes_max}),
    )
