# SPDX-License-Identifier: AGPL-3.0-or-later
"""A reader in a process of its own, for formats that only a library of somebody else's can read.

A workbook of a megabyte may ask for the memory of a data centre, a feed for a day of arithmetic. The child limits its
own memory and processor time before it opens the file; its rows come back as lines of JSON, one at a time. Whatever
happens to it, the reader here ends with a row that says so: the node lives, and its heap stays as small as it was.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from convergences_node.child import command_of

from .formats import format_named
from .rows import Dialect, Reader, Row

MEMORY_BYTES_MAX = 384 * 1024**2
"""Of address space, of which the libraries map a part before they read a byte: with the node beside it, the child stays
below the 512 MiB that the package gives to both."""
CPU_SECONDS_MAX = 120
"""A Raspberry Pi is ten times slower than what this was measured on, where a 20 MiB workbook takes five."""
NICENESS = 5
"""Residents' searches go first."""
ROW_BYTES_MAX = 8 * 1024**2
"""A row of a thousand cells of text; a longer one is not a row."""


def read_apart(path: Path, dialect: Dialect) -> Iterator[Row]:
    """The rows of the file as the child tells them; close the iterator to end the child."""
    argument = json.dumps(asdict(dialect))
    with path.open("rb") as file:
        child = subprocess.Popen(
            command_of(__name__, argument),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
    assert child.stdout is not None
    last = 1
    try:
        for row in _told(child.stdout):
            last = row.line
            yield row
        if child.wait() != 0:
            yield Row(last, {}, Fault("row", "reader_stopped", {"format": dialect.format}))
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def _told(pipe: Any) -> Iterator[Row]:
    """The rows on the pipe. A line cut short is the child's last breath, and is not a row."""
    while (line := pipe.readline(ROW_BYTES_MAX)) and line.endswith(b"\n"):
        number, cells, fault = json.loads(line)
        yield Row(number, cells, Fault(*fault) if fault else None)


def environment() -> dict[str, str]:
    """The child finds what this process finds, and nothing in the environment changes how it reads."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONUTF8": "1"}


def tell_rows(file: BinaryIO, dialect: Dialect, out: BinaryIO) -> None:
    """What the child does: read, and write a line a row."""
    reader: Reader = format_named(dialect.format).reader()
    for row in reader(file, dialect):
        fault = [row.fault.path, row.fault.code, dict(row.fault.params)] if row.fault else None
        line = json.dumps([row.line, row.cells, fault], default=str).encode()
        if len(line) >= ROW_BYTES_MAX:
            line = json.dumps([row.line, {}, ["row", "row_too_long", {"limit": ROW_BYTES_MAX}]]).encode()
        out.write(line + b"\n")
    out.flush()


def limit(memory_bytes: int = MEMORY_BYTES_MAX, cpu_seconds: int = CPU_SECONDS_MAX) -> None:
    """Limit this process for the rest of its life."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(NICENESS)


if __name__ == "__main__":
    limit()
    tell_rows(sys.stdin.buffer, Dialect(**json.loads(sys.argv[1])), sys.stdout.buffer)
