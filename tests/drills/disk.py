# SPDX-License-Identifier: AGPL-3.0-or-later
"""A disk that forgets what was not synced, replayed from what `recorder.c` has seen a process do.

What is sure after a cut: of a file's content, what it was at its last fsync; of a folder's names, what they were at its
last fsync, and the name under which a synced file was created. Of the rest, dice decide: names as far as they were
changed in order (a journal), and of the bytes each block of 4 KiB for itself, the last one torn at a sector. What lies
between is zeroes. This is harsher than ext4 and as harsh as a cheap stick.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

HEAD = struct.Struct("<BIQI")
BLOCK_BYTES, SECTOR_BYTES = 4096, 512


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that the process did."""

    kind: str
    path: str
    offset: int
    data: bytes


def ops(log: Path) -> Iterator[Op]:
    """What was recorded, in order; a record that the process was killed in is not there."""
    with log.open("rb") as file:
        while len(head := file.read(HEAD.size)) == HEAD.size:
            kind, path_length, offset, length = HEAD.unpack(head)
            path, data = file.read(path_length), file.read(length)
            if len(path) < path_length or len(data) < length:
                return
            yield Op(chr(kind), path.decode(), offset, data)


@dataclass(slots=True, eq=False)
class Inode:
    """A file, whatever its name: what is sure of it, and what was done since."""

    sure: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    """`(offset, bytes)` written, or `(size, None)` truncated."""

    def sync(self) -> None:
        for offset, data in self.since:
            apply(self.sure, offset, data)
        self.since.clear()

    def left(self, dice: Random) -> bytes:
        """What a cut leaves of it."""
        content = bytearray(self.sure)
        for offset, data in self.since:
            if data is None:
                if dice.random() < 0.5:
                    apply(content, offset, None)
                continue
            for start, block in _blocks(offset, data):
                chance = dice.random()
                if chance < 0.5:
                    apply(content, start, block)
                elif chance < 0.6:
                    apply(content, start, block[: dice.randrange(0, len(block) + 1, SECTOR_BYTES)])
        return bytes(content)


def apply(content: bytearray, offset: int, data: bytes | None) -> None:
    """A write, or a truncation where `data` is None."""
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
    elif data:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def _blocks(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        stop = min(len(data), at + BLOCK_BYTES - (offset + at) % BLOCK_BYTES)
        yield offset + at, data[at:stop]
        at = stop


@dataclass(frozen=True, slots=True)
class Renaming:
    """A change of names that is not sure yet: `inode` gets `new` (None: nothing does), `old` goes.

    `inside` are those of the files in a folder that was renamed: they go with it, all or none.
    """

    inode: Inode | None
    new: str | None
    old: str | None
    inside: tuple[Renaming, ...] = ()

    def apply(self, names: dict[str, Inode]) -> None:
        if self.old is not None:
            names.pop(self.old, None)
        if self.new is not None and self.inode is not None:
            names[self.new] = self.inode
        for each in self.inside:
            each.apply(names)

    def in_folder(self, folder: str) -> bool:
        return any(name is not None and name.rpartition("/")[0] == folder for name in (self.new, self.old))


class Disk:
    """Names and files, as the process sees them and as they are sure to be."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        """Lines that the process had said on its standard output."""
        self._now: dict[str, Inode] = {}
        self._sure: dict[str, Inode] = {}
        self._since: list[Renaming] = []
        self._said = ""

    def put(self, path: str, data: bytes) -> None:
        """A file that was there before, as sure as can be."""
        self._now[path] = self._sure[path] = Inode(bytearray(data))

    def do(self, op: Op) -> None:
        """One thing more has been done."""
        match op.kind:
            case "C":
                self._now[op.path] = Inode()
                self._since.append(Renaming(self._now[op.path], op.path, None))
            case "W" if op.path in self._now:
                self._now[op.path].since.append((op.offset, op.data))
            case "T" if op.path in self._now:
                self._now[op.path].since.append((op.offset, None))
            case "S":
                self._sync(op.path)
            case "R":
                self._rename(op.path, op.data.decode())
            case "U":
                self._now.pop(op.path, None)
                self._since.append(Renaming(None, None, op.path))
            case "A":
                *lines, self._said = (self._said + op.data.decode()).split("\n")
                self.acknowledged += lines

    def _sync(self, path: str) -> None:
        inode = self._now.get(path)
        if inode is None:
            self._settle(lambda renaming: renaming.in_folder(path))
            return
        inode.sync()
        # A name comes back with its file; what stood under that name before is gone for sure, then.
        created = {renaming.new for renaming in self._since if renaming.inode is inode and renaming.old is None}
        self._settle(lambda renaming: renaming.new in created or (renaming.new is None and renaming.old in created))

    def _settle(self, chosen: Callable[[Renaming], bool]) -> None:
        rest = []
        for renaming in self._since:
            if chosen(renaming):
                renaming.apply(self._sure)
            else:
                rest.append(renaming)
        self._since = rest

    def _rename(self, old: str, new: str) -> None:
        if old in self._now:
            self._since.append(self._moved(old, new))
            return
        inside = [path for path in self._now if path.startswith(old + "/")]  # a folder with all that is in it
        moved = tuple(self._moved(path, new + path.removeprefix(old)) for path in inside)
        self._since.append(Renaming(None, new, old, moved))

    def _moved(self, old: str, new: str) -> Renaming:
        self._now[new] = self._now.pop(old)
        return Renaming(self._now[new], new, old)

    def cut(self, root: Path, image: Path, dice: Random) -> None:
        """Write what a plug that is pulled now leaves of `root` to `image`."""
        names = dict(self._sure)
        for renaming in self._since[: dice.randint(0, len(self._since))]:
            renaming.apply(names)
        for path, inode in names.items():
            if path.endswith("-shm"):
                continue  # memory that was mapped: SQLite makes it anew
            place = image / Path(path).relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(inode.left(dice))
