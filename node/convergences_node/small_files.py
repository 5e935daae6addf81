# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small SQLite files of a node that are neither archive nor index: how they are opened, in one place.

Two sorts. What is *kept* stands beside the archive and may be lost (who follows, how sources went, what was refused): a
short transaction is durable enough, and what is deleted is overwritten. To look at it writes nothing: a node at rest
looks twice a minute. What is *passing* lives as long as one piece of
work and is nobody's loss: no journal, and a bounded cache, beyond which it goes to the disk. Both may be used from any
thread, by one at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from convergences_node.read_only import copy_in_memory, why_read_only

BUSY_MS = 5_000
"""The operator's command waits so long for the running node, and the other way round."""
CACHE_KIB = 2_048
"""SQLite's own default; what passes much through its file asks for more."""


def open_kept(path: Path, schema: str, *, stays_open: bool = False) -> sqlite3.Connection:
    """A file beside the archive, made if it is not there; nobody but the node's own user may read it.

    One that `stays_open` has a write-ahead log, which costs less for each write, and makes two files and deletes them
    for each that opens it alone, be it for a look.
    On a card that takes no write it is read into memory: what is noted then is forgotten when the node stops.
    """
    if why_read_only(path.parent) is not None:
        db = copy_in_memory(path)
        db.executescript(schema)
        return db
    if not path.exists():
        path.touch(mode=0o600, exist_ok=True)
    journal = "WAL" if stays_open else "DELETE"
    settings = (f"busy_timeout = {BUSY_MS}", f"journal_mode = {journal}", "synchronous = NORMAL", "secure_delete = ON")
    return _open(path, schema, settings)


def open_passing(schema: str, path: Path | None = None, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
    """A file for one piece of work: of SQLite's own, without a name, or anew where its caller will remove it."""
    if path is not None:
        path.unlink(missing_ok=True)
    return _open(path or "", schema, ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{cache_kib}"))


def _open(path: Path | str, schema: str, settings: Sequence[str]) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in settings:
        db.execute(f"PRAGMA {setting}")
    db.executescript(schema)
    return db
