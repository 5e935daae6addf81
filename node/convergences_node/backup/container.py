# SPDX-License-Identifier: AGPL-3.0-or-later
"""The inside of a backup: a tar stream (POSIX.1-2001) that ends with the digest of each of its members, signed.

tar, so that a person with nothing but `age` and `tar` can look into a backup twenty years from now. Written and read as
a stream, a piece at a time: memory stays flat whatever the size. The last two members are `manifest.json` and its
signature by the node's key, for encrypting to somebody says nothing about who did it. A stream without them is cut.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import IO

from convergences_protocol.errors import LocalError
from convergences_protocol.signature import verify

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
CONTEXT = b"convergences/backup/1\n"
"""In front of what is signed: no log's head and no record begins like this."""

PIECE_BYTES = 64 * 1024
MEMBERS_MAX = 1_000_000
"""A town's media and a hundred million records fit; what is more was not written by a node."""
MANIFEST_BYTES_MAX = 256 * 1024 * 1024
NAME_CHARS_MAX = 4_096
"""A path that Linux opens (PATH_MAX): whatever a person may have put into the node's folder comes back."""
MODE = 0o600


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the stream: its pieces together have `size` bytes."""

    name: str
    size: int
    pieces: Iterable[bytes]

    @classmethod
    def of(cls, name: str, data: bytes) -> Member:
        """A small file, whole."""
        return cls(name, len(data), (data,))


class DamagedBackup(LocalError):  # noqa: N818 -- named for what was found
    """The stream is not what a node has written: cut, altered, or no backup at all."""


def written(members: Iterable[Member], sign: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """The bytes of the stream, piece by piece. `sign` is the node's key."""
    listed: dict[str, tuple[int, str]] = {}
    for member in members:
        assert member.name not in listed, f"{member.name} twice in a backup"
        listed[member.name] = yield from _member(member)
    manifest = json.dumps(listed, separators=(",", ":")).encode()
    yield from _member(Member.of(MANIFEST, manifest))
    yield from _member(Member.of(SIGNATURE, sign(CONTEXT + sha256(manifest).digest())))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(member: Member) -> Generator[bytes, None, tuple[int, str]]:
    """The member's header, its bytes, what fills its last block up. Returns its size and digest."""
    info = tarfile.TarInfo(member.name)
    info.size, info.mode = member.size, MODE
    yield info.tobuf(tarfile.PAX_FORMAT)
    digest, count = sha256(), 0
    for piece in member.pieces:
        digest.update(piece)
        count += len(piece)
        yield piece
    if count != member.size:
        raise LocalError(f"{member.name} changed while it was read: {count} bytes instead of {member.size}")
    yield bytes(-count % tarfile.BLOCKSIZE)
    return count, digest.hexdigest()


Take = Callable[[str, int, Iterator[bytes]], None]
"""Given each member's name, size and pieces; pieces that are left are passed over, and still counted."""


@dataclass(frozen=True, slots=True)
class Read:
    """A stream that was read to its end and is whole."""

    members: int
    size_bytes: int
    digest: bytes
    signature: bytes

    def signed_by(self, key: bytes) -> bool:
        """Whether that node's key has signed it."""
        return verify(key, CONTEXT + self.digest, self.signature)


def read(stream: IO[bytes], take: Take) -> Read:
    """Give each member to `take`, in order, and check all of them at the end. Raises `DamagedBackup`."""
    found: dict[str, tuple[int, str]] = {}
    last: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=PIECE_BYTES) as archive:
            for info in archive:
                name = _checked_name(info, len(found))
                content = archive.extractfile(info)
                assert content is not None, "a plain file has content"
                if name in (MANIFEST, SIGNATURE):
                    last[name] = _whole(content, info.size)
                    continue
                pieces = _Pieces(content)
                take(name, info.size, iter(pieces))
                found[name] = pieces.finish()
    except (tarfile.TarError, EOFError) as error:
        raise DamagedBackup(f"the backup is cut or damaged: {error}") from error
    return _checked(found, last)


def _checked(found: dict[str, tuple[int, str]], last: dict[str, bytes]) -> Read:
    if last.keys() != {MANIFEST, SIGNATURE}:
        raise DamagedBackup("the backup is cut: its list of contents, which stands at its end, is missing")
    try:
        listed = {str(name): (int(size), str(digest)) for name, (size, digest) in json.loads(last[MANIFEST]).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedBackup(f"the backup's list of contents cannot be read: {error}") from error
    if listed != found:
        wrong = sorted(name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name))
        raise DamagedBackup(f"the backup does not hold what its list says: {', '.join(wrong[:3])}")
    total = sum(size for size, _ in found.values())
    return Read(len(found), total, sha256(last[MANIFEST]).digest(), last[SIGNATURE])


def _checked_name(info: tarfile.TarInfo, count: int) -> str:
    path = PurePosixPath(info.name)
    plain = info.isreg() and not path.is_absolute() and ".." not in path.parts and str(path) == info.name
    if not plain or len(info.name) > NAME_CHARS_MAX or count >= MEMBERS_MAX:
        raise DamagedBackup(f"no node has written {info.name[:80]!r} into a backup")
    return info.name


def _whole(content: IO[bytes], size: int) -> bytes:
    if size > MANIFEST_BYTES_MAX:
        raise DamagedBackup(f"a list of contents of {size} bytes")
    return content.read(size)


class _Pieces:
    """A member's bytes, counted and digested as they are taken."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self._digest = sha256()
        self._count = 0

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._content.read(PIECE_BYTES):
            self._digest.update(piece)
            self._count += len(piece)
            yield piece

    def finish(self) -> tuple[int, str]:
        for _ in self:
            pass
        return self._count, self._digest.hexdigest()
