# SPDX-License-Identifier: AGPL-3.0-or-later
"""A file that is coming in: what is here of it, hashed as it comes, and kept when the rest does not come.

A part that is opened again is read from its beginning, for what its bytes hash to is only known by reading them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from convergences_protocol.errors import RemoteError

PART_SUFFIX = ".part"
READ_BYTES = 1024 * 1024


class Part:
    """Some of a file, from its beginning. For one thread at a time; `close` it, or use it with `with`."""

    def __init__(self, path: Path, digest: bytes, total: int, closed: Callable[[Part], None]) -> None:
        self.path = path
        self.digest = digest
        self.total = total
        self._closed = closed
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
        self._hash = sha256()
        self.size = 0
        while data := self._file.read(READ_BYTES):
            self._hash.update(data)
            self.size += len(data)
        if self.size > total:
            self.forget()

    def append(self, data: bytes) -> None:
        """Add what comes next. RemoteError beyond the end that was announced."""
        if self.size + len(data) > self.total:
            raise RemoteError(f"file {self.digest.hex()[:12]} goes on after its {self.total} bytes")
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def forget(self) -> None:
        """Begin again from nothing."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.size = sha256(), 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here; whether it is the right bytes, `check` says."""
        return self.size == self.total

    def check(self) -> None:
        """Make it durable. RemoteError, and nothing is left of it, if it is not what its digest names."""
        if not self.is_whole or self._hash.digest() != self.digest:
            found = f"{self.size} bytes that hash to {self._hash.hexdigest()[:12]}"
            self.forget()
            raise RemoteError(f"file {self.digest.hex()[:12]} of {self.total} bytes came as {found}")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Leave what is here for another time; nothing is left of a part without a byte."""
        self._file.close()
        if not self.size:
            self.path.unlink(missing_ok=True)
        self._closed(self)

    def __enter__(self) -> Part:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
