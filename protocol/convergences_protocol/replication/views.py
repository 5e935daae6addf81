# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the driver tells the machine: who belongs (from the charter), and what is held (from the archive)."""

from __future__ import annotations

from dataclasses import dataclass

from ..cosignature import Cosignature


@dataclass(frozen=True, slots=True)
class End:
    """The charter's last word on a log: of all histories under that origin, the one with this root at this size."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """One log of the charter that we follow. The driver derives it from `Charter.enrolments` and the operator's choice.

    `keep` says whether its records are fetched and stored; without it only its heads are judged (fork, doubt).
    `end`, when the charter ended the log: nothing past its size is fetched, and a copy that disagrees with its root is
    rewound. `past_end` is for epochs whose author goes on in another one under the same key (`Charter.continued`), and
    for all earlier ones of our own: whatever a peer still has beyond the end is pulled too, as closed history, so that
    nothing that was once acknowledged is lost.
    `guessed`: no charter names it (yet), and its key is the one that it would have if it continued a log that we know.
    A head by another key then says nothing against the peer that shows it.
    """

    origin: str
    key: bytes
    keep: bool = True
    end: End | None = None
    past_end: bool = False
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A signed head: what it says, the note's own bytes, and who cosigned it. All signatures have been checked.

    `note` is empty for a head known from the charter's `end` alone. `cosignatures` are those worth telling others, the
    most telling first (the author's own, which is its freshness, then the latest of others); four of them travel.
    """

    size: int
    root: bytes
    note: bytes
    cosignatures: tuple[Cosignature, ...] = ()


@dataclass(frozen=True, slots=True)
class LogView:
    """What the archive holds of one log. The driver gives one a log at start (`log_known`), and after a rewind.

    `size` is the durable tree's. `head` is the latest signed head that this tree reaches (`head.size <= size`).
    `pinned` is the signed head that we were fetching towards (`pinned.size > size`), None when nothing was unfinished.
    `own` marks the log that this node appends to: it is never fetched, and a head of it that `size` does not extend
    raises doubt. An own epoch that was closed is not `own`. `wanted` is how many bodies are still wanted; `fork`, the
    encoded proof that its author signed two histories, if we keep one.
    """

    origin: str
    size: int
    head: Held | None = None
    pinned: Held | None = None
    own: bool = False
    wanted: int = 0
    fork: bytes | None = None
