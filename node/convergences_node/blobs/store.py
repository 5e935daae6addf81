# SPDX-License-Identifier: AGPL-3.0-or-later
"""The folder of files by digest: `blobs/<readers>/<2 digits>/<64 digits>`, and what is on its way in `blobs/parts/`.

Trusted: no, each file is checked when it comes, by its name. May be lost: yes, peers have it, or a page says that it is
missing. May go back in time: yes. A file is written beside, made durable, and renamed; it is never written again.
Every call may be made from any thread.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError

from convergences_node.archive.durable import sync_folder
from convergences_node.blobs.part import PART_SUFFIX, Part
from convergences_node.blobs.settings import BlobsSection

FOLDER = "blobs"
DIGEST_BYTES = 32
COPY_BYTES = 256 * 1024
PARTS_MAX = 64
"""Files half received; beyond that the one that waits longest is let go of."""


class Readers(StrEnum):
    """Who is given a file, the widest first."""

    PUBLIC = "public"
    PEERS = "peers"
    NODE = "node"


HIDDEN = "hidden"
"""The folder of what is put aside until it is known that nobody names it: it is not found."""

_WIDTH = {readers: width for width, readers in enumerate(Readers)}


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that is here, whole."""

    digest: bytes
    size: int
    readers: Readers
    path: Path

    def read(self, offset: int, bytes_max: int) -> bytes:
        """Some of it, from `offset` on; empty at its end."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(bytes_max)


def path_of(node: Path, digest: bytes, readers: Readers) -> Path:
    """Where a file stands in a node's folder."""
    name = digest.hex()
    return node / FOLDER / readers / name[:2] / name


