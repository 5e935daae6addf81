# SPDX-License-Identifier: AGPL-3.0-or-later
"""The processes of a demo: started one by one, looked after, and each stopped by its own pid.

Each runs in a session of its own, so that Ctrl-C reaches only the demo, which then stops them in order; each also stops
by itself when the demo is gone (`host.py`). Nothing here ever ends a process that it did not start.
"""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from convergences_protocol.errors import LocalError

from convergences_node.child import command_of

STOP_SECONDS_MAX = 25.0
"""A node stops within a second; its own patience ends at 20 (`serve.STOP_SECONDS_MAX`)."""
LAST_LINES = 5


class Processes:
    """The nodes under way. Leave the `with` and they are all gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[subprocess.Popen[bytes], Path]] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, folders: Sequence[Path]) -> int:
        """Start one process for the nodes of these folders; its pid."""
        path = self._folder / f"{folders[0].name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                command_of("convergences_node.demo.host", *map(str, folders)),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append((process, path))
        return process.pid

    def pids(self) -> list[int]:
        return [process.pid for process, _ in self._running]

    def check(self) -> None:
        """Raises `LocalError` if one has ended by itself, with its last lines."""
        for process, path in self._running:
            code = process.poll()
            if code is not None:
                lines = path.read_text("utf-8", errors="replace").splitlines()[-LAST_LINES:]
                raise LocalError(f"a node ended with code {code}: {' / '.join(lines)}", hint=f"its log: {path}")

    def stop(self) -> None:
        """Ask all to stop, wait for each, and end by its pid one that does not listen."""
        for process, _ in self._running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for process, _ in self._running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()
        self._running.clear()
