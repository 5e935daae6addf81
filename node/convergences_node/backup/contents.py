# SPDX-License-Identifier: AGPL-3.0-or-later
"""What goes into a backup, in the order in which it is written and put back.

    backup.json               whose it is, and how far its log went (the facts of `head.guard`, which itself stays out)
    files/<name>              the node's folder but for what is listed in `LEFT_OUT`: settings, keys, private databases
    tables/<table>/<n>        rows of the archive that no log has: choices, address book, memory of imports, …
    blobs/<digest>            pictures and documents of this town that no peer says it holds (media.py)
    logs/<n>/log.json         one log: identity, signed head, cosignatures; one's own first epoch first
    logs/<n>/entries/<n>      its headers, 256 a bundle (C2SP tlog-tiles); the hashes above are worked out again
    logs/<n>/bodies/<n>       its bodies, with an explicit slot for what was erased or never came

Other towns' logs are in it only if asked for: they are what peers give back. Where it is a peer that keeps the backup,
there is no log in it either, but for the first record of the one that is written in: the rest is at hand there. Nothing
is held still: a log is append only, so its pinned head is a moment of it, and each other table is younger than no
record that speaks of it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from convergences_protocol import cbor, checkpoint
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.tiles import TILE_WIDTH, BodySlot, Slot, encode_bodies, encode_entries

from convergences_node.archive import carrying
from convergences_node.archive.connection import ARCHIVE_NAME, open_reader
from convergences_node.archive.durable import TEMPORARY
from convergences_node.archive.guard import GUARD_NAME
from convergences_node.archive.lock import LOCK_NAME
from convergences_node.archive.model import LogState
from convergences_node.archive.older import path_to_read
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.spare import SPARE_NAME
from convergences_node.blobs.store import Blob
from convergences_node.faults import why_of
from convergences_node.linked.layout import FOLDER as LINKED
from convergences_node.read_only import open_database, why_read_only
from convergences_node.updates.places import OFFERED_NAME
from convergences_node.vault.notes import NAME as VAULT_NOTES

from . import shelf
from .container import PIECE_BYTES, Member

FORMAT = 1
FACTS = "backup.json"
SOCKET_NAME = "node.sock"
LEFT_OUT = (
    *(ARCHIVE_NAME, "index.", f"{LINKED}/", f"{LINKED}.", GUARD_NAME, LOCK_NAME, SOCKET_NAME, "scratch"),
    *("blobs/public/", "blobs/peers/", "blobs/parts/", VAULT_NOTES),
    *("update/", "before-update", OFFERED_NAME),
)
"""Names, or beginnings of names, of what the archive part holds, what is made again, what peers have or what is kept
for them, and what must never come back."""
LEFT_OUT_ENDS = (TEMPORARY, "-wal", "-shm", "-journal", ".pmtiles")
"""Half-written files, what belongs to a database and is in its copy, and maps, which are large and nobody's secret."""
NO_ROOM_BESIDE = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN)
FILES_MAX = 200_000
OWN, ALL, NONE = "own", "all", "none"
"""Which logs are in it. `none` is for a backup that a peer keeps, which has them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backup says of itself first."""

    format: int
    territory: str
    name: str
    kind: str
    origin: str
    key: str
    recovery_key: str
    size: int
    head: str
    """The last signed head, as a note: what `head.guard` has."""
    created_at: int
    archive: str
    version: str

    def encode(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self), ensure_ascii=False).encode()


def read_facts(data: bytes) -> Facts:
    """The inverse of `encode`; `LocalError` if it is no backup that this program knows."""
    try:
        value = json.loads(data)
        if value["format"] > FORMAT:
            raise LocalError(
                f"the backup is of format {value['format']}, this program knows {FORMAT}",
                hint="install the newer version of convergences; nothing was changed",
                fault=Fault("", "backup_newer"),
            )
        return Facts(**value)
    except (ValueError, TypeError, KeyError) as error:
        raise LocalError(f"the backup does not say whose it is: {error}") from error


