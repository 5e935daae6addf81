# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small files that are replaced as a whole: after a power cut they are the old one or the new one, never half of one.

Write a temporary file beside it, fsync it, rename it over, fsync the folder: each step is needed on ext4 and on F2FS.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".part"


def create(path: Path, mode: int) -> BinaryIO:
    """An empty file to write to. OSError where a link or a pipe stands in its place: on a stick anybody may have put
    one there, to a file of the node's own, or to have it wait for ever."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.fdopen(os.open(path, flags, mode), "wb")


def prepare(path: Path, data: bytes, mode: int = 0o600) -> Path:
    """Write what `path` is to become beside it, durably. If there is no room on the disk, this is where it shows."""
    temporary = path.with_name(path.name + TEMPORARY)
    file = create(temporary, mode)
    try:
        # Not by write(2) alone: on a disk that is nearly full it writes what there is room for, and calls that success.
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make `path` have this content; when this returns, it survives a pulled plug."""
    prepare(path, data, mode).rename(path)
    sync_folder(path.parent)


def overwrite_and_remove(path: Path) -> None:
    """Remove a file after writing zeroes over it. On flash memory the old cells may stay: what was in it was sealed."""
    with contextlib.suppress(FileNotFoundError):
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)
