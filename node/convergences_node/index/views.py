# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the index answers: frozen, and made only of what JSON can write.

Ids and codes are text, dates are the author's own EDTF text with the UTC seconds they cover beside them, coordinates
are integers of 1e-7 degree. Nothing here is a sentence: pages choose their words from keys and values.
"""

from __future__ import annotations

from typing import Any

import msgspec

from convergences_node.media.thumbs import Thumb


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the record of an element itself says of it in a list: kept in the index as it is sent, without what it does
    not say."""

    id: str
    kind: str
    type: str | None = None
    name: str
    """The kind's title field; empty for a relation, which has none."""
    territory: str
    """Where the element was born: the territory of its id."""
    summary: str | None = None
    themes: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    first: int | None = None
    """First second of what is shown: the start, or for a recurring action its next occurrence in the dates asked."""
    last: int | None = None
    recurring: bool = False
    status: str | None = None
    location: tuple[int, int] | None = None
    """Latitude and longitude, in 1e-7 degree."""
    address: str | None = None
    locality: str | None = None
    town: str | None = None
    website: str | None = None
    picture: Thumb | None = None
    """The one that stands for it in a list; its file is at `/media/<digest>`, if this node has received it."""


class Same(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another element of which it is said that it is the same: what an answer names instead of a second card."""

    id: str
    name: str
    territory: str
    source: str | None = None
    """Where its record was taken from."""


class Item(Card, frozen=True, kw_only=True):
    """One element in a list: what a card shows, without opening it."""

    origin: str
    """The log whose record says so."""
    index: int
    """The number of that record in its log."""
    time: int
    """The author's clock, in Unix seconds: shown, never trusted for order."""
    same: tuple[Same, ...] = ()
    """Other elements that are the same; in an answer they have no item of their own."""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """How many elements match: exactly; or, where counting would cost more than answering, about so many, from a
    sample (for words and places: at least so many)."""

    count: int
    exact: bool = True


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh and how whole the answer is for one log: "nothing found" and "not heard since Tuesday" differ."""

    territory: str
    origin: str
    name: str | None = None
    size: int
    """Entries of this log that the node holds."""
    applied: int
    """Entries that the index has taken in; the rest will follow."""
    bodies_wanted: int = 0
    """Bodies not here yet: their elements cannot be found for now."""
    unreadable: int = 0
    """Entries kept aside, which this version of the program cannot read."""
    cosigned_at: int | None = None
    """When the log last cosigned its own head: its freshness, whoever relayed it. None: unknown."""
    own: bool = False
    counts: bool = True
    """False for a log that the charter does not (or no longer) let speak for its territory: kept, not shown."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of results, always from the local index alone."""

    items: tuple[Item, ...]
    cursor: str | None
    """Give it back as `cursor` for the next page; None: this was the last one."""
    total: Total
    coverage: tuple[Coverage, ...]
    bounded: bool = False
    """True when only the newest of very many matches were weighed against each other."""
    folded: int = 0
    """How many matches of this page are named in the item of another that is the same; `total` counts them."""


class FacetCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many matches have this value; `label` is a name to show, when the value is an element or a territory."""

    value: str
    count: int
    label: str | None = None


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by facet (`kind`, `territory`, `year`, each field that a kind declares a facet), most frequent first."""

    counts: dict[str, tuple[FacetCount, ...]]
    total: Total
    exact: bool = True
    """False when there are so many matches that their number by value is estimated from a part of them."""


class RelationView(msgspec.Struct, frozen=True, kw_only=True):
    """A relation seen from one of its ends."""

    id: str
    predicate: str
    outgoing: bool
    """True when the element asked about is the subject."""
    other: str
    """The id of the other end."""
    item: Item | None = None
    """The other end, if this node can show it."""
    role: str | None = None
    since: str | None = None
    until: str | None = None
    asserted_by: str
    """The territory whose log says so."""
    confirmed: bool
    """Whether the homes of both ends say so."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One record about an element: who did what, when."""

    origin: str
    index: int
    digest: str
    """SHA-256 of the header, in hex."""
    author: str
    """The author's key, in hex: a pseudonym."""
    time: int
    state: str
    """`current`, `earlier`, `withdrawal`, `unreadable`, `wanted`, `erased`, `elsewhere` (its log does not count)."""
    reason: str | None = None
    kind: str
    fields: dict[str, Any] | None = None


class ElementView(msgspec.Struct, frozen=True, kw_only=True):
    """An element as it stands."""

    item: Item
    fields: dict[str, Any]
    digest: str
    """Header digest of the current record, in hex: what an edit gives as `previous`."""
    author: str
    relations: tuple[RelationView, ...] = ()
    relations_more: bool = False
    """True when it has more relations than one answer lists."""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    """Names for the ids and codes that `fields` mention, when this node knows them."""
    same: tuple[Same, ...] = ()
    """Other elements that are the same, as this node or the homes of both say."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One edge of a walk, `depth` steps from where it began."""

    depth: int
    source: str
    relation: RelationView


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What is related to an element, by whatever number of steps: bounded, and each element visited once."""

    start: str
    steps: tuple[Step, ...]
    complete: bool
    """False when a bound (depth, count) stopped it."""


class TerritoryView(msgspec.Struct, frozen=True, kw_only=True):
    """A territory as the index knows it."""

    code: str
    name: str | None = None
    type: str | None = None
    within: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    former_codes: tuple[str, ...] = ()
    successor: str | None = None
    element: str | None = None
    elements: int = 0
    coverage: tuple[Coverage, ...] = ()


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rebuild or a catching up is."""

    done: int
    total: int
    what: str = "index"