@dataclass(frozen=True, slots=True)
class Source:
    """The node that is backed up, read from a thread of its own."""

    folder: Path
    reader: ArchiveReader
    key: SigningKey
    """Of the log that is written in."""
    spool: Path
    """An empty folder on the node's own disk, for copies of databases."""
    archive: str
    tell: Callable[[int, int], None]
    """Told how many records are written, of how many."""
    blobs: Sequence[Blob] = ()
    """Pictures and documents that would be lost with this card."""


def members(source: Source, facts: Facts) -> Iterator[Member]:
    """All of it."""
    yield Member.of(FACTS, facts.encode())
    yield from _files(source)
    yield from _blobs(source.blobs)
    try:
        yield from _tables(source.folder)
        # After the tables: a memory of an import whose record is missing would keep that row out for ever.
        yield from _logs(source)
    except sqlite3.Error as error:
        raise _unread(ARCHIVE_NAME, error) from error


# ------------------------------------------------------------------------------------- files
def _files(source: Source) -> Iterator[Member]:
    for path in _listed(source.folder):
        name = f"files/{path.relative_to(source.folder).as_posix()}"
        copy = source.spool / path.name if _is_copied(path) else None
        try:
            if copy is not None:
                _copy_database(path, copy)
            member = _file(name, copy or path)
        except FileNotFoundError:
            continue  # gone since it was listed
        except (OSError, sqlite3.Error) as error:
            raise _unread(path.name, error) from error
        yield member
        if copy is not None:
            copy.unlink()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(_kept(folder))
    except OSError as error:
        raise _unread(Path(error.filename or folder).name, error) from error


def _unread(name: str, error: Exception) -> LocalError:
    """It is this card that fails, not the stick."""
    reason = why_of(error)
    fault = Fault("", "file_unreadable", {"file": name, "reason": reason})
    return LocalError(f"{name} of the node could not be read: {reason}", fault=fault)


def _kept(folder: Path) -> Iterator[Path]:
    count = 0
    for root, _, names in os.walk(folder, onerror=_missed):
        for name in names:
            path = Path(root, name)
            if left_out(path.relative_to(folder).as_posix()) or path.is_symlink() or not path.is_file():
                continue
            if shelf.is_backup(name):  # each would hold all those before it
                continue
            count += 1
            if count > FILES_MAX:
                raise LocalError(f"more than {FILES_MAX} files in {folder}")
            yield path


def _missed(error: OSError) -> None:
    """A folder that cannot be listed: os.walk would pass over it, and the backup be without what is in it."""
    if not isinstance(error, FileNotFoundError):  # gone since it was named
        raise error


