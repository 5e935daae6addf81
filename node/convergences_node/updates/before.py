# SPDX-License-Identifier: AGPL-3.0-or-later
"""The databases as they were before a new version migrated them, kept until that version has proved itself.

An old program cannot open what a newer one has migrated. So while an update is on trial, every database that would be
migrated is copied first, all of them into one folder that appears by a rename:

    before-update.part/    being copied; worth nothing
    before-update/         whole: the old version finds its files in here
    before-update.gone/    no longer needed, being removed

While the archive's copy is there, nothing is acknowledged that would be lost with it: for those ten minutes the archive
takes no new record of this town's (`Archive.held`). What peers send comes again. When root has confirmed the new
version, the folder is renamed away at once, and only then is anything written. A program that finds the folder and is
not the one on trial is the old one, or another: it puts back the files that it cannot read otherwise.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError

from convergences_node.accounts import migrations as private
from convergences_node.archive import migrations as archive
from convergences_node.archive.durable import sync_folder
from convergences_node.migrating import Layout, Step

from .attempt import OPEN, last_attempt
from .places import installed

FOLDER, PART, GONE = "before-update", "before-update.part", "before-update.gone"
NEWER = ".newer"
COPY_PAGES = 2_048
"""Pages copied at a time: 8 MiB."""
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database. Of another database, it would be believed all the same."""
SPARE_BYTES = 50 << 20


def files() -> Sequence[tuple[Layout, Sequence[Step]]]:
    """Every database that numbered steps migrate; the others are made again."""
    return ((archive.LAYOUT, archive.STEPS), (private.LAYOUT, private.STEPS))


def is_on_trial() -> bool:
    """Whether this program is the new version of an update of which root has not said the last word."""
    attempt = last_attempt()
    if attempt is None or attempt.phase not in OPEN:
        return False
    try:
        return attempt.new == installed().version
    except LocalError:
        return False


def settle(folder: Path) -> bool:
    """Before anything is opened, under the folder's lock: keep copies, or put them back, as the update stands.

    Whether what is written to the archive from now on might be lost by a return.
    """
    shutil.rmtree(folder / PART, ignore_errors=True)
    shutil.rmtree(folder / GONE, ignore_errors=True)
    if is_on_trial():
        _keep(folder)
    elif (folder / FOLDER).is_dir():
        for layout, steps in files():
            _put_back(folder, layout.name, len(steps))
        drop(folder)
    return (folder / FOLDER / archive.LAYOUT.name).exists()


def drop(folder: Path) -> None:
    """The copies are no longer needed: from this rename on there is no way back to them."""
    if not (folder / FOLDER).is_dir():
        return
    (folder / FOLDER).rename(folder / GONE)
    sync_folder(folder)
    shutil.rmtree(folder / GONE, ignore_errors=True)


# ------------------------------------------------------------------------------------- keeping
def _keep(folder: Path) -> None:
    if (folder / FOLDER).is_dir():
        return
    changing = [layout.name for layout, steps in files() if _is_older(folder / layout.name, len(steps))]
    if not changing:
        return
    _check_room(folder, changing)
    (folder / PART).mkdir(mode=0o700)
    for name in changing:
        _copy(folder / name, folder / PART / name)
    sync_folder(folder / PART)
    (folder / PART).rename(folder / FOLDER)
    sync_folder(folder)


def _is_older(path: Path, steps: int) -> bool:
    return path.exists() and _version(path) < steps


def _version(path: Path) -> int:
    with closing(_open(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)


def _check_room(folder: Path, names: Sequence[str]) -> None:
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    # Once for the copy, and as much for the migration, which may write every row again.
    wanted = 2 * sum((folder / name).stat().st_size for name in names) + SPARE_BYTES
    if free < wanted:
        raise LocalError(
            f"no room to keep the databases before they are migrated: {wanted} bytes, and {free} are free",
            fault=Fault("", "update_no_room", {"wanted": wanted >> 20, "free": free >> 20}),
        )


def _copy(source: Path, target: Path) -> None:
    """By SQLite's own means, so that what is still in its log is in it; durable."""
    with closing(_open(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new, pages=COPY_PAGES, sleep=0)
    descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------- putting back
def _put_back(folder: Path, name: str, steps: int) -> None:
    """One database as it was. Cut anywhere, it is done again from where it was."""
    copy, path, newer = folder / FOLDER / name, folder / name, folder / FOLDER / (name + NEWER)
    if not copy.exists():
        return
    if path.exists():
        if not _is_newer(path, steps):
            return  # the new version never came to migrate it
        path.rename(newer)
        sync_folder(folder / FOLDER)
        sync_folder(folder)
    for suffix in BESIDE:
        path.with_name(name + suffix).unlink(missing_ok=True)
    sync_folder(folder)
    copy.rename(path)
    sync_folder(folder)
    sync_folder(folder / FOLDER)


def _is_newer(path: Path, steps: int) -> bool:
    """Or so broken that it cannot tell."""
    try:
        return _version(path) > steps
    except sqlite3.DatabaseError:
        return True
