# SPDX-License-Identifier: AGPL-3.0-or-later
"""One process a folder: two writers would sign two histories, which is the one thing a log must never do.

The lock is the kernel's (flock): it goes with the process, however the process ends, and leaves nothing to clean up.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError

LOCK_NAME = "node.lock"


class FolderLock:
    """Held from construction until `release`."""

    def __init__(self, folder: Path) -> None:
        """Raises `LocalError`, at once, if another process has the folder, or nobody may write to it."""
        path = folder / LOCK_NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise LocalError(
                f"no node's folder at {folder}", fault=Fault("", "folder_absent", {"folder": str(folder)})
            ) from None
        except OSError as error:  # a card that refuses every write: a node that runs goes on, none can start
            raise LocalError(
                f"the node's folder {folder} cannot be written: {error.strerror or error}",
                hint="is the card worn out? make a backup of it, and put in a new one",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise LocalError(
                f"the node's folder {folder} is in use by process {owner or 'unknown'}",
                hint="ask that process (convergences status), or stop it first",
                fault=Fault("", "folder_in_use", {"folder": str(folder), "process": owner or "?"}),
            ) from None
        # The number is for a person to read; it is the lock that decides.
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
