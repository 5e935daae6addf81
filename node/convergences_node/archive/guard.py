# SPDX-License-Identifier: AGPL-3.0-or-later
"""`head.guard`: the last head that this node signed, and the machine on which it did.

It is what tells a restored backup or a cloned card from a morning after a power cut. It may be lost (that is a doubt)
but must never go back in time on its own: it is left out of backups. The archive's writer makes it durable after the
archive has committed, and before anyone is shown the head:

    prepare (write beside, fsync)  ->  commit the archive  ->  settle (rename, fsync the folder)  ->  reveal

It is prepared before the commit so that a full disk refuses an append while nothing is written yet.
A torn or edited guard reads as none at all: its own digest is in its second line.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from convergences_protocol.errors import LocalError

from convergences_node.read_only import refusal

from .durable import TEMPORARY, prepare, sync_folder
from .model import CARD_FAILS, CARD_FULL, NEW_CARD, ArchiveFull

GUARD_NAME = "head.guard"
GUARD_BYTES_MAX = 16_384
_FIRST_LINE = b"convergences guard 1\n"

Step = Callable[[str], None]
"""Told the name of each step of an append when it is done. Tests cut the power there."""


def no_step(name: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class GuardState:
    """What the guard remembers: the last signed head, as a note, and the machine's identity, if it has one."""

    note: bytes
    machine: str | None


class GuardTorn(LocalError):  # noqa: N818 -- named for what was found
    """There is a guard, and it cannot be believed."""


class Guard:
    """The guard of one folder. Used by the writer's thread alone."""

    def __init__(self, folder: Path, machine: str | None, step: Step = no_step) -> None:
        self._path = folder / GUARD_NAME
        self._machine = machine
        self._step = step

    @property
    def machine(self) -> str | None:
        """The identity of the machine we are on."""
        return self._machine

    def read(self) -> GuardState | None:
        """What it remembers; None if there is no guard; raises `GuardTorn` if it is not whole."""
        try:
            with self._path.open("rb") as file:
                data = file.read(GUARD_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        return decode(data)

    def prepare(self, note: bytes) -> None:
        """Write, beside the guard, what it will be. Until `settle`, it counts for nothing."""
        prepare(self._path, encode(GuardState(note, self._machine)))
        self._step("guard.prepared")

    def no_room(self, error: OSError) -> LocalError:
        """What a failure to prepare means for the append that was under way."""
        if error.errno == errno.EROFS:  # the card has turned so under a node that runs
            return refusal("read-only file system")
        said = f"head.guard could not be written ({error.strerror or error}), so nothing was appended"
        if error.errno == errno.EIO:
            return LocalError(said, hint=NEW_CARD, fault=CARD_FAILS)
        return ArchiveFull(said, fault=CARD_FULL)

    def settle(self) -> None:
        """Make what was prepared the guard; when this returns, it survives a pulled plug."""
        self._path.with_name(GUARD_NAME + TEMPORARY).rename(self._path)
        self._step("guard.renamed")
        sync_folder(self._path.parent)
        self._step("guard.durable")


def encode(state: GuardState) -> bytes:
    """The guard as a text that a person can read: a machine, and a signed note."""
    rest = f"machine {state.machine or '-'}\n\n".encode() + state.note
    return _FIRST_LINE + f"sha256 {sha256(rest).hexdigest()}\n".encode() + rest


def decode(data: bytes) -> GuardState:
    """The inverse of `encode`; raises `GuardTorn`."""
    first, second, rest = _cut(data)
    machine_line, separator, note = rest.partition(b"\n\n")
    whole = first == _FIRST_LINE and second == f"sha256 {sha256(rest).hexdigest()}\n".encode()
    if not whole or not separator or not machine_line.startswith(b"machine ") or len(data) > GUARD_BYTES_MAX:
        raise GuardTorn("head.guard is torn: it does not have its own digest")
    machine = machine_line.removeprefix(b"machine ").decode()
    return GuardState(note, None if machine == "-" else machine)


def _cut(data: bytes) -> tuple[bytes, bytes, bytes]:
    first, _, after = data.partition(b"\n")
    second, _, rest = after.partition(b"\n")
    return first + b"\n", second + b"\n", rest
