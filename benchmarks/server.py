# SPDX-License-Identifier: AGPL-3.0-or-later
"""A server in a process of its own, asked from outside, and stopped by its process id."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError

from benchmarks.load import Load, ask

CONNECTIONS = 4
READY_SECONDS_MAX = 60


@dataclass
class Server:
    """A process that answers, and what it did for each question."""

    port: int
    process: subprocess.Popen[bytes]
    paths: Mapping[str, Sequence[str]]
    loads: dict[str, Load] = field(default_factory=dict)

    def warmed(self, name: str, seconds_max: float) -> None:
        """Ask it each address of a question once, to no account: a server is measured with its pages in memory."""
        paths = self.paths[name]
        ask(self.port, self.process.pid, paths, seconds_max, 1, Load(), most=len(paths))

    def asked(self, name: str, seconds: float, *, once: bool = False) -> None:
        """Ask it one question for so long. `once`: each address no more than once, however fast it answers."""
        load, paths = self.loads.setdefault(name, Load()), self.paths[name]
        most = max(0, len(paths) - len(load.waits)) if once else None
        ask(self.port, self.process.pid, paths, seconds, CONNECTIONS, load, most)


@contextlib.contextmanager
def running(command: Sequence[str], port: int, paths: Mapping[str, Sequence[str]]) -> Iterator[Server]:
    """The server, once it answers, until the block ends."""
    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=root, stdout=said, stderr=said, start_new_session=True)
        try:
            if not _answers(port, process):
                said.seek(0)
                raise RuntimeError(f"{command[0]} does not answer: {said.read().decode(errors='replace')[-800:]}")
            yield Server(port, process, paths)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            if process.poll() is None:
                process.kill()
                process.wait()


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until there is an answer, whatever it says."""
    until = time.perf_counter() + READY_SECONDS_MAX
    while time.perf_counter() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=READY_SECONDS_MAX):
                return True
        except HTTPError:
            return True
        except (URLError, OSError):
            time.sleep(0.1)
    return False
