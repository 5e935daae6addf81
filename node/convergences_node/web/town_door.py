# SPDX-License-Identifier: AGPL-3.0-or-later
"""The only door between the web and the rest of the node: what a page or an API handler may ask of its town.

The web knows no other thing than this Protocol: no sockets, no replication, no folders. `convergences_node.town.Town`
satisfies it, and a test builds a smaller one over a real archive and a real index.

Promises asked of whoever stands behind the door:
- every call answers from memory or from the local files, never from the network: a page does not wait for a peer;
- the calls without `await` return at once and may be called on every request;
- everything returned is frozen, or is never changed after it was returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from convergences_protocol.charter import Charter

from convergences_node.archive.archive import Archive
from convergences_node.blobs.blobs import Blobs
from convergences_node.certificate.reading import Certificate
from convergences_node.index.index import Index


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The values of the town's configuration that its pages and its bounds need."""

    territory: str
    """The code of the town or agglomeration that this node speaks for, such as `FR-93066`."""
    name: str
    """Its name, as residents say it."""
    language: str = "fr"
    """The language of a page when the reader's browser asks for none that we have."""
    timezone: str = "Europe/Paris"
    """The hours on the pages, for records that name no time zone of their own."""
    public_url: str = ""
    """The address by which the world reaches these pages (`https://…`, no last slash); empty: the reader's own."""
    contact: str = ""
    """Where a reader asks for a mistake to be mended: an e-mail address or a page's; empty: at the desk."""
    agglomeration_address: str | None = None
    """Where the same question can be put to the agglomeration's own pages, if anywhere (`https://…`, no last slash)."""
    map_tiles: Path | None = None
    """The PMTiles archive that maps are drawn on, if the operator has put one into the node's folder."""
    licence: str = "https://opendatacommons.org/licenses/odbl/"
    """The licence of what is taken from here, by its address; a record that names its own keeps that."""
    linked: Path | None = None
    """The folder of the store that is asked in SPARQL, if this node answers that."""
    release_offered: Path | None = None
    """Where the release of the program stands that this node offers to its towns, if it does."""
    source_titles: Path | None = None
    """Where what residents call the sources of records is written down, once an import has said it."""
    requests_per_second: float = 50.0
    """How fast one client may ask, once its burst is spent; 0 lifts the bound (for a benchmark)."""
    requests_burst: int = 300
    """How many requests one client may make at once."""
    proxies_trusted: Sequence[str] = field(default=())
    """Addresses of the proxies in front of the node, whose `X-Forwarded-For` is believed."""
    certificate: Certificate | None = None
    """The town hall's own, where https is on beside http."""
    local_name: str = ""
    """What this machine answers to on the local network, such as `stains.local`; empty where nobody says so."""


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """A peer as the town knows it now: who it is, whether it is connected, and what it did wrong if anything."""

    key: bytes
    territory: str | None
    addresses: Sequence[str]
    connected: bool
    heard_at: int | None
    """Unix seconds by this node's clock, or None when it was never heard."""
    faults: int
    """How many times this peer was dropped for what it did."""


@dataclass(frozen=True, slots=True)
class TownStatus:
    """How the town is, for a machine that watches over it."""

    ready: bool
    """False while the archive is being opened or the index rebuilt: answers would not be whole."""
    state: str
    """One of `starting`, `well`, `rebuilding`, `doubt`, `degraded`, `stopping`."""
    clock_plausible: bool
    """False before the clock was set: nothing is cosigned, and ages are unknown."""
    started_at: int
    doubt: str | None = None
    """Why the town doubts that its archive is its latest, when it does."""
    counters: Sequence[tuple[str, float]] = field(default=())
    """Other figures for `/metrics`, as (`name_in_snake_case`, value): bytes received, batches refused, …"""
    read_only: str | None = None
    """Why its card takes no write, when it does not: it is searched and read, and everything else is refused."""


class Town(Protocol):
    """What the web asks of its town."""

    @property
    def archive(self) -> Archive: ...

    @property
    def index(self) -> Index: ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def web_settings(self) -> WebSettings: ...

    def now(self) -> int:
        """Unix seconds, by the node's clock; the web reads no other."""
        ...

    def charter(self) -> Charter | None:
        """The charter that this node follows, folded up to what its archive holds; None before it joined any."""
        ...

    def peers(self) -> Sequence[PeerSeen]:
        """Every peer known to this node."""
        ...

    def status(self) -> TownStatus: ...

    async def join_answer(self, data: bytes) -> bytes:
        """Take a town's signed answer to an invitation; return what that town needs to begin.

        Raises a `ConvergencesError` (`RemoteError`, `Refused`, …) whose words say why it was refused.
        """
        ...

    async def message_answer(self, data: bytes) -> bytes:
        """What answers one message of another node's replication; empty where nothing does.

        Raises `RemoteError` for what is no such message, or none that is answered this way.
        """
        ...
