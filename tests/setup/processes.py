# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node's process in a folder, on this machine alone: started as systemd starts it, and always stopped."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WITHIN = 60.0
COMMAND = (sys.executable, "-c", "from convergences_cli.main import main; main()")
CODE = re.compile(r"the code for the setup page is (\S+)")
ADDRESS = re.compile(r"(?:is no town yet:|is at) (http://\S+?/)(?: |$)", re.MULTILINE)


def until(true: Callable[[], Any], within: float = WITHIN) -> Any:
    """Wait for what cannot be awaited, another process's state; returns it."""
    deadline = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return found


class Process:
    """`convergences serve` in a folder."""

    def __init__(self, folder: Path, given: socket.socket | None = None) -> None:
        """With `given`, behind this listening socket, as systemd passes one (sd_listen_fds(3))."""
        self.folder = folder
        self._log = folder.with_name(f"{folder.name}.log")
        command = [*COMMAND, "serve", "--folder", str(folder), "--port", "0"]
        if given is not None:
            passed = f'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&{given.fileno()}'
            command = ["bash", "-c", passed, "bash", *command]  # sh knows descriptors of one digit only
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stderr=log,
                env=os.environ | {"LC_ALL": "C.UTF-8"},
                pass_fds=[given.fileno()] if given else [],
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        return self._log.read_text("utf-8")

    def says(self, wanted: re.Pattern[str]) -> str:
        """The last of what its log says so; waits for the first."""
        found: list[str] = until(lambda: self._said(wanted))
        return found[-1]

    def _said(self, wanted: re.Pattern[str]) -> list[str]:
        """All that its log says so; a process that ended badly says nothing any more."""
        assert self._process.poll() in (None, 0), self.log()
        return wanted.findall(self.log())

    def code(self) -> str:
        return self.says(CODE)

    def address(self) -> str:
        return self.says(ADDRESS)

    def wait(self) -> int:
        return self._process.wait(WITHIN)

    def stop(self) -> int:
        """Stop it, as systemd does; its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        return self.wait()

    def kill(self) -> None:
        """Pull the plug."""
        self._process.kill()
        self.wait()
