# SPDX-License-Identifier: AGPL-3.0-or-later
"""Room that a node keeps for its own start: on a card without a byte left, a town has to be searched and read.

What a start opens, it writes a little: SQLite makes a shared memory and a log beside each database, and the next guard
is written beside the guard. So `spare` in the node's folder holds 4 MiB that nobody else gets. Where a start finds
the card full, the file is cut to nothing while the databases are opened, and takes back what is left of its room at
once, before anything grows. A node that was started so is like one whose card became full while it ran: what is open
is read, and what would be written is refused by the card itself.

That the file is there, of whatever length, says that its room is the node's: cut off anywhere, a start leaves a short
one, which the next makes long again. Nothing is in it, and to lose it costs no more than the room.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from convergences_protocol.errors import Fault

from convergences_node.read_only import why_read_only

from .durable import sync_folder
from .model import ArchiveFull

log = logging.getLogger(__name__)

SPARE_NAME = "spare"
SPARE_BYTES = 4 << 20
"""A start takes some 120 KiB of it: a shared memory and a log for each of three databases, a guard, a head."""
AMPLE_BYTES = 64 << 20
"""Free room from which on the file is made: a card that has less needs it for what people write."""
SCARCE_BYTES = 1 << 20
"""Free room below which a start is lent what is spare."""
PIECE_BYTES = 16 << 10
"""No less is taken at a time: it is left over on a full card."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NOT_ALLOCATING = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
"""What a file system says that cannot set room aside without writing (posix_fallocate(3))."""


def make(folder: Path) -> None:
    """Have 4 MiB set aside in this folder, where there is ample room, or there already was a spare file.

    A card that refuses is no reason not to go on: it is noted in the log. To be called with the folder locked.
    """
    with _noted(folder):
        path = folder / SPARE_NAME
        if not path.exists() and free_bytes(folder) >= AMPLE_BYTES:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            sync_folder(folder)
    take_back(folder)


def lend(folder: Path) -> int:
    """Give the room back to the card, if there is next to none: how many bytes. To be called with the folder locked."""
    with _noted(folder), suppress(FileNotFoundError):
        if free_bytes(folder) >= SCARCE_BYTES:
            return 0
        descriptor = os.open(folder / SPARE_NAME, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            lent = os.fstat(descriptor).st_size
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)  # ext4 gives freed blocks out again once it has written down that they are
        finally:
            os.close(descriptor)
        return lent
    return 0


def take_back(folder: Path) -> None:
    """Make the file as long as it should be, or as there is room for. Nothing, where there is none."""
    with _noted(folder), suppress(FileNotFoundError):
        path = folder / SPARE_NAME
        if path.stat().st_size >= SPARE_BYTES:
            return
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            _lengthen(descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """While files are opened that a full card would have no room for. With the folder locked. Nothing is done where a
    card takes no write."""
    if why_read_only(folder) is not None:
        yield
        return
    lend(folder)
    try:
        yield
    finally:
        take_back(folder)


def no_room_to_start(folder: Path) -> ArchiveFull:
    """What is said where a full card has nothing spare, either: it was full when the node first started there."""
    return ArchiveFull(
        f"the card is full, and the node in {folder} has no room to start: nothing was changed",
        hint="make room on that card, 5 MiB at least, and start again; index.db there may be removed: it is made again",
        fault=Fault("", "card_full_at_start", {"folder": str(folder)}),
    )


def free_bytes(folder: Path) -> int:
    """What the node itself may still take of the file system that this folder is on."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _lengthen(descriptor: int) -> None:
    """By halves of what did not fit, until it is whole or the card is full."""
    size, piece = os.fstat(descriptor).st_size, SPARE_BYTES
    while size < SPARE_BYTES and piece >= PIECE_BYTES:
        piece = min(piece, SPARE_BYTES - size)
        try:
            _allocate(descriptor, size, piece)
            size += piece
        except OSError as error:
            os.ftruncate(descriptor, size)
            if error.errno not in NO_ROOM:
                raise
            piece //= 2


def _allocate(descriptor: int, start: int, length: int) -> None:
    """Room in the file that is really the file's: a hole would be given to somebody else."""
    try:
        os.posix_fallocate(descriptor, start, length)
    except OSError as error:
        if error.errno not in NOT_ALLOCATING:
            raise
        if os.pwrite(descriptor, bytes(length), start) < length:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        os.fsync(descriptor)


@contextmanager
def _noted(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("%s cannot be seen to: %s", folder / SPARE_NAME, error.strerror or error)
