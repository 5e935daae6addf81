# SPDX-License-Identifier: AGPL-3.0-or-later
"""A backup put back into a new, empty folder; nothing of it counts before all of it was read and is sound.

It is written beside the folder and renamed into its place at the end, so that a wrong sheet, another town's backup or
one that is cut leaves nothing. The archive is made anew: every record is checked against its log's signed head, as if a
peer had sent it. `head.guard` is never there, so the node doubts at its first start, and writes in a new epoch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from convergences_protocol import cbor
from convergences_protocol.errors import Fault, LocalError, Unreadable
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening, read_opening
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import read_header
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.tiles import Slot, decode_bodies, decode_entries

from convergences_node.archive.carrying import KeptLog, PuttingBack, put_rows
from convergences_node.archive.durable import TEMPORARY, sync_folder
from convergences_node.archive.guard import Guard
from convergences_node.archive.keys import Keyring
from convergences_node.archive.lock import FolderLock
from convergences_node.archive.revealed import Revealed
from convergences_node.archive.writer import ArchiveWriter
from convergences_node.blobs.store import Readers, path_of
from convergences_node.certificate.reading import PUBLISHED
from convergences_node.faults import why_of
from convergences_node.imports.remembering import CHOICE as IMPORTS_KNOWN
from convergences_node.imports.remembering import known_until

from . import container
from .container import DamagedBackup
from .contents import FACTS, Facts, left_out, read_facts
from .recipient import identity_of
from .sealing import opened

DIGEST = re.compile(r"[0-9a-f]{64}")
SMALL_BYTES_MAX = 64 * 1024 * 1024
"""A page of rows or a bundle of 256 bodies, which are read whole, is a quarter of this at most."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A folder that holds the town as it was when the backup was made."""

    facts: Facts
    opening: Opening
    """The log that it wrote in then."""
    logs: int
    records: int
    files: int


def restore(path: Path, recovery_seed: bytes, folder: Path, tell: Tell = lambda done, total: None) -> Restored:
    """Put the backup at `path` into `folder`, which must not exist or be empty. Raises `LocalError`; then nothing is
    there."""
    part = folder.with_name(folder.name + TEMPORARY)
    with unwritable_told(folder):
        require_empty(folder)
        with _emptied(part):
            restored = _fill(path, recovery_seed, part, tell)
            os.sync()  # once for all of its files: they are on the card before they have their name
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
            sync_folder(folder.parent)
    return restored


