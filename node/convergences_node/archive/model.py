# SPDX-License-Identifier: AGPL-3.0-or-later
"""The words in which one speaks with an archive: what is asked to be written, and what is answered.

Everything here is frozen: what was read stays what it was when it was read, in whatever thread.
An origin is given as its text, `convergences/<territory>/<epoch in hex>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.merkle import Frontier
from convergences_protocol.tiles import Slot

from convergences_node.faults import Conflict as Conflict
from convergences_node.faults import NotNow

if TYPE_CHECKING:
    from convergences_protocol.element import ElementId
    from convergences_protocol.keys import SigningKey

INDEX_BITS = 40
"""A log holds fewer than 2**40 leaves: a place is `log << INDEX_BITS | index`."""

APPEND_RECORDS_MAX = 10_000
"""Records in one call of `append`, which is all or nothing. A larger import is several calls."""

READ_BYTES_MAX = 1 << 20
"""Headers and bodies given by one call of `entries`, unless it asks for less."""

HISTORY_MAX = 1_000
"""Revisions of one element given by one call of `history`."""


HIDDEN = 4
"""In the `slot` column only: erased for everyone, but its bytes stay in the file until the erasure is due."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One leaf of a log, with its body where it is here and not erased. Made for every record that is read: a struct
    costs a tenth of a frozen dataclass."""

    origin: str
    index: int
    header: bytes
    slot: Slot
    body: bytes | None
    unreadable: str | None

    @property
    def digest(self) -> bytes:
        """SHA-256 of the header as logged: what a next record names as its `previous`."""
        return sha256(self.header).digest()


@dataclass(frozen=True, slots=True)
class LogState:
    """A log as it may be shown now. For one's own, `size` is that of the last head revealed, never more."""

    number: int
    origin: str
    territory: str
    key: bytes
    recovery_key: bytes | None
    own: bool
    status: str
    """`open`: it grows; `closed`: a former epoch of one's own; `aside`: a branch of one's own that peers contradict."""
    size: int
    frontier: Frontier
    """The tree's edge at `size`; a copy, to do with as one likes."""
    head_size: int
    """Size of `head_note`: what can be proved to others; at most `size`, less while a backlog is arriving."""
    head_note: bytes | None
    wanted: int
    """How many bodies are missing."""
    erasures_read: int
    """The erasures below this index have been heard and, where they are valid, applied."""

    @property
    def root(self) -> bytes:
        """The root of the tree at `size`."""
        return self.frontier.root()


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a record stands, once it would survive a pulled plug."""

    origin: str
    index: int
    header_digest: bytes
    element: ElementId | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The row of an import that a record comes from. Remembered with the record, in the same transaction."""

    source: str
    source_id: str
    content: bytes
    """Digest of the row's content, as the importer counts content."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A statement to sign and append. `element=None`: about a new element; `fields=None`: withdraw it."""

    kind: str
    fields: Mapping[str, Any] | None
    element: ElementId | None = None
    previous: bytes | None = None
    """Digest of the header that the author saw as current; None says that the element has none yet."""
    author: SigningKey | None = None
    """Who signs; None is the town itself."""
    source: SourceRow | None = None


@dataclass(frozen=True, slots=True)
class NewControl:
    """A control record to sign with the node's key and append."""

    kind: str
    content: Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Signed:
    """A record that is signed already, by a recovery key or in a former epoch, and has only to be placed."""

    header: bytes
    body: bytes | None = None


NewEntry = NewRecord | NewControl | Signed


def conflict(element: ElementId, current: bytes | None, given: bytes | None) -> Conflict:
    """The element was changed since its author read it: shows both; nothing was written (409)."""
    return Conflict(
        f"edit of {element} follows {_short(given)}, but its current record is {_short(current)}",
        current=None if current is None else current.hex(),
        given=None if given is None else given.hex(),
        hint="read the current record, and edit that one",
    )


CARD_FULL = Fault("", "card_full")
CARD_FAILS = Fault("", "card_fails")
NEW_CARD = "make a backup on a stick, and put in a new card"


class ArchiveFull(NotNow):
    """The disk, or the bound put on the archive, has no room left. Nothing of what was asked was written."""


class Halted(NotNow):
    """After a failure that opening the archive again mends, it writes nothing more. It is read as before."""


class ErasedElement(LocalError):  # noqa: N818 -- named for what was found
    """The element was erased: nobody writes about it any more, under that id."""


class Closed(NotNow):
    """The archive was closed before this was done; it was not written."""


def _short(digest: bytes | None) -> str:
    return "nothing" if digest is None else digest.hex()[:12]


@dataclass(frozen=True, slots=True)
class LogGrew:
    """A log has new leaves: of one's own, they are durable and revealed; of another, checked and durable."""

    origin: str
    old_size: int
    size: int
    own: bool


@dataclass(frozen=True, slots=True)
class HeadCame:
    """A log has a new signed head that this archive holds whole."""

    origin: str
    size: int
    note: bytes
    own: bool


@dataclass(frozen=True, slots=True)
class BodiesCame:
    """Bodies that were wanted are here."""

    origin: str
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BodiesErased:
    """Bodies were hidden (dropped=False) or are gone from the file (dropped=True)."""

    origin: str
    indexes: tuple[int, ...]
    dropped: bool


@dataclass(frozen=True, slots=True)
class ErasuresCame:
    """A log has new erasure records: they are to be judged (`Archive.sweep_erasures`)."""

    origin: str


@dataclass(frozen=True, slots=True)
class EpochOpened:
    """This node writes in a new log from now on."""

    origin: str
    previous: str
    reason: str


Event = LogGrew | HeadCame | BodiesCame | BodiesErased | ErasuresCame | EpochOpened


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the operator should know, as a code of a message catalogue and what fills it in."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CosignatureRow:
    """The latest cosignature of one cosigner on one log."""

    origin: str
    cosigner: str
    size: int
    time: int
    line: bytes


@dataclass(frozen=True, slots=True)
class ForkRow:
    """A kept proof that a log has two histories."""

    digest: bytes
    origin: str
    proof: bytes
    kept_at: int


@dataclass(frozen=True, slots=True)
class PeerRow:
    """The address book's line for one peer."""

    key: bytes
    territory: str | None = None
    addresses: tuple[str, ...] = ()
    heard_at: int | None = None
    faults: int = 0
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """An erasure record that was found in a log, and what was done of it."""

    origin: str
    index: int
    heard_at: int | None
    """None while this node's clock could not be right."""
    weight: int
    released: bool
    at_once: bool
    state: str
    """`invalid`: who wrote it may not; `pending`: too many at once, for a person to see; `hidden`; `dropped`."""
