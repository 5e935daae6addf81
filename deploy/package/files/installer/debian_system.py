# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the installer asks of the machine: programs, room, time. A test has another one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PACKAGE = "convergences"
SERVICE, SOCKET = "convergences.service", "convergences.socket"


class Machine:
    """The machine below `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.sleep: Callable[[float], None] = time.sleep
        self.monotonic: Callable[[], float] = time.monotonic

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the system; whether it did is in the answer."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def is_dpkg_busy(self) -> bool:
        """Whether another program holds the lock of Debian's packages."""
        try:
            with (self.root / "var/lib/dpkg/lock-frontend").open("r+b") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def free(self, folder: Path) -> int:
        """Bytes that are free there."""
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize
