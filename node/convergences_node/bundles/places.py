# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where a bundle stands: a folder of files, or the same files in one ZIP file. Names are those of a node's addresses.

    logs                                  which logs are in it, as `GET /api/v1/logs` says
    log/<territory>/<epoch>/checkpoint    the signed head, with cosignatures; tiles, entries and bodies beside it, as a
    log/<territory>/<epoch>/tile/…        node serves them (C2SP tlog-tiles, and `bodies/`)
    log/<territory>/<epoch>/forks/<n>     proofs that the log has two histories
    blobs/<sha256>                        pictures and documents that the records name; `blobs.json` lists them

Whoever puts such a folder behind any web server has a mirror. Reading is bounded, name by name.
"""

from __future__ import annotations

import errno
import os
import struct
import zipfile
from pathlib import Path
from typing import Protocol

from convergences_protocol.errors import Fault, LocalError, RemoteError

from convergences_node.archive.durable import TEMPORARY, create, prepare, replace_durably, sync_folder
from convergences_node.faults import why_of
from convergences_node.network.http_tiles import Gone
from convergences_node.regular_files import open_regular

INDEX = "logs"
ZIP_SUFFIX = ".zip"
MODE = 0o644
"""Whoever the stick is given to may read it: all of it is public."""


_BROKEN = (OSError, zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error)
"""What the library raises for a file that is cut or altered: a method or a name that there is not, an end too early."""


def log_base(origin: str) -> str:
    """The beginning of the names of one log's files."""
    return f"log/{origin.removeprefix('convergences/')}/"


def no_bundle(path: Path) -> LocalError:
    """Nothing is there to read."""
    return LocalError(
        f"there is no bundle at {path}",
        hint="is the stick plugged in? convergences bundle write makes one",
        fault=Fault("", "bundle_absent", {"file": str(path)}),
    )


def _no_folder(folder: Path) -> LocalError:
    return LocalError(
        f"there is no folder {folder} to put a bundle into",
        hint="is the stick plugged in?",
        fault=Fault("", "stick_absent", {"folder": str(folder)}),
    )


def damaged(name: str, what: str) -> RemoteError:
    """A file of a bundle, or the bundle itself, is not as a node writes it: cut, or altered."""
    return RemoteError(f"{name} {what}", fault=Fault("", "bundle_damaged", {"file": name}))


def unread(name: str, error: OSError) -> RemoteError:
    """The stick does not give a file back. What of it is no peer's fault is told as one: it is left for now."""
    reason = why_of(error)
    return RemoteError(
        f"{name} of the bundle cannot be read: {reason}",
        fault=Fault("", "bundle_unread", {"file": name, "reason": reason}),
    )


def _pulled_out(path: Path) -> RemoteError:
    return RemoteError(f"the bundle {path} is not there any more", fault=Fault("", "bundle_gone", {"file": str(path)}))


class Place(Protocol):
    """A bundle to read, and to write."""

    def read(self, name: str, bytes_max: int) -> bytes:
        """A file's bytes. Raises `Gone` if there is none, `RemoteError` if it is longer or cannot be read."""

    def write(self, name: str, data: bytes) -> None:
        """Put a file there; it counts once `settle` has returned."""

    def settle(self, name: str, data: bytes) -> None:
        """Make all that was written durable, and only then put this file there, which speaks of it."""

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""

    def close(self) -> None:
        """All is written."""


def place_at(path: Path, *, writing: bool = False) -> Place:
    """The bundle at a path: a file if it ends in `.zip`, else a folder."""
    if path.suffix == ZIP_SUFFIX:
        return ZipWriter(path) if writing else ZipReader(path)
    return Folder(path, writing=writing)


