# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files for root: read without following anybody, written so that a power cut leaves the old one or the new one."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 1 << 20


class NoRelease(Exception):  # noqa: N818 - says what was found
    """It is not installed: a code, and the values of its sentence. Nothing was changed."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.reason = {"code": code, "params": params}


def open_plain(path: Path) -> BinaryIO:
    """A file that another user has put there: a plain one, reached through no link."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise NoRelease("update_nothing_staged") from None
    try:
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        raise NoRelease("update_nothing_staged") from None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoRelease("update_nothing_staged")
    return os.fdopen(descriptor, "rb")


def read_small(path: Path, bytes_max: int) -> bytes:
    with open_plain(path) as file:
        data: bytes = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise NoRelease("update_nothing_staged")
    return data


def digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def replace(path: Path, data: bytes, mode: int) -> None:
    """A small file that is the old one or the new one, never half of one, whatever happens to the power."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    # Not by write(2) alone: on a disk that is nearly full it writes what there is room for, and calls that success.
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    part.rename(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
