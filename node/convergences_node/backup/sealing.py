# SPDX-License-Identifier: AGPL-3.0-or-later
"""Encrypting a stream of bytes into an age file, and back, without holding more than a piece of it.

pyrage pulls from a reader and pushes into a writer. The format proves at its end that nothing is missing (C2SP age,
"payload": the last chunk is marked), and each chunk of 64 KiB is authenticated: what was cut or altered is an error.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from convergences_protocol.errors import Fault, LocalError

from convergences_node.regular_files import open_regular

from .container import DamagedBackup
from .shelf import unread


class WrongSheet(LocalError):  # noqa: N818 -- named for what was found
    """The backup was not encrypted to this recovery sheet's key."""


def seal(pieces: Iterator[bytes], write: Callable[[bytes], object], recipient: str) -> None:
    """Encrypt all of `pieces` to `recipient` (`age1…`), giving the file's bytes to `write`.

    What the pieces or `write` raise is raised again.
    """
    import pyrage

    source, sink = _Source(pieces), _Sink(write)
    try:
        pyrage.encrypt_io(source, sink, [pyrage.x25519.Recipient.from_str(recipient)])
    except (pyrage.EncryptError, OSError) as error:
        raise source.error or sink.error or LocalError(f"the backup could not be encrypted: {error}") from error


@contextmanager
def opened(path: Path, identity: str) -> Iterator[IO[bytes]]:
    """What is in the age file, as a stream. At the end of the block everything has been read and was whole, or
    `WrongSheet` or `DamagedBackup` is raised; an error of the block itself comes first only if the file was sound."""
    import pyrage

    with _open(path) as file:
        stick = _Reading(file)
        reading, writing = os.pipe()
        outcome: list[Exception] = []

        def decrypt() -> None:
            try:
                with os.fdopen(writing, "wb") as pipe:
                    pyrage.decrypt_io(stick, pipe, [pyrage.x25519.Identity.from_str(identity)])
            except (pyrage.DecryptError, OSError) as error:
                outcome.append(error)

        thread = threading.Thread(target=decrypt, name="decrypting", daemon=True)
        thread.start()
        failed: Exception | None = None
        try:
            with os.fdopen(reading, "rb") as stream:
                try:
                    yield stream
                except DamagedBackup as error:
                    failed = error  # perhaps only because the file itself could not be decrypted to its end
                else:
                    _drain(stream)
        finally:
            thread.join()
        if stick.error is not None:
            raise unread(path, stick.error) from stick.error
        if outcome and not (failed is None and isinstance(outcome[0], BrokenPipeError)):
            raise _told(path, outcome[0], failed) from outcome[0]
        if failed is not None:
            raise failed


def _open(path: Path) -> IO[bytes]:
    try:
        return open_regular(path)
    except OSError as error:
        raise unread(path, error) from error


def _told(path: Path, error: Exception, failed: Exception | None) -> Exception:
    if "No matching keys" in str(error):
        return WrongSheet(
            f"this recovery sheet does not open {path.name}",
            hint="each town has its own sheet; the note beside the backup says whose it is",
            fault=Fault("", "backup_wrong_sheet", {"file": path.name}),
        )
    if isinstance(error, BrokenPipeError):
        return failed or error
    return DamagedBackup(
        f"{path.name} is cut or was altered: {error}", fault=Fault("", "backup_damaged", {"file": path.name})
    )


def _drain(stream: IO[bytes]) -> None:
    while stream.read(1 << 16):
        pass


class _Reading:
    """The file to read from, and why it could not be."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def read(self, count: int = -1) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            self.error = error
            raise


class _Source:
    """The pieces as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")
        self.error: Exception | None = None

    def read(self, count: int = -1) -> bytes:
        try:
            while not self._left:
                self._left = memoryview(next(self._pieces))
        except StopIteration:
            return b""
        except Exception as error:
            self.error = error
            raise
        taken, self._left = self._left[:count], self._left[count:]
        return bytes(taken)


class _Sink:
    """A file to write to that is a function."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.error: Exception | None = None

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except Exception as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""
