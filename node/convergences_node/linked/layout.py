# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is in `linked/`, beside the index. All of it may be lost: `convergences reindex --linked` makes it again.

    linked/store/        what is written, by one process at a time
    linked/followed.db   what of the index is in there (`changes.py`)
    linked/snapshot-…/   the store as it was, for those who are asked; its files are those of the store, by another name
    linked/current       which snapshot is asked, and when it was made: JSON, replaced as a whole
    linked.withheld      while it is there nothing is answered: something was erased that a snapshot still says

A store that is made anew is made in `linked.new/`, and takes the place of the old one when it is whole.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

import msgspec

FOLDER, FOLDER_NEW = "linked", "linked.new"
STORE, FOLLOWED = "store", "followed.db"
_CURRENT, _SNAPSHOT = "current", "snapshot-"


class Current(msgspec.Struct, frozen=True):
    """The snapshot that is asked."""

    name: str
    base: str
    """The address that its elements' begin with."""
    moment: int
    """Unix seconds: the relations that held then are said of both ends."""


def current(folder: Path) -> Current | None:
    """The snapshot of a store that may be asked; None if there is none."""
    return None if _withheld(folder).exists() else snapshot(folder)


def snapshot(folder: Path) -> Current | None:
    """The same, whether it may be asked or not."""
    try:
        return msgspec.json.decode((folder / _CURRENT).read_bytes(), type=Current)
    except (OSError, msgspec.DecodeError):
        return None


def put_current(folder: Path, made: Current) -> None:
    """From here on this one is asked. The one before stays, for who is about to open it; older ones are gone."""
    before, beside = snapshot(folder), folder / f"{_CURRENT}.new"
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(made))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / _CURRENT)
    kept = {made.name, before.name if before else ""}
    for old in folder.glob(f"{_SNAPSHOT}*"):
        if old.name not in kept:
            shutil.rmtree(old, ignore_errors=True)  # whoever has it open goes on reading it


def next_snapshot() -> str:
    """A name that no snapshot had before, in this store or one that it replaces: who is asked knows one by its name."""
    return f"{_SNAPSHOT}{secrets.token_hex(8)}"


def swap(made: Path, folder: Path) -> None:
    """A store that was made beside takes the place of the old one, of which nothing is left."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    made.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def withhold(folder: Path) -> None:
    """Nothing is answered until `give` is called, by this process or a later one."""
    _withheld(folder).touch(mode=0o600)


def give(folder: Path) -> None:
    """Answer again."""
    _withheld(folder).unlink(missing_ok=True)


def _withheld(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.withheld")
