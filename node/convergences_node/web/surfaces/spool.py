# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bytes that are written once and read by many: in memory while they are few, then in a file without a name.

The file is gone as soon as nobody holds the spool, or the process ends, however it ends.
"""

from __future__ import annotations

import os
import tempfile

MEMORY_BYTES_MAX = 1 << 20


class Spool:
    """Append to it, then read any part of it from several places at once."""

    def __init__(self, memory_bytes_max: int = MEMORY_BYTES_MAX) -> None:
        self._memory_bytes_max = memory_bytes_max
        self._memory = bytearray()
        self._file: int | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append. OSError if the disk is full: what was written so far is no list, and is let go."""
        if self._file is None and self.size + len(data) > self._memory_bytes_max:
            self._file = _nameless()
            _write_all(self._file, bytes(self._memory))
            self._memory.clear()
        if self._file is None:
            self._memory += data
        else:
            _write_all(self._file, data)
        self.size += len(data)

    def read(self, at: int, size: int) -> bytes:
        """Some bytes from a place on; fewer at the end."""
        if self._file is None:
            return bytes(self._memory[at : at + size])
        return os.pread(self._file, size, at)

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            os.close(self._file)  # type: ignore[arg-type]  # just seen not to be None


def _nameless() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
