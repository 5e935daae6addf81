# SPDX-License-Identifier: AGPL-3.0-or-later
"""Making one backup: written beside, read back, and only then called a backup; then the oldest go.

A stick that is pulled out half way leaves a `.part` file and every older backup as it was. One thread does the work,
with its own reader of the archive, and memory stays flat; residents write meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event

from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.keys import SigningKey

from convergences_node.archive.durable import TEMPORARY, create, sync_folder
from convergences_node.archive.model import CARD_FULL, ArchiveFull
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.revealed import Revealed
from convergences_node.blobs.store import Blob
from convergences_node.faults import why_of
from convergences_node.read_only import passing_places, roomy_folder, why_read_only

from . import contents, shelf
from .container import DamagedBackup, written
from .contents import Facts, Source
from .recipient import recipient_of
from .sealing import seal

SPOOL_NAME = "backup" + TEMPORARY
"""In the node's own folder, if that takes a write and has room, else in memory: private databases are copied there
before they are encrypted, and never in clear to the stick."""
BACKUP_MODE = 0o644
"""It is encrypted: whoever is given the stick may copy it."""
SPARE_BYTES = 1 << 20
"""Beside the copy: what SQLite writes to open a database that nobody has open, and what residents write meanwhile."""


class Stopped(LocalError):  # noqa: N818 -- named for what happened
    """Whoever asked for the backup does not wait for it any more."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be backed up, and where to."""

    folder: Path
    target: Path
    facts: Facts
    key: SigningKey
    revealed: Revealed
    keep: int
    tell: Callable[[int, int], None]
    stop: Event
    blobs: Sequence[Blob] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written and read back."""

    path: Path
    note: shelf.Note
    removed: tuple[Path, ...]
    same_disk: bool
    """It stands on the same disk as the node: it will not outlive the card."""


def make(order: Order) -> Made:
    """Make one. Raises `LocalError`; then nothing has changed in the folder of backups but for a `.part`, if that."""
    target, territory = order.target, order.facts.territory
    try:
        if not target.is_dir():
            raise LocalError(
                f"there is no folder {target} to put a backup into",
                hint="is the stick plugged in?",
                fault=Fault("", "stick_absent", {"folder": str(target)}),
            )
        same_disk = order.folder.stat().st_dev == target.stat().st_dev
        shelf.clear_parts(target, territory)
        path = shelf.next_path(target, territory)
        note = _write(order, path)
        removed = shelf.rotate(target, territory, note.recipient, order.keep)
    except OSError as error:
        with contextlib.suppress(OSError):
            shelf.clear_parts(target, territory)
        raise LocalError(
            f"the backup could not be written to {target}: {error.strerror or error}; the older ones are as they were",
            hint="is the stick full, pulled out, or write protected?",
            fault=Fault("", "backup_unwritable", {"folder": str(target), "reason": why_of(error)}),
        ) from error
    return Made(path, note, tuple(removed), same_disk)


def _write(order: Order, path: Path) -> shelf.Note:
    part = path.with_name(path.name + TEMPORARY)
    recipient = recipient_of(bytes.fromhex(order.facts.recovery_key))
    count, digest = _encrypt(order, part, recipient)
    found = shelf.read_back(part)
    if order.stop.is_set():
        part.unlink()
        raise Stopped("the backup was given up")
    if found != (count, digest):
        part.unlink()
        raise DamagedBackup(
            f"what was written to {path.parent} does not read back the same; the older ones are as they were",
            hint="try another stick",
            fault=Fault("", "backup_misread", {"folder": str(path.parent)}),
        )
    facts = order.facts
    note = shelf.Note(
        facts.territory,
        facts.name,
        facts.origin,
        facts.size,
        facts.created_at,
        facts.archive,
        recipient,
        count,
        digest,
    )
    part.rename(path)
    shelf.write_note(path, note)
    sync_folder(path.parent)
    return note


def _encrypt(order: Order, part: Path, recipient: str) -> tuple[int, str]:
    """Write the encrypted file and sync it; its length and digest as they were meant to be."""
    digest, count = sha256(), 0
    spool = _spool(order.folder)
    reader = ArchiveReader.open(order.folder, order.revealed)
    try:
        with create(part, BACKUP_MODE) as file:

            def write(data: bytes) -> None:
                nonlocal count
                if order.stop.is_set():
                    raise Stopped("the backup was given up")
                file.write(data)
                digest.update(data)
                count += len(data)

            archive = order.facts.archive
            source = Source(order.folder, reader, order.key, spool, archive, order.tell, order.blobs)
            seal(written(contents.members(source, order.facts), order.key.sign), write, recipient)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    finally:
        reader.close()
        shutil.rmtree(spool, ignore_errors=True)
    return count, digest.hexdigest()


def _spool(folder: Path) -> Path:
    """An empty folder of its own, where there is room for the largest copy; what a killed backup left goes."""
    for place in _spooled(folder):
        shutil.rmtree(place / SPOOL_NAME, ignore_errors=True)
    wanted = contents.largest_copy(folder) + SPARE_BYTES
    if why_read_only(folder) is None and shutil.disk_usage(folder).free >= wanted:
        place = folder
    else:
        place, room = roomy_folder(folder)
        if room < wanted:
            raise ArchiveFull("a private database has no room to be copied before it is encrypted", fault=CARD_FULL)
    spool = place / SPOOL_NAME
    spool.mkdir(mode=0o700)
    return spool


def _spooled(folder: Path) -> list[Path]:
    """Where a killed backup may have left its copies."""
    try:
        return [folder, *passing_places(folder)]
    except LocalError:  # a stranger's, in a folder that everybody may write to: none of ours is there
        return [folder]
