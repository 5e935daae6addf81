# SPDX-License-Identifier: AGPL-3.0-or-later
"""What two nodes say to each other on `/convergences/replicate/1`: fourteen messages, one frame each (frames.py).

A message that was read has the right shape, and nobody doubts that again; what it claims (signatures, roots, digests)
is proved elsewhere. Records travel as the bytes that their author signed. They are never decoded and encoded again on
the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .fields import GivenBody

VERSION = 1


@dataclass(frozen=True, slots=True)
class HeadNote:
    """A signed head as it travels: the C2SP note, and lines by which others have cosigned it."""

    note: bytes
    cosignatures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Follow:
    """A log that the sender wants to hear of, and what it has: the size and root of the head that it holds whole (0 and
    empty for none), and the time at which the author last cosigned that head, 0 for unknown."""

    origin: str
    size: int
    root: bytes
    fresh: int


@dataclass(frozen=True, slots=True)
class Hello:
    """First on every connection, again on a timer, and with the additions when the sender follows more.

    Whoever holds another head of a log named here, or a fresher one, answers with `Heads`: when nothing is missing,
    hellos are all that is said. The sender's own logs are among them, so that whoever knows more of them can say so.
    """

    version: int
    follows: tuple[Follow, ...]


@dataclass(frozen=True, slots=True)
class Heads:
    """The logs that the sender holds, each whole up to the head given. Also what gossip carries, one head at a time."""

    heads: tuple[HeadNote, ...]


@dataclass(frozen=True, slots=True)
class Want:
    """Send me the records `[start, head_size)` of `origin`, with proofs to the head of that size, `credit` batches.

    `number` is the receiver's own, larger each time; a `Want` for the same origin replaces the one before. `head_root`
    names the history: whoever holds another one of that size answers `Cannot`, and has not lied.
    """

    number: int
    origin: str
    start: int
    head_size: int
    head_root: bytes
    credit: int


@dataclass(frozen=True, slots=True)
class More:
    """So many batches more may be sent for that `Want`."""

    number: int
    credit: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The receiver has enough of that `Want`; batches already on their way are ignored."""

    number: int


@dataclass(frozen=True, slots=True)
class Cannot:
    """The sender cannot serve that `Want` (any more): it does not hold the log so far."""

    number: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records `[start, start + len(headers))` of the `Want` with that number.

    `proof` shows that the tree of `start + len(headers)` records is a prefix of the head asked for (empty when it is
    the whole of it). `bodies` has one slot a header.
    """

    number: int
    start: int
    headers: tuple[bytes, ...]
    bodies: tuple[GivenBody, ...]
    proof: tuple[bytes, ...]

    @property
    def stop(self) -> int:
        """The size of the tree once this batch is in it."""
        return self.start + len(self.headers)

    @property
    def size_bytes(self) -> int:
        """Headers and bodies together."""
        return sum(map(len, self.headers)) + sum(len(body) for body in self.bodies if type(body) is bytes)


@dataclass(frozen=True, slots=True)
class WantProof:
    """What was the root of `origin` at `old`, under its head of size `new` with the root `new_root`?"""

    origin: str
    old: int
    new: int
    new_root: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """It was `root`, and here is how the tree of `new` extends it. Empty `root`: I do not hold that head's tree."""

    origin: str
    old: int
    new: int
    root: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class WantBodies:
    """Which of these bodies, named by SHA-256, do you have? One question at a time; `Bodies` answers it."""

    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Those that I have, of the first `considered` digests that you named (a frame may be too small for all)."""

    considered: int
    bodies: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Forks:
    """Proofs that a log's author signed two histories (fork.py), each encoded."""

    proofs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """You are this log's author, and your tree does not extend this head that you signed."""

    note: bytes


@dataclass(frozen=True, slots=True)
class Bye:
    """The sender is about to close, and says why, for the other's log."""

    reason: str


Message: TypeAlias = (
    Hello | Heads | Want | More | Stop | Cannot | Batch | WantProof | Proof | WantBodies | Bodies | Forks | Doubt | Bye
)