@contextmanager
def unwritable_told(folder: Path) -> Iterator[None]:
    """Around what makes a town in a folder, and leaves nothing where it fails: `LocalError` where the disk does not."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = why_of(error)
        raise LocalError(
            f"{folder} could not be written: {reason}; nothing is there",
            fault=Fault("", "rebuild_unwritable", {"folder": str(folder), "reason": reason}),
        ) from error


@contextmanager
def _emptied(part: Path) -> Iterator[None]:
    """A new folder, this process's alone: another one that fills it is not disturbed, what a killed one left goes.

    Where what is done in it fails, nothing is left of it. Raises `LocalError` if another process is at it.
    """
    if part.is_dir():
        left = FolderLock(part)
        shutil.rmtree(part, ignore_errors=True)
        left.release()
    part.mkdir(mode=0o700, parents=True)  # or it is there again: another process has begun in this moment
    lock = FolderLock(part)
    try:
        with or_nothing(part):
            yield
    finally:
        lock.release()


@contextmanager
def or_nothing(folder: Path) -> Iterator[None]:
    """Around what makes a folder that nobody else is at: where it fails, or is given up, nothing is left of it."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def require_empty(folder: Path) -> None:
    """Refuse to write where something is."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LocalError(
            f"{folder} is not empty: a town is made again in a new folder",
            hint="choose another --folder",
            fault=Fault("", "folder_not_empty", {"folder": str(folder)}),
        )


def _fill(path: Path, recovery_seed: bytes, part: Path, tell: Tell) -> Restored:
    with closing(_Filling(part, SigningKey.from_seed(recovery_seed).public, tell)) as filling:
        with opened(path, identity_of(recovery_seed)) as stream:
            read = container.read(stream, filling.take)
        return filling.finish(read)


class _Filling:
    """Takes the members of a backup in order."""

    def __init__(self, folder: Path, recovery_public: bytes, tell: Tell) -> None:
        self._folder = folder
        self._recovery = recovery_public
        self._tell = tell
        self._writer = ArchiveWriter(folder, Guard(folder, None), Revealed(), tell=lambda event: None)
        self._facts: Facts | None = None
        self._log: PuttingBack | None = None
        self._headers: list[bytes] = []
        self._logs = self._records = self._files = 0

    def close(self) -> None:
        self._writer.close()

    def take(self, name: str, size: int, pieces: Iterator[bytes]) -> None:
        """One member. What it holds comes from whoever knew the public key: everything is checked."""
        kind, _, rest = name.partition("/")
        try:
            if name == FACTS:
                self._facts = self._checked_facts(_whole(name, size, pieces))
            elif self._facts is None:
                raise DamagedBackup("the backup does not begin by saying whose it is")
            elif kind == "files" and rest:
                self._file(PurePosixPath(rest), pieces)
            elif kind == "blobs" and rest:
                self._blob(rest, pieces)
            elif kind == "tables" and rest:
                self._rows(rest.partition("/")[0], _whole(name, size, pieces))
            elif kind == "logs" and rest:
                self._of_log(rest.partition("/")[2].partition("/")[0], _whole(name, size, pieces))
            else:
                raise DamagedBackup(f"the backup holds {name!r}, which this program does not know")
        except (ValueError, KeyError, TypeError, Unreadable) as error:
            raise DamagedBackup(f"{name} of the backup cannot be read: {error}") from error

    def _checked_facts(self, data: bytes) -> Facts:
        facts = read_facts(data)
        if facts.recovery_key != self._recovery.hex():
            raise LocalError(f"the backup says that it is of {facts.territory}, whose recovery sheet is another one")
        return facts

    def _file(self, name: PurePosixPath, pieces: Iterator[bytes]) -> None:
        if left_out(str(name)):  # a guard that came along would take away the doubt
            raise DamagedBackup(f"no node has put {name} into a backup")
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as file:
            path.chmod(0o600)
            for piece in pieces:
                file.write(piece)
        self._files += 1

    def _blob(self, name: str, pieces: Iterator[bytes]) -> None:
        """A picture or a document; its name is the digest of its bytes."""
        if not DIGEST.fullmatch(name):
            raise DamagedBackup(f"no node names a file {name!r}")
        path = path_of(self._folder, bytes.fromhex(name), Readers.PUBLIC)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = sha256()
        with path.open("xb") as file:
            path.chmod(0o600)
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != name:
            raise DamagedBackup(f"the file {name[:12]} of the backup has other bytes")
        self._files += 1

    def _rows(self, table: str, data: bytes) -> None:
        page = cbor.decode(data)
        if not isinstance(page, dict):
            raise DamagedBackup(f"a page of {table} that is none")
        put_rows(self._writer, table, page["columns"], page["rows"])

    def _of_log(self, part: str, data: bytes) -> None:
        if part == "log.json":
            self._finish_log()
            self._log = PuttingBack(self._writer, _read_log(data))
            self._logs += 1
        elif part == "entries":
            self._headers = decode_entries(data)
        elif part == "bodies" and self._log is not None and self._headers:
            self._log.take(self._headers, [_travelling(slot.state, slot.body) for slot in decode_bodies(data)])
            self._records += len(self._headers)
            self._headers = []
            self._tell(self._records, self._facts.size if self._facts else 0)

    def _finish_log(self) -> None:
        if self._log is not None:
            self._log.finish()
        self._log = None

    def finish(self, read: container.Read) -> Restored:
        """All of it was read and nothing is missing: does it hold together as a node?"""
        self._finish_log()
        assert self._facts is not None, "a backup without members is refused before"
        own = self._writer.reader.own_log()
        key = Keyring.open(self._folder).node
        if not read.signed_by(own.key) or own.origin != self._facts.origin:
            raise DamagedBackup(f"the backup was not made by the node that writes in {own.origin}")
        if key.public != own.key:
            raise DamagedBackup(f"the key in the backup is not that of {own.origin}")
        first = self._writer.reader.entry(own.origin, 0)
        assert first is not None, "a log that was put back has its first record"
        opening = read_opening(read_header(first.header))
        if opening.identity != LogIdentity(own.origin, own.key, self._recovery):
            raise DamagedBackup(f"{own.origin} does not begin as the backup says")
        # What came after the backup was imported and comes back from peers: its rows are in no memory here.
        known = known_until({own.origin: self._facts.size}, self._writer.reader.choice(IMPORTS_KNOWN))
        self._writer.choose(IMPORTS_KNOWN, known)
        # The certificate's key stayed on the other card: https is off on this one, and nobody is given a dead root.
        (self._folder / PUBLISHED).unlink(missing_ok=True)
        return Restored(self._facts, opening, self._logs, self._records, self._files)


def _whole(name: str, size: int, pieces: Iterator[bytes]) -> bytes:
    if size > SMALL_BYTES_MAX:
        raise DamagedBackup(f"{name} of {size} bytes")
    return b"".join(pieces)


def _read_log(data: bytes) -> KeptLog:
    value = json.loads(data)
    identity = LogIdentity(value["origin"], bytes.fromhex(value["key"]), bytes.fromhex(value["recovery_key"]))
    status = str(value["status"])
    if status not in ("open", "closed"):
        raise ValueError(f"a log that is {status}")
    lines = tuple((str(who), int(size), int(time), line.encode()) for who, size, time, line in value["cosignatures"])
    return KeptLog(identity, bool(value["own"]), status, value["head"].encode(), lines)


def _travelling(state: Slot, body: bytes | None) -> GivenBody:
    if body is not None:
        return body
    return None if state is Slot.ERASED else False


def verify(path: Path, recovery_seed: bytes) -> container.Read:
    """Open a backup with its sheet and read all of it, keeping nothing. Raises `LocalError` if it is not whole."""
    facts: list[Facts] = []

    def take(name: str, size: int, pieces: Iterator[bytes]) -> None:
        if name == FACTS:
            facts.append(read_facts(_whole(name, size, pieces)))

    with opened(path, identity_of(recovery_seed)) as stream:
        read = container.read(stream, take)
    if not facts or not read.signed_by(bytes.fromhex(facts[0].key)):
        raise DamagedBackup(f"{path.name} is not signed by the node that it names")
    return read