class Folder:
    """A bundle in a folder. What is there already stays, and is added to."""

    def __init__(self, path: Path, *, writing: bool = False) -> None:
        self._path = path
        self._fresh: list[Path] = []
        self._own: set[Path] = set()
        """Its folders that are known to be in it."""
        self._begun = False
        """Its list of logs was read: as long as the stick is there, so is the list."""
        if writing and not path.parent.is_dir():
            raise _no_folder(path.parent)
        if not writing and not os.path.isdir(path):  # noqa: PTH112 - of a stick that fails, Path would raise
            raise no_bundle(path)

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            with open_regular(self._path / name) as file:
                data = file.read(bytes_max + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if self._begun and not os.path.isfile(self._path / INDEX):  # noqa: PTH113 - as above
                raise _pulled_out(self._path) from None
            raise Gone(name) from None
        except OSError as error:
            raise unread(name, error) from error
        if len(data) > bytes_max:
            raise damaged(name, f"of the bundle is longer than {bytes_max} bytes")
        self._begun = self._begun or name == INDEX
        return data

    def write(self, name: str, data: bytes) -> None:
        path = self._room_for(name)
        if path.exists():  # the head that is there speaks of it: it may not be half of either for a moment
            prepare(path, data, MODE).rename(path)
        else:
            part = path.with_name(path.name + TEMPORARY)
            with create(part, MODE) as file:
                file.write(data)
            part.rename(path)
        self._fresh.append(path)

    def settle(self, name: str, data: bytes) -> None:
        self._sync()
        replace_durably(self._room_for(name), data, MODE)

    def _room_for(self, name: str) -> Path:
        """Where to write a file, its folder made."""
        path = self._path / name
        if path.parent not in self._own:
            self._check(path.parent)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._own.add(path.parent)
        return path

    def _check(self, folder: Path) -> None:
        """OSError if a link leads away from the stick."""
        if folder.resolve() != self._path.resolve() / folder.relative_to(self._path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))

    def _sync(self) -> None:
        """A stick is slow to sync: once for many files, when most of them have left the memory by themselves."""
        for path in self._fresh:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        for folder in dict.fromkeys(path.parent for path in self._fresh):
            sync_folder(folder)
        self._fresh.clear()

    def remove(self, name: str) -> None:
        self._check((self._path / name).parent)
        (self._path / name).unlink(missing_ok=True)

    def close(self) -> None:
        self._sync()


class ZipWriter:
    """A new bundle in one file, which takes the place of the one before when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.parent.is_dir():
            raise _no_folder(path.parent)
        self._part = path.with_name(path.name + TEMPORARY)
        self._file = create(self._part, MODE)
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)

    def read(self, name: str, bytes_max: int) -> bytes:
        raise Gone(name)  # made anew, each time

    def write(self, name: str, data: bytes) -> None:
        self._zip.writestr(zipfile.ZipInfo(name), data)

    settle = write

    def remove(self, name: str) -> None:
        """Nothing is in it that has to go."""

    def close(self) -> None:
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._path)
        sync_folder(self._path.parent)


class ZipReader:
    """A bundle in one file, read by name."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = open_regular(path)
        except FileNotFoundError:
            raise no_bundle(path) from None
        except OSError as error:
            raise unread(path.name, error) from error
        try:
            self._zip = zipfile.ZipFile(self._file)
        except _BROKEN as error:
            self._file.close()
            if isinstance(error, OSError):
                raise unread(path.name, error) from error
            raise damaged(path.name, f"is no bundle, or is cut: {error}") from error

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            info = self._zip.getinfo(name)
            if info.file_size > bytes_max or info.compress_type != zipfile.ZIP_STORED:
                raise damaged(name, f"of the bundle is longer than {bytes_max} bytes")
            return self._zip.read(info)
        except KeyError:
            raise Gone(name) from None
        except _BROKEN as error:
            if isinstance(error, OSError):
                raise unread(name, error) from error
            raise damaged(name, f"of the bundle cannot be read: {error}") from error

    def write(self, name: str, data: bytes) -> None:
        raise LocalError("a bundle that is read is not written")

    settle = write

    def remove(self, name: str) -> None:
        raise LocalError("a bundle that is read is not written")

    def close(self) -> None:
        self._zip.close()
        self._file.close()
