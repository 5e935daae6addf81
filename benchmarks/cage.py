# SPDX-License-Identifier: AGPL-3.0-or-later
"""A limit of memory that binds (cgroups of Linux), and what the processes in it hold, watched from outside.

The kernel charges a group for its anonymous memory and for the pages of files that it has read: whoever needs more than
the limit first loses pages of files, which are read again, and is then killed. So a node that does its work in
a group of 400 MiB does it on a computer that has 400 MiB for it, its file cache counted. What is told beside it is the
proportional set size (proc(5), `smaps_rollup`) of all processes of the group together: resident memory with what
is mapped twice counted once. (What `VmHWM` says of a node is more: each of its readers maps the whole index.)
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
"""Of version 1 and of version 2; the first that this user may make a group in is taken."""
SAMPLE_SECONDS = 0.1
LEAVE_SECONDS_MAX = 10.0
MIB = 1 << 20


class NoCage(Exception):  # noqa: N818 -- named for what is missing
    """This machine lets this user bind no memory."""


@dataclass(frozen=True)
class Cage:
    """A group of processes with a limit."""

    folder: Path
    limit_mib: int

    @property
    def command(self) -> list[str]:
        """What a command is put behind to be run in it, with all that it starts."""
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs")]

    def processes(self) -> list[int]:
        """Who is in it now."""
        return [int(line) for line in (self.folder / "cgroup.procs").read_text().split()]

    def killed(self) -> int:
        """How often the kernel has ended a process for want of memory."""
        for name in ("memory.oom_control", "memory.events"):
            with contextlib.suppress(FileNotFoundError):
                facts = dict(line.split() for line in (self.folder / name).read_text().splitlines())
                return int(facts.get("oom_kill", 0))
        return 0

    def held(self) -> Held:
        """What its processes hold now, all together."""
        each = [_held(process) for process in self.processes()]
        return Held(sum(one.resident_mib for one in each), sum(one.anonymous_mib for one in each))


@dataclass(frozen=True)
class Held:
    """Memory in MiB. The rest of what is resident is pages of files, which the kernel takes back when it must."""

    resident_mib: float
    anonymous_mib: float


def _held(process: int) -> Held:
    kib = {"Pss:": 0, "Anonymous:": 0}
    with contextlib.suppress(OSError):  # it has ended since
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(" ")
            if name in kib:
                kib[name] = int(rest.split()[0])
    return Held(kib["Pss:"] / 1024, kib["Anonymous:"] / 1024)


@contextlib.contextmanager
def cage(limit_mib: int) -> Iterator[Cage]:
    """A group with that limit, without swap, until the block ends. Raises `NoCage`."""
    folder = _made(f"convergences-bench-{os.getpid()}-{time.monotonic_ns()}")
    try:
        _limit(folder, limit_mib * MIB)
        yield Cage(folder, limit_mib)
    finally:
        _emptied(folder)
        folder.rmdir()


def _emptied(folder: Path) -> None:
    """Wait for what the node has started and left, and end what does not end by itself."""
    deadline = time.monotonic() + LEAVE_SECONDS_MAX
    while members := (folder / "cgroup.procs").read_text().split():
        if time.monotonic() > deadline:
            for member in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(member), signal.SIGKILL)
        time.sleep(SAMPLE_SECONDS)


def _made(name: str) -> Path:
    why = "no cgroups"
    for root in ROOTS:
        folder = root / name
        try:
            folder.mkdir()
        except OSError as error:
            why = str(error)
            continue
        if any((folder / limit).exists() for limit in ("memory.limit_in_bytes", "memory.max")):
            return folder
        folder.rmdir()
    raise NoCage(f"no limit of memory can be set here: {why}")


def _limit(folder: Path, limit_bytes: int) -> None:
    # In this order: of version 1, memory with swap may not be less than memory.
    for name, value in (
        ("memory.limit_in_bytes", limit_bytes),
        ("memory.memsw.limit_in_bytes", limit_bytes),
        ("memory.max", limit_bytes),
        ("memory.swap.max", 0),
    ):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            (folder / name).write_text(str(value))


@dataclass
class Watch:
    """The most that a group's processes have held since `begin`, sampled by a thread."""

    group: Cage
    peak: Held = Held(0, 0)
    _stop: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """From now on."""
        self.peak = self.group.held()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            held = self.group.held()
            self.peak = Held(
                max(self.peak.resident_mib, held.resident_mib), max(self.peak.anonymous_mib, held.anonymous_mib)
            )


@contextlib.contextmanager
def watched(group: Cage) -> Iterator[Watch]:
    """A watch over the group, until the block ends."""
    watch = Watch(group)
    thread = threading.Thread(target=watch._run, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch._stop.set()
        thread.join()