def largest_copy(folder: Path) -> int:
    """How many bytes the largest of the databases has that are copied before they are written, with what is in its
    log."""
    sizes = [_size(path) + _size(path.with_name(f"{path.name}-wal")) for path in _listed(folder) if _is_copied(path)]
    return max(sizes, default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_copied(path: Path) -> bool:
    return path.suffix == ".db"


def left_out(name: str) -> bool:
    """Whether a file of the node's folder, by its name in it, has no place in a backup."""
    return name == SPARE_NAME or name.startswith(LEFT_OUT) or name.endswith(LEFT_OUT_ENDS) or TEMPORARY + "/" in name


def _file(name: str, path: Path) -> Member:
    if path.stat().st_size <= PIECE_BYTES:
        return Member.of(name, path.read_bytes())  # small files are replaced as a whole: size and content agree
    return Member(name, path.stat().st_size, _pieces(path))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _read(file)


def _read(file: BinaryIO) -> Iterator[bytes]:
    try:
        while piece := file.read(PIECE_BYTES):
            yield piece
    except OSError as error:
        raise _unread(Path(file.name).name, error) from error


def _copy_database(path: Path, copy: Path) -> None:
    """One moment of a database that may be in use, by SQLite's own means, on a connection that does nothing else."""
    if not path.exists():
        raise FileNotFoundError(path)
    with closing(_open_database(path)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)


def _open_database(path: Path) -> sqlite3.Connection:
    """As others write to it; where there is no room for what SQLite puts beside one that nobody has open, as one that
    nobody can write to."""
    if why_read_only(path.parent) is None:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
        try:
            db.execute("PRAGMA schema_version").fetchone()
        except sqlite3.OperationalError as error:
            db.close()
            if error.sqlite_errorcode & 0xFF not in NO_ROOM_BESIDE:
                raise
        else:
            return db
    return open_database(path)


def _blobs(blobs: Sequence[Blob]) -> Iterator[Member]:
    for blob in blobs:
        try:
            file = blob.path.open("rb")
        except FileNotFoundError:
            continue  # its element was erased since it was listed
        except OSError as error:
            raise _unread(blob.path.name, error) from error
        with file:
            yield Member(f"blobs/{blob.digest.hex()}", blob.size, _read(file))


# ------------------------------------------------------------------------------------- rows
def _tables(folder: Path) -> Iterator[Member]:
    with closing(open_reader(path_to_read(folder))) as db:
        for table in carrying.KEYS:
            named = carrying.columns(db, table)
            for number, rows in enumerate(carrying.pages(db, table)):
                page: dict[str, Any] = {"columns": named, "rows": [list(row) for row in rows]}
                yield Member.of(f"tables/{table}/{number:06}", cbor.encode(page))


# ------------------------------------------------------------------------------------- logs
def _logs(source: Source) -> Iterator[Member]:
    if source.archive == NONE:
        states = [_first_record(source.reader, source.key)]
    else:
        states = [state for state in source.reader.logs() if state.head_size and (state.own or source.archive == ALL)]
    total, done = sum(state.head_size for state in states), 0
    for number, state in enumerate(states):
        yield Member.of(f"logs/{number:04}/log.json", _described(source.reader, state))
        for start in range(0, state.head_size, TILE_WIDTH):
            stop = min(start + TILE_WIDTH, state.head_size)
            headers, bodies = _bundle(source.reader, state.origin, start, stop)
            yield Member.of(f"logs/{number:04}/entries/{start // TILE_WIDTH:08}", headers)
            yield Member.of(f"logs/{number:04}/bodies/{start // TILE_WIDTH:08}", bodies)
            done += stop - start
            source.tell(done, total)


def _first_record(reader: ArchiveReader, key: SigningKey) -> LogState:
    """One's own log when it had its first record alone, under a head of then: a moment of it, as any other head is."""
    own = reader.own_log()
    assert own.key == key.public, "one's own log is written under one's own key"
    note = checkpoint.sign(Checkpoint(own.origin, 1, reader.root_at(own.origin, 1)), key)
    return replace(own, head_size=1, head_note=note)


def _described(reader: ArchiveReader, state: LogState) -> bytes:
    assert state.head_note is not None, "a log with a head"
    rows = [row for row in reader.cosignatures(state.origin) if row.size <= state.head_size]
    return json.dumps(
        {
            "origin": state.origin,
            "key": state.key.hex(),
            "recovery_key": state.recovery_key.hex() if state.recovery_key else "",
            "own": state.own,
            "status": state.status,
            "size": state.head_size,
            "head": state.head_note.decode(),
            "cosignatures": [[row.cosigner, row.size, row.time, row.line.decode()] for row in rows],
        }
    ).encode()


def _bundle(reader: ArchiveReader, origin: str, start: int, stop: int) -> tuple[bytes, bytes]:
    headers: list[bytes] = []
    slots: list[BodySlot] = []
    while start < stop:
        found = reader.entries(origin, start, stop)
        if not found:
            raise LocalError(f"{origin} lost its records from {start} on while it was read")
        headers += [entry.header for entry in found]
        slots += [BodySlot(entry.slot, entry.body if entry.slot is Slot.HERE else None) for entry in found]
        start += len(found)
    return encode_entries(headers), encode_bodies(slots)
