# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nodes as real processes on loopback, to be killed: each is stopped by its own pid, and asked over its socket."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convergences_node.control import call, is_running
from convergences_node.founding import Settings, create_town
from convergences_protocol.errors import ConvergencesError

SERVE = "import sys; from pathlib import Path; from convergences_node.serve import serve; serve(Path(sys.argv[1]))"
READY_S = 60.0
LOOK_S = 0.05


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One node's folder, and its process while it runs."""

    def __init__(self, folder: Path, territory: str, kind: str) -> None:
        self.folder = folder
        self.territory = territory
        self._process: subprocess.Popen[bytes] | None = None
        settings: Settings = {
            "http": {"port": free_port()},
            "p2p": {"listen": [f"/ip4/127.0.0.1/tcp/{free_port()}"]},
            "discovery": {"zeroconf": False},
            "limits": {"http_poll_s": 1},
        }
        asyncio.run(create_town(folder, territory, kind, territory, settings=settings))

    def start(self, *, file_bytes_max: int | None = None) -> None:
        """Start it, and wait until it answers. `file_bytes_max`: no file of it may grow larger (setrlimit(2))."""

        def limit() -> None:
            if file_bytes_max is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))

        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(self.folder)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                preexec_fn=limit,
            )
        self.until(lambda: is_running(self.folder), "it answers")

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    def said(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    def ask(self, verb: str, **params: Any) -> Any:
        return call(self.folder, verb, params)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait: between processes there is no event to be woken by."""
        deadline = time.monotonic() + READY_S
        while not self._try(holds):
            assert self._process is None or self._process.poll() is None, f"it ended: {self.said()[-2000:]}"
            assert time.monotonic() < deadline, f"never came: {what}: {self.said()[-2000:]}"
            time.sleep(LOOK_S)

    @staticmethod
    def _try(holds: Callable[[], bool]) -> bool:
        try:
            return holds()
        except ConvergencesError:
            return False

    def size(self, origin: str) -> int:
        return next((int(log["size"]) for log in self.ask("status")["logs"] if log["origin"] == origin), 0)

    def kill(self) -> None:
        """kill -9, by its pid, and wait until it is dead."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def stop(self) -> None:
        """SIGTERM; and by force, if it does not listen."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(25)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
