# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the API answers where the index has no answer of its own: logs, peers, cosignatures, forks, joining, health.

What is searched is answered in the index's own types (`convergences_node.index.views`), so that the command line, the
pages and the API say the same. Keys and digests are in lower-case hex, times in Unix seconds.
"""

from __future__ import annotations

import msgspec

from convergences_node.index.views import RelationView, Revision, Step, TerritoryView


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The parent of every answer here."""


class HistoryAnswer(Shown, frozen=True):
    """Who did what to an element, when, oldest first."""

    element: str
    revisions: tuple[Revision, ...]


class RelationsAnswer(Shown, frozen=True):
    """What an element is related to, at a date if one was asked: its own relations, then those of these, and so on."""

    element: str
    at: str | None
    relations: tuple[RelationView, ...]
    """One step away, both ways."""
    steps: tuple[Step, ...]
    """The walk, to the depth that was asked."""
    complete: bool
    """False when a bound (depth, count) stopped it."""


class TerritoriesAnswer(Shown, frozen=True):
    """The territories this node knows, each with how fresh and how whole its logs are here."""

    territories: tuple[TerritoryView, ...]


class LogAnswer(Shown, frozen=True):
    """A log kept here, one's own or another's."""

    origin: str
    territory: str
    key: str
    own: bool
    status: str
    """`open`: it grows; `closed`: a former epoch."""
    size: int
    """Entries held here."""
    head_size: int
    """Entries under the latest signed head: what is served as tiles."""
    root: str | None
    """The root of the tree under that head."""
    bodies_wanted: int
    cosigned_at: int | None
    """When the log last cosigned its own head; None: unknown."""
    address: str
    """Where its checkpoint and tiles are, below this node's address."""


class LogsAnswer(Shown, frozen=True):
    """Every log kept here."""

    logs: tuple[LogAnswer, ...]


class CosignatureAnswer(Shown, frozen=True):
    """One cosigner's latest cosignature on one log: it saw that head, and holds what is under it."""

    origin: str
    cosigner: str
    size: int
    time: int
    line: str
    """The signature line itself (C2SP tlog-cosignature), to be checked beside the head of that size."""


class CosignaturesAnswer(Shown, frozen=True):
    """Who vouches for which log, up to where, since when."""

    cosignatures: tuple[CosignatureAnswer, ...]


class ForkAnswer(Shown, frozen=True):
    """A proof that one log has two histories. Anyone can check it."""

    origin: str
    digest: str
    kept_at: int
    proof: bytes
    """The proof, CBOR in base64."""


class ForksAnswer(Shown, frozen=True):
    """Every fork proof kept here."""

    forks: tuple[ForkAnswer, ...]


class PeerAnswer(Shown, frozen=True):
    """A peer as this node knows it. Addresses are not shown: they are the peer's own to publish."""

    key: str
    territory: str | None
    connected: bool
    heard_at: int | None
    faults: int


class PeersAnswer(Shown, frozen=True):
    """The peers of this node."""

    peers: tuple[PeerAnswer, ...]


class HealthAnswer(Shown, frozen=True):
    """How the node is."""

    status: str
    """`starting`, `well`, `rebuilding`, `doubt`, `degraded` (nothing can be written) or `stopping`."""
    ready: bool
    territory: str
    clock_plausible: bool
    index_behind: int
    """Entries in the archive that the index has not taken in yet."""
    doubt: str | None
    read_only: str | None
    """Why nothing can be written to the node's card; null if it can."""