class BlobStore:
    """The files of one node."""

    def __init__(self, node: Path, settings: BlobsSection) -> None:
        self.folder = node / FOLDER
        self._public = str(self.folder / Readers.PUBLIC)
        self._settings = settings
        self._lock = threading.RLock()
        self._taken: int | None = None
        """Bytes of all whole files, counted when it is first asked for."""
        self._awaited: dict[bytes, int] = {}
        """Room promised to what is on its way."""

    # ------------------------------------------------------------------------------------- what is here
    def find(self, digest: bytes) -> Blob | None:
        """The file of that digest, where most may read it; None if it is not here."""
        for readers in Readers:
            path = self._path(digest, readers)
            try:
                return Blob(digest, path.stat().st_size, readers, path)
            except FileNotFoundError:
                continue
        return None

    def has_public(self, digest: str) -> bool:
        """Whether it is here for everyone, by its 64 digits: in one look, for a list asks it of each picture."""
        return os.path.exists(f"{self._public}/{digest[:2]}/{digest}")  # noqa: PTH110 - a path object is most of the cost

    def blobs(self) -> Iterator[Blob]:
        """Every file, in the order of digests within each sort of readers."""
        for readers in Readers:
            for path in sorted((self.folder / readers).glob("[0-9a-f][0-9a-f]/*")):
                if len(path.name) == 2 * DIGEST_BYTES:
                    yield Blob(bytes.fromhex(path.name), path.stat().st_size, readers, path)

    def is_sound(self, blob: Blob) -> bool:
        """Whether a file's bytes are still those of its name: a worn card gives others back, and says nothing."""
        digest = sha256()
        try:
            with blob.path.open("rb") as file:
                while data := file.read(COPY_BYTES):
                    digest.update(data)
        except OSError:
            return not blob.path.exists()  # it went meanwhile, or the card gives nothing back
        return digest.digest() == blob.digest

    def taken_bytes(self) -> int:
        """What they take together."""
        with self._lock:
            if self._taken is None:
                self._taken = sum(blob.size for blob in self.blobs())
            return self._taken

    # ------------------------------------------------------------------------------------- what comes
    def add(self, source: Path, readers: Readers) -> Blob:
        """Keep a copy of a file."""
        size = source.stat().st_size
        with source.open("rb") as file:
            digest = sha256()
            while data := file.read(COPY_BYTES):
                digest.update(data)
            file.seek(0)
            with self.part(digest.digest(), size) as part:
                file.seek(part.size)
                while data := file.read(COPY_BYTES):
                    part.append(data)
                return self.keep(part, readers)

    def add_bytes(self, data: bytes, readers: Readers) -> Blob:
        """Keep bytes as a file."""
        with self.part(sha256(data).digest(), len(data)) as part:
            part.append(data[part.size :])
            return self.keep(part, readers)

    def part(self, digest: bytes, size: int) -> Part:
        """Begin, or go on with, a file of that digest and size; there is room for it now, or LocalError."""
        with self._lock:
            self._require_room(digest, size)
            folder = self.folder / "parts"
            folder.mkdir(parents=True, exist_ok=True)
            self._let_go(folder)
            part = Part(folder / f"{digest.hex()}{PART_SUFFIX}", digest, size, self._closed)
            self._awaited[digest] = size
            return part

    def keep(self, part: Part, readers: Readers) -> Blob:
        """Give a whole part its name, durably. RemoteError if its bytes are not the digest's: they are forgotten."""
        part.check()
        with self._lock:
            here = self.find(part.digest)
            if here is not None and _WIDTH[here.readers] <= _WIDTH[readers]:
                part.path.unlink()
                return here
            path = self._path(part.digest, readers)
            self._make_folder(path.parent)
            part.path.rename(path)
            sync_folder(path.parent)
            if here is not None:
                here.path.unlink()
            elif self._taken is not None:
                self._taken += part.size
            return Blob(part.digest, part.size, readers, path)

    def widen(self, blob: Blob, readers: Readers) -> Blob:
        """Let more read a file; what is wide already stays."""
        with self._lock:
            if _WIDTH[blob.readers] <= _WIDTH[readers]:
                return blob
            path = self._path(blob.digest, readers)
            self._make_folder(path.parent)
            blob.path.rename(path)
            sync_folder(path.parent)
            return Blob(blob.digest, blob.size, readers, path)

    def hide(self, blob: Blob) -> None:
        """Put a file aside: it is not found, nor given to anybody, until it is shown again or removed."""
        with self._lock:
            aside = self._aside(blob.digest)
            self._make_folder(aside.parent)
            blob.path.rename(aside)
            for folder in (aside.parent, blob.path.parent):
                sync_folder(folder)
            self._taken = None

    def show(self, digest: bytes) -> None:
        """Give back, to everybody, what was put aside."""
        with self._lock:
            path = self._path(digest, Readers.PUBLIC)
            self._make_folder(path.parent)
            self._aside(digest).rename(path)
            sync_folder(path.parent)
            self._taken = None

    def hidden(self) -> list[bytes]:
        """What is put aside."""
        names = sorted(path.name for path in (self.folder / HIDDEN).glob("*"))
        return [bytes.fromhex(name) for name in names if len(name) == 2 * DIGEST_BYTES]

    def remove(self, digest: bytes) -> bool:
        """Forget a file, whoever could read it, and what was received of it; whether there was any."""
        with self._lock:
            found = self._aside(digest).is_file()
            self._aside(digest).unlink(missing_ok=True)
            while (blob := self.find(digest)) is not None:
                blob.path.unlink()
                sync_folder(blob.path.parent)
                if self._taken is not None:
                    self._taken -= blob.size
                found = True
            (self.folder / "parts" / f"{digest.hex()}{PART_SUFFIX}").unlink(missing_ok=True)
            return found

    # ------------------------------------------------------------------------------------- room
    def _require_room(self, digest: bytes, size: int) -> None:
        """Raises unless the operator's bounds and the disk itself have room for one more file of that size."""
        most = self._settings.file_bytes
        if size > most:
            raise LocalError(
                f"file {digest.hex()[:12]} has {size} bytes, at most {most} are taken",
                hint="blobs.file_mib in convergences.toml",
                fault=Fault("", "blob_large", {"bytes": size, "bytes_max": most}),
            )
        others = sum(awaited for other, awaited in self._awaited.items() if other != digest)
        left = self._settings.total_bytes - self.taken_bytes() - others
        self.folder.mkdir(parents=True, exist_ok=True)
        left = min(left, shutil.disk_usage(self.folder).free - others - self._settings.free_bytes)
        if size > left:
            raise LocalError(
                f"file {digest.hex()[:12]} has {size} bytes, and there is room for {max(left, 0)}",
                hint="blobs.total_mib in convergences.toml, or a larger disk",
                fault=Fault("", "blob_room", {"bytes": size, "bytes_left": max(left, 0)}),
            )

    def _let_go(self, parts: Path) -> None:
        """Forget the parts that nobody has gone on with for longest, beyond the bound."""
        names = {f"{digest.hex()}{PART_SUFFIX}" for digest in self._awaited}
        waiting = sorted((path for path in parts.iterdir() if path.name not in names), key=_changed_at)
        for path in waiting[: max(0, len(waiting) - PARTS_MAX)]:
            path.unlink(missing_ok=True)

    def _closed(self, part: Part) -> None:
        with self._lock:
            self._awaited.pop(part.digest, None)

    def _aside(self, digest: bytes) -> Path:
        return self.folder / HIDDEN / digest.hex()

    def _path(self, digest: bytes, readers: Readers) -> Path:
        assert len(digest) == DIGEST_BYTES
        return path_of(self.folder.parent, digest, readers)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            for parent in (folder.parent, self.folder, self.folder.parent):
                sync_folder(parent)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
