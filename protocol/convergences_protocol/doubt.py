# SPDX-License-Identifier: AGPL-3.0-or-later
"""Is this archive its town's latest, or was an old backup restored, or a card cloned?

A node that signs two heads that do not extend each other has forked its town; it killed identities and logs elsewhere.
So a node compares, at start, what its guard remembers with the archive and the machine it finds itself on; and at any
time, what its peers show: a head that it signed and that its tree does not extend. Either is a doubt. A peer can raise
one, never lift it, and nothing more is ever appended to a log that was in doubt.

What follows a doubt:
1. At once, a new epoch, so that residents can write on. Its opening names the old log as far as this archive has it.
2. The old log becomes one like any other's: what peers have beyond our copy is pulled, checked and kept, as closed
   history. Where our copy parts from theirs, the charter's `end` says which branch counts, and ours is rewound.
3. Records of ours that are not in the closed history are appended again to the new log, as they were signed, under the
   same element ids (`to_append_again`): nothing that a resident was told is kept gets lost.

All of it is pure: the archive asks, and does.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from .checkpoint import Checkpoint
from .errors import Unreadable
from .header import Header, read_header
from .merkle import EMPTY_ROOT
from .opening import KIND as OPENING

RootAt = Callable[[int], bytes]
"""The root of our tree at a size that it has."""


class Reason(StrEnum):
    """Why an archive is in doubt. The sentence for the operator is in the catalogues of signs (`why_…`)."""

    GUARD_MISSING = "guard_missing"
    GUARD_TORN = "guard_torn"
    GUARD_OF_ANOTHER_LOG = "guard_of_another_log"
    MACHINE_CHANGED = "machine_changed"
    ARCHIVE_BEHIND_GUARD = "archive_behind_guard"
    ARCHIVE_DIFFERS_FROM_GUARD = "archive_differs_from_guard"
    PEER_SHOWS_MORE = "peer_shows_more"
    PEER_SHOWS_OTHER = "peer_shows_other"


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the guard remembers: the head it holds, None where its note is not one that this log's key signed; and the
    machine's identity, None where the machine has none."""

    head: Checkpoint | None
    machine: str | None


@dataclass(frozen=True, slots=True)
class Sure:
    """The archive extends everything that this node is known to have signed."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The archive may be an old or a second one. `head` is what it does not extend, if that is the reason."""

    reason: Reason
    head: Checkpoint | None = None


def judge_start(
    guarded: Guarded | None, *, torn: bool, machine: str | None, size: int, root_at: RootAt
) -> Sure | Doubt:
    """Compare guard, machine and archive. `guarded` is None if there is no guard, or (`torn`) no readable one.

    The archive may be ahead of its guard: the plug was pulled between the two, and nobody was shown the difference.
    A machine that gained or lost its identity is another machine.
    """
    if torn:
        return Doubt(Reason.GUARD_TORN)
    if guarded is None:
        return Doubt(Reason.GUARD_MISSING)
    if guarded.machine != machine:
        return Doubt(Reason.MACHINE_CHANGED)
    if guarded.head is None:
        return Doubt(Reason.GUARD_OF_ANOTHER_LOG)
    if guarded.head.size > size:
        return Doubt(Reason.ARCHIVE_BEHIND_GUARD, guarded.head)
    if _root(guarded.head.size, root_at) != guarded.head.root:
        return Doubt(Reason.ARCHIVE_DIFFERS_FROM_GUARD, guarded.head)
    return Sure()


def judge_head(head: Checkpoint, *, size: int, root_at: RootAt) -> Sure | Doubt:
    """Compare a head that this node's key is proved to have signed with the tree as it is now."""
    if head.size > size:
        return Doubt(Reason.PEER_SHOWS_MORE, head)
    if _root(head.size, root_at) != head.root:
        return Doubt(Reason.PEER_SHOWS_OTHER, head)
    return Sure()


def _root(size: int, root_at: RootAt) -> bytes:
    return root_at(size) if size else EMPTY_ROOT


def to_append_again(
    mine: Iterable[bytes], present: Container[bytes], *, counts: Callable[[Header], bool] = lambda header: True
) -> list[int]:
    """Which of our old log's records (`mine`: their headers, in order) go into the new epoch, by position in `mine`.

    Those that are readable, whose digest is neither in the closed history nor in the new log (`present`), each once.
    An opening is never appended again: it says which log it opens. `counts` may leave out more, such as what the town
    would not write today.
    """
    chosen: list[int] = []
    seen: set[bytes] = set()
    for at, raw in enumerate(mine):
        digest = sha256(raw).digest()
        if digest in seen or digest in present:
            continue
        seen.add(digest)
        try:
            header = read_header(raw)
        except Unreadable:
            continue
        if header.kind != OPENING and counts(header):
            chosen.append(at)
    return chosen
