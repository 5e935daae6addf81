# SPDX-License-Identifier: AGPL-3.0-or-later
"""A card that takes no write: whether a folder is on one, and how what is on it is read all the same.

A worn card, or a file system with a fault in it, is made read-only by the system, often between two starts. The town
on it can still be searched and read, its records can still be fetched by peers, and a backup of it can be made. One
place decides, `why_read_only`, and everything else asks it: nothing is written to find out.

SQLite needs a shared memory beside a database with a write-ahead log, and cannot make it there. A database that was
closed is opened as one that nobody changes (`immutable`). One that was not has its newest pages in that log: it is
read by a VFS without locks, under which each connection keeps the log's index in its own memory ("Use of WAL without
shared memory", sqlite.org/wal.html). Nobody can write to either, so no lock is missed.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError

from convergences_node.faults import NotNow

RUNTIME_FOLDER = Path("/run/convergences")
"""Of the package's service: its `RuntimeDirectory`, in memory."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - in it, a folder of the node's own alone
"""In memory, too, and larger: Debian gives it half of the machine's, and `/run` a tenth."""


class ReadOnlyCard(NotNow):
    """The node's card takes no write. Nothing of what was asked was written."""


def why_read_only(folder: Path) -> str | None:
    """Why nothing can be written to this folder, in the system's words; None if it can, or is not there."""
    if not folder.is_dir() or os.access(folder, os.W_OK | os.X_OK):
        return None
    is_mounted_so = os.statvfs(folder).f_flag & os.ST_RDONLY
    return os.strerror(errno.EROFS if is_mounted_so else errno.EACCES)


def refusal(why: str) -> ReadOnlyCard:
    """What is said to whoever wants something written."""
    return ReadOnlyCard(
        f"the node's card takes no write ({why}): nothing was written",
        hint="what is on it can be searched and read; make a backup on a stick, and put in a new card",
        fault=Fault("", "card_read_only", {"reason": why}),
    )


def open_database(path: Path) -> sqlite3.Connection:
    """A database on such a card, for reading; used by one thread at a time."""
    if not path.exists():
        raise LocalError(f"no database at {path}")
    log = path.with_name(f"{path.name}-wal")
    is_folded = not log.exists() or not log.stat().st_size
    how = "immutable=1" if is_folded else "vfs=unix-none"
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&{how}", uri=True, isolation_level=None, check_same_thread=False
    )
    if not is_folded:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
    return db


def copy_in_memory(path: Path) -> sqlite3.Connection:
    """A small database, as it was, that forgets with the process what is written to it; empty if there is none."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    if path.exists() and path.stat().st_size:
        source = open_database(path)
        try:
            source.backup(db)
        finally:
            source.close()
    return db


def passing_path(folder: Path) -> Path:
    """Where a node whose card takes no write keeps what must be a small file for as long as it runs: its socket.

    Below the service's folder in memory or, where there is none, below the system's folder for temporary files. Raises
    `LocalError` if a stranger has made it.
    """
    return _place_in(next(_writable(RUNTIME_FOLDER, _temporary_folder())), folder)


def places_of_sockets(folder: Path) -> list[Path]:
    """Where `passing_path` may have led a node, to whom asks: who may not write there may still ask."""
    bases = (RUNTIME_FOLDER, _temporary_folder())
    return [_place_in(base, folder) for base in bases if os.access(base, os.X_OK)]


def roomy_folder(folder: Path) -> tuple[Path, int]:
    """A folder of the same sort, made, where most room is, and how many bytes that is: for what is large."""
    room, base = max(((_free(base), base) for base in _bases()), key=lambda each: each[0])
    place = _place_in(base, folder)
    place.mkdir(mode=0o700, exist_ok=True)
    return place, room


def memory_bytes() -> int:
    """Of this machine: what is kept in memory for want of a card is a part of it."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def passing_places(folder: Path) -> list[Path]:
    """Where such folders may have been left."""
    return [_place_in(base, folder) for base in _bases()]


def _bases() -> list[Path]:
    return list(_writable(RUNTIME_FOLDER, SHARED_MEMORY, _temporary_folder()))


def _temporary_folder() -> Path:
    """The system's; where that is on the card too, as on Debian 12, there is none, and the service's is left."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return RUNTIME_FOLDER


def _writable(*bases: Path) -> Iterator[Path]:
    """Those of them that can be; the last is taken for one."""
    yield from (base for base in bases[:-1] if os.access(base, os.W_OK | os.X_OK))
    yield bases[-1]


def _free(base: Path) -> int:
    found = os.statvfs(base)
    return 0 if found.f_flag & os.ST_RDONLY else found.f_bavail * found.f_frsize


def _place_in(base: Path, folder: Path) -> Path:
    place = base / f"node-{sha256(os.fsencode(folder.absolute())).hexdigest()[:16]}"
    if place.is_symlink() or (place.exists() and not _is_ours(place, folder)):
        raise LocalError(f"{place} is not this node's own folder", hint="remove it")
    return place


def passing_folder(folder: Path) -> Path:
    """The same, made if it is not there."""
    place = passing_path(folder)
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def _is_ours(place: Path, folder: Path) -> bool:
    found = place.lstat()
    return found.st_uid in (os.getuid(), folder.stat().st_uid) and not found.st_mode & 0o077
