# SPDX-License-Identifier: AGPL-3.0-or-later
"""A bounded load of HTTP requests from a few connections that are kept open, on loopback only.

The client is as bare as it can be, for it shares the machine's cores with the server that it measures: what it costs
would count against the faster of two servers. It asks for plain bytes, which is all that the reference can answer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

HEAD_BYTES_MAX = 1 << 16
ANSWER_SECONDS_MAX = 60


@dataclass
class Load:
    """What a server did: how long each answer took, in how many seconds, with how much processor."""

    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    received: int = 0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.waits) / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor a request: unlike the rate, it does not count what the machine's others do."""
        return 1e3 * self.cpu / len(self.waits)

    def percentile_ms(self, part: float) -> float:
        """The wait in which that part of all answers came."""
        return sorted(self.waits)[min(len(self.waits) - 1, int(len(self.waits) * part))] * 1e3


def ask(
    port: int, pid: int, paths: Sequence[str], seconds: float, connections: int, load: Load, most: int | None = None
) -> None:
    """Ask these paths in turn for so long, or until so many were asked, each connection as soon as it was answered; the
    result adds to `load`."""
    asking = _ask(port, pid, paths, seconds, connections, load, most)
    asyncio.run(asyncio.wait_for(asking, seconds + ANSWER_SECONDS_MAX))


async def _ask(
    port: int, pid: int, paths: Sequence[str], seconds: float, connections: int, load: Load, most: int | None
) -> None:
    numbers = islice(count(len(load.waits)), most)
    spent, begun = cpu_seconds(pid), time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=HEAD_BYTES_MAX)
        try:
            while time.perf_counter() < begun + seconds and (number := next(numbers, None)) is not None:
                path = paths[number % len(paths)]
                asked = time.perf_counter()
                length = await _get(reader, writer, path)
                load.received += length
                load.waits.append(time.perf_counter() - asked)
        finally:
            writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    load.seconds += time.perf_counter() - begun
    load.cpu += cpu_seconds(pid) - spent


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> int:
    """Ask for a path and read the answer to its end; how many bytes its body had. Raises unless it was 200."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if found:
        length = int(rest.partition(b"\r\n")[0])
        body = await reader.readexactly(length)
    else:
        length, body = await _chunks(reader)
    if not head.startswith(b"http/1.1 200"):
        status = head.partition(b"\r\n")[0]
        raise RuntimeError(f"GET {path[:200]}: {status!r} {body[:400]!r}")
    return length


async def _chunks(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A body sent in chunks (RFC 9112 section 7.1): its length and its beginning."""
    length, first = 0, b""
    while size := int(await reader.readline(), 16):
        some = await reader.readexactly(size + 2)
        length, first = length + size, first or some[:-2]
    await reader.readline()
    return length, first


def cpu_seconds(pid: int) -> float:
    """Processor time of a process since it started, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
