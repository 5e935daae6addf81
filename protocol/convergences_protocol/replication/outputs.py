# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the machine asks of its driver. The driver drains `Replicator.outputs()` after every call, and obeys in order.

Outputs that ask for an answer say which method takes it. An answer may come at any later time, in any order, or never
(the machine's own deadlines go on); an answer to a question that no longer matters is ignored. No output is repeated.

Order that matters: `KeepHead`, `Ingest` and `KeepBodies` of one log take effect in the archive in the order given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..cosignature import Cosignature
from .messages import Batch
from .views import Held


@dataclass(frozen=True, slots=True)
class Send:
    """Give one frame to a peer's replicate stream, in order. Answer `drained` whenever all frames given for that peer
    have been handed to the network. A peer that takes none for `STALL_SECONDS` is to be disconnected."""

    peer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Announce:
    """Publish to the cluster's gossip topic, if there is one; may be lost. Under 1 KiB."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ingest:
    """Check and store a batch: `check.check_batch`, `check.examine`, commit. Then answer `kept` or `refused`.

    `head` is stored with it, in the same transaction, unless its note is empty: it is the head that the log is on its
    way to (`LogView.pinned`), and once `batch.stop == head.size` the one that it has reached (`LogView.head`).

    Batches of one log come in order and without gaps, several ahead: the frontier given to `check_batch` is the one
    that the batch before returned (the archive's own, for the first after `stored` is the archive's size). After a
    refusal the later ones of that log, already handed out, are to be dropped without an answer: their `fetch` number
    is the refused one's.
    """

    peer: str
    origin: str
    fetch: int
    batch: Batch
    head: Held


@dataclass(frozen=True, slots=True)
class LoadBatch:
    """Read `[start, head_size)` of a log, as much as fits, with bodies and the consistency proof from the end of what
    was read to `head_size`. Answer `batch_loaded`, or `not_loaded` when the archive does not hold it."""

    request: int
    peer: str
    origin: str
    start: int
    head_size: int
    records_max: int
    bytes_max: int


@dataclass(frozen=True, slots=True)
class LoadProof:
    """Read the root at `old` and the consistency proof from `old` to `new` (empty if equal), both within the durable
    tree of `origin`. Answer `proof_loaded`, or `not_loaded`."""

    request: int
    origin: str
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class ListWanted:
    """List up to `limit` bodies that `origin` still wants, from record number `start` on. Answer `wanted_listed`."""

    request: int
    origin: str
    start: int
    limit: int


@dataclass(frozen=True, slots=True)
class FindBodies:
    """Read those of these bodies that we have and may show (neither hidden nor erased). Answer `bodies_found` with what
    was found among the first `considered` digests, `bytes_max` in all."""

    request: int
    peer: str
    digests: tuple[bytes, ...]
    bytes_max: int


@dataclass(frozen=True, slots=True)
class KeepBodies:
    """Store bodies, each with its proved SHA-256, wherever their slot is `wanted`; drop those that are erased."""

    peer: str
    origin: str
    bodies: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class KeepHead:
    """Store a signed head of a log, of a size that its durable tree already has, with its cosignatures."""

    origin: str
    head: Held


@dataclass(frozen=True, slots=True)
class KeepCosignature:
    """Store a checked cosignature of the head of that size, which we hold; a later one by the same cosigner replaces
    it. The driver then says `cosigned`, if what is worth telling changed."""

    origin: str
    head_size: int
    cosignature: Cosignature


@dataclass(frozen=True, slots=True)
class KeepFork:
    """Store and show a checked proof that this log's author signed two histories (fork.py, encoded)."""

    origin: str
    proof: bytes


@dataclass(frozen=True, slots=True)
class RaiseDoubt:
    """A validly signed head of our own log that its tree, as the machine knows it, does not extend. The driver asks
    `doubt.judge_head` with the archive's present state before it acts: the machine may be a moment behind."""

    origin: str
    head: Held


@dataclass(frozen=True, slots=True)
class Contested:
    """A validly signed head of another's log that our copy does not extend, without a fork proof to show yet: our copy
    reaches no signed head that can be compared. For the operator's eyes; the charter's `end` will decide."""

    origin: str
    head: Held


@dataclass(frozen=True, slots=True)
class Rewind:
    """The charter ended this log with a history that leaves ours at `size`: set the records from there on aside (an
    author re-appends its own to its new epoch first). Answer `rewound`."""

    origin: str
    size: int


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A peer follows logs that nobody here has named: one may be its own new epoch, or a newcomer. The driver asks the
    charter (`Charter.candidate`), and calls `follow` with what it wants to look at."""

    peer: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """Close every connection with a peer. With `seconds` > 0 it lied: remember, and refuse it so long (`misdeeds`)."""

    peer: str
    reason: str
    seconds: float


Output: TypeAlias = (
    Send
    | Announce
    | Ingest
    | LoadBatch
    | LoadProof
    | ListWanted
    | FindBodies
    | KeepBodies
    | KeepHead
    | KeepCosignature
    | KeepFork
    | RaiseDoubt
    | Contested
    | Rewind
    | Mentioned
    | Drop
)
