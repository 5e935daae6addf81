# SPDX-License-Identifier: AGPL-3.0-or-later
"""Those who ask the store: a process (`answering.py`), begun when somebody asks and ended when nobody has for a while,
killed when a query takes too long or more memory than it may. A node that is asked nothing has none.

A query is answered whole or refused; one that is killed harms nobody, for nobody writes what it reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convergences_node.child import command_of
from convergences_node.linked.layout import Current

WORKERS_MAX = 1
"""Two would have room for half as much each, in a node that is to live in 400 MiB with a crowd at its door: with half
a gigabyte each, as there was, two greedy queries had the kernel end the whole node."""
WAITING_MAX = 8
"""Queries that wait for a worker: beyond, who asks is told to come back."""
QUERY_SECONDS_MAX = 10.0
START_SECONDS_MAX = 15.0
"""A Pi that is busy takes some seconds to begin a process."""
IDLE_SECONDS = 60.0
FRAME_BYTES_MAX = 1 << 16


class BusyError(Exception):
    """Too many queries wait already."""


class StoppedError(Exception):
    """The query took too long, or more memory than it may; `reason` is `time` or `memory`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, with the graphs that it is asked of and the forms in which its answer is wanted."""

    query: str
    table: str
    graph: str
    union: bool = True
    """The default graph is all of them together, unless the query names its own."""
    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)

    def frame(self) -> bytes:
        """As the worker reads it."""
        said = {name: getattr(self, name) for name in ("query", "table", "graph", "union")}
        data = json.dumps(
            {**said, "default": self.default, "named": self.named, "prefixes": dict(self.prefixes)}
        ).encode()
        return len(data).to_bytes(4, "big") + data


@dataclass(frozen=True, slots=True)
class Answered:
    """How a query went: `answered` with its media type and bytes, `malformed` or `failed` with why, or `too-much`."""

    outcome: str
    media: str = ""
    body: bytes = b""
    detail: str = ""


class Worker:
    """One process over one snapshot."""

    def __init__(self, snapshot: Path, process: asyncio.subprocess.Process) -> None:
        self.snapshot = snapshot
        self._process = process

    @classmethod
    async def begin(cls, snapshot: Path) -> Worker:
        """Raises `OSError` if the snapshot cannot be opened: a newer one has taken its place."""
        process = await asyncio.create_subprocess_exec(
            *command_of("convergences_node.linked.answering", str(snapshot)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        worker = cls(snapshot, process)
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await worker._read()
        except (asyncio.IncompleteReadError, TimeoutError):
            await worker.end()
            raise OSError(f"{snapshot} cannot be opened") from None
        except BaseException:
            await worker.end()
            raise
        return worker

    async def ask(self, asked: Asked, seconds: float) -> Answered:
        """The answer. Raises `StoppedError`, and then the process is no more."""
        assert self._process.stdin is not None
        try:
            async with asyncio.timeout(seconds):
                self._process.stdin.write(asked.frame())
                head, body = await self._read()
        except TimeoutError:
            await self.end()
            raise StoppedError("time") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.end()
            raise StoppedError("memory") from None
        except BaseException:
            await self.end()  # whoever asked has gone: nobody would read the answer
            raise
        return Answered(head["outcome"], head.get("media", ""), body, head.get("detail", ""))

    async def _read(self) -> tuple[dict[str, Any], bytes]:
        out = self._process.stdout
        assert out is not None
        size = int.from_bytes(await out.readexactly(4), "big")
        assert size <= FRAME_BYTES_MAX
        head = json.loads(await out.readexactly(size))
        return head, await out.readexactly(head.get("bytes", 0))

    @property
    def lives(self) -> bool:
        return self._process.returncode is None

    async def end(self) -> None:
        """Kill it, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class Workers:
    """The processes that answer; used from one event loop."""

    def __init__(self, workers_max: int = WORKERS_MAX, idle_seconds: float = IDLE_SECONDS) -> None:
        self.query_seconds = QUERY_SECONDS_MAX
        self._idle: list[Worker] = []
        self._places = asyncio.Semaphore(workers_max)
        self._waiting = 0
        self._idle_seconds = idle_seconds
        self._ending: asyncio.TimerHandle | None = None
        self._endings: set[asyncio.Task[None]] = set()

    async def ask(self, folder: Path, current: Current, asked: Asked) -> Answered:
        """Ask the snapshot that is current. Raises `BusyError`, `StoppedError`, or `OSError` if it is gone."""
        if self._waiting >= WAITING_MAX:
            raise BusyError
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            worker = await self._take(folder / current.name)
            answered = await worker.ask(asked, self.query_seconds)
            self._idle.append(worker)
        finally:
            self._places.release()
            self._end_later()
        return answered

    async def _take(self, snapshot: Path) -> Worker:
        """A worker over this snapshot; those over older ones are ended."""
        while self._idle:
            worker = self._idle.pop()
            if worker.snapshot == snapshot and worker.lives:
                return worker
            await worker.end()
        return await Worker.begin(snapshot)

    def _end_later(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        task = asyncio.get_running_loop().create_task(self._end_those_idle())
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end_those_idle(self) -> None:
        while self._idle:
            await self._idle.pop().end()

    async def close(self) -> None:
        """End all that are idle; those that answer end with who asked them."""
        if self._ending is not None:
            self._ending.cancel()
        await self._end_those_idle()
