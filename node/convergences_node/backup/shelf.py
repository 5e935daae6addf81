# SPDX-License-Identifier: AGPL-3.0-or-later
"""The folder that backups stand in, such as a stick: their names, the notes beside them, and how many are kept.

    convergences-FR-93066-000012.age     encrypted; whole, or not under this name
    convergences-FR-93066-000012.json    what may be known without the sheet: whose, when, how long, its SHA-256
    *.part                               what a pulled stick left of one; thrown away by the next

Numbers grow, whatever the clock says. Several towns may share a stick.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
from convergences_protocol.errors import Fault, LocalError
from msgspec import Meta

from convergences_node.archive.durable import TEMPORARY, replace_durably, sync_folder
from convergences_node.faults import why_of
from convergences_node.regular_files import open_regular

from .container import DamagedBackup

NOTE_BYTES_MAX = 64 * 1024
LISTED_MAX = 10_000
CREATED_MAX = 253_402_300_799
"""The end of the year 9999: what can be said as a date."""
PIECE_BYTES = 1 << 20
_NAME = re.compile(r"convergences-([0-9A-Z-]{4,12})-([0-9]{6})\.age")


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside a backup, for anyone to read."""

    territory: str
    name: str
    origin: str
    size: int
    """How many records the town's log had."""
    created_at: Annotated[int, Meta(ge=0, le=CREATED_MAX)]
    archive: str
    recipient: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup on the shelf; `note` is None if it is missing or cannot be read."""

    path: Path
    territory: str
    number: int
    note: Note | None


def kept(folder: Path, territory: str | None = None) -> list[Kept]:
    """The backups in a folder, oldest first; those of one territory, if it is given."""
    return sorted(_kept(folder, territory), key=lambda each: (each.territory, each.number))


def _kept(folder: Path, territory: str | None) -> Iterator[Kept]:
    try:
        named = [found for path in folder.iterdir() if (found := _NAME.fullmatch(path.name))]
    except OSError as error:
        raise LocalError(
            f"the folder of backups {folder} cannot be read: {error.strerror}",
            hint="is the stick plugged in?",
            fault=Fault("", "stick_absent", {"folder": str(folder)}),
        ) from error
    ours = [found for found in named if territory in (None, found[1])]
    # The newest: the next one's number comes after all of them.
    for found in sorted(ours, key=lambda found: int(found[2]))[-LISTED_MAX:]:
        yield Kept(folder / found[0], found[1], int(found[2]), read_note(folder / found[0]))


def found_at(target: Path) -> list[Kept]:
    """The backups in a folder, or the one whose file is given."""
    try:
        is_folder = target.is_dir()
    except OSError:
        is_folder = True  # a stick that gives nothing back: looking into it says why
    if is_folder:
        return kept(target)
    found = [each for each in kept(target.parent) if each.path.name == target.name]
    if not found:
        raise LocalError(
            f"there is no backup at {target}",
            hint="they are called convergences-<territory>-<number>.age",
            fault=Fault("", "backup_not_there", {"file": str(target)}),
        )
    return found


def is_backup(name: str) -> bool:
    """Whether a file of this name is a backup, or the note beside one."""
    return _NAME.fullmatch(str(Path(name).with_suffix(".age"))) is not None and name.endswith((".age", ".json"))


def opened_by(found: Iterable[Kept], recipient: str) -> list[Kept]:
    """Those that are encrypted to this recipient, by their notes."""
    return [each for each in found if each.note is not None and each.note.recipient == recipient]


def next_path(folder: Path, territory: str) -> Path:
    """The name of the next backup of that territory, after all that are there, whole or not."""
    numbers = [each.number for each in _kept(folder, territory)]
    return folder / f"convergences-{territory}-{max(numbers, default=0) + 1:06}.age"


def read_note(path: Path) -> Note | None:
    """The note beside a backup; None where there is none, or one that no node has written."""
    try:
        with open_regular(path.with_suffix(".json")) as file:
            return msgspec.json.decode(file.read(NOTE_BYTES_MAX), type=Note)
    except (OSError, ValueError):
        return None


def write_note(path: Path, note: Note) -> None:
    """Put it beside the backup, durably."""
    replace_durably(path.with_suffix(".json"), json.dumps(asdict(note), ensure_ascii=False, indent=1).encode())


def rotate(folder: Path, territory: str, recipient: str, keep: int) -> list[Path]:
    """Throw away all but the newest `keep` backups of a territory that this recipient's sheet opens, or of which that
    is not known. Returns which.

    Those of another sheet are what is left of a town that was set up anew: nobody here could make them again.
    """
    ours = [each for each in kept(folder, territory) if each.note is None or each.note.recipient == recipient]
    gone = [each.path for each in ours[:-keep]]
    for path in gone:
        path.unlink()
        path.with_suffix(".json").unlink(missing_ok=True)
    if gone:
        sync_folder(folder)
    return gone


def clear_parts(folder: Path, territory: str) -> None:
    """Throw away what an interrupted backup of that territory has left."""
    for path in folder.glob(f"convergences-{territory}-*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def read_back(path: Path) -> tuple[int, str]:
    """Length and SHA-256 of a file as the disk gives it back, not as memory remembers it (posix_fadvise(2))."""
    digest, count = sha256(), 0
    with open_regular(path) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            count += len(piece)
    return count, digest.hexdigest()


def unread(path: Path, error: OSError) -> LocalError:
    """It is the stick that errs, and nothing is known of what is on it."""
    reason = why_of(error)
    fault = Fault("", "backup_unread", {"file": path.name, "reason": reason})
    return LocalError(f"{path.name} cannot be read: {reason}", hint="is the stick plugged in?", fault=fault)


def check(each: Kept) -> None:
    """Whether the file is the one that its note describes; raises `DamagedBackup`, or `LocalError` if it cannot be
    read. Needs no sheet."""
    if each.note is None:
        raise DamagedBackup(f"{each.path.name} has no note beside it", hint="check it with the recovery sheet")
    try:
        count, digest = read_back(each.path)
    except OSError as error:
        raise unread(each.path, error) from error
    if (count, digest) != (each.note.size_bytes, each.note.sha256):
        what = (
            f"{count} bytes instead of {each.note.size_bytes}" if count != each.note.size_bytes else "another content"
        )
        fault = Fault("", "backup_damaged", {"file": each.path.name})
        raise DamagedBackup(f"{each.path.name} is not what was written: {what}", fault=fault)
