# SPDX-License-Identifier: AGPL-3.0-or-later
"""One process a folder: two writers would sign two histories, which is the one thing a log must never do.

The lock is the kernel's (flock): it goes with the process, however the process ends, and leaves nothing to clean up.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError

from convergences_node.read_only import why_read_only

LOCK_NAME = "node.lock"
TAKEN_SECONDS_MAX = 20.0
"""How long to wait for a folder that another process has and does not answer for: a node that starts, a command that
found none running. Either is soon done, or it is no such thing."""
LOOK_SECONDS = 0.2
"""Between two tries: a lock that is let go of tells nobody."""


class FolderLock:
    """Held from construction until `release`."""

    def __init__(self, folder: Path) -> None:
        """Raises `LocalError`, at once, if another process has the folder."""
        path = folder / LOCK_NAME
        self.read_only = why_read_only(folder)
        """Why nothing can be written here, decided once for whoever holds the folder; None if it can."""
        try:
            self._descriptor = _open(path) if self.read_only is None else _open_to_read(path)
        except FileNotFoundError:
            raise LocalError(
                f"no node's folder at {folder}", fault=Fault("", "folder_absent", {"folder": str(folder)})
            ) from None
        except OSError as error:
            raise LocalError(
                f"the node's folder {folder} cannot be locked: {error.strerror or error}",
                hint="is the card worn out? make a backup of it, and put in a new one",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise LocalError(
                f"the node's folder {folder} is in use by process {owner or 'unknown'}",
                hint="a node that starts, or another command: ask again in a moment, or stop it first",
                fault=Fault("", "folder_in_use", {"folder": str(folder), "process": owner or "?"}),
            ) from None
        if self.read_only is None:
            # The number is for a person to read; it is the lock that decides, also on a card without room for a number.
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _open_to_read(path: Path) -> int:
    """flock(2) does without a right to write; where there never was a lock, the folder itself is locked."""
    return os.open(path if path.exists() else path.parent, os.O_RDONLY | os.O_CLOEXEC)


def is_taken(error: LocalError, folder: Path) -> bool:
    """Whether this says that another process has the folder."""
    fault = error.fault
    return fault is not None and fault.code == "folder_in_use" and fault.params["folder"] == str(folder)
