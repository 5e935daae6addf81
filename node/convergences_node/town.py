# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town: its archive, its index, who it belongs with, and, while it runs, its network and its clockwork.

`Town.open` opens a folder without any network: that is all that a verb needs when no node runs. `serve.py` opens the
same town and starts the rest. Nothing here waits for the network to answer a question; what a page may ask is the
`Town` of `web/town_door.py`, which this one satisfies.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from convergences_protocol.charter import Charter
from convergences_protocol.cosignature import Cosignature
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.replication.views import Held

from convergences_node.archive import spare
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import (
    BodiesErased,
    EpochOpened,
    ErasuresCame,
    Event,
    HeadCame,
    LogGrew,
    PeerRow,
)
from convergences_node.archive.options import Options
from convergences_node.backlog import Backlog
from convergences_node.blobs.blobs import Blobs
from convergences_node.certificate.reading import LOOPBACK, read_certificate
from convergences_node.charter_news import CharterNews
from convergences_node.checkup.hearing import Hearing
from convergences_node.clock import clock_plausible
from convergences_node.clockwork import Clockwork
from convergences_node.config import Config, load_config
from convergences_node.enrolling import Enrolling
from convergences_node.erasures import Erasures
from convergences_node.former import Former
from convergences_node.imports.titles import TITLES_NAME
from convergences_node.index.index import Index
from convergences_node.index.store import is_without_room
from convergences_node.linked.follower import LinkedFollower
from convergences_node.linked.layout import FOLDER as LINKED_FOLDER
from convergences_node.linked.settings import is_on
from convergences_node.membership import Membership
from convergences_node.network.http_words import answer_message
from convergences_node.network.local_name import LocalName
from convergences_node.updates.places import OFFERED_NAME
from convergences_node.vault.keeping import Vault
from convergences_node.web.town_door import PeerSeen, TownStatus, WebSettings

if TYPE_CHECKING:
    from convergences_node.network.network import Network
    from convergences_node.network.transport import Transport

log = logging.getLogger(__name__)

HTTP_PORT = 80
"""What an address need not say."""
LISTENING_AT_ALL = ("0.0.0.0", "::")  # noqa: S104 - read in an address, and listened at nowhere here


async def _open_index(folder: Path, archive: Archive, clock: Callable[[], float]) -> Index:
    """The index on the card; in memory, where the card is so full that none can be opened there."""
    try:
        with spare.room(folder):  # and nothing is taken in before it is over: the index would have the room
            return await Index.open(folder, archive, clock=clock, read_only=archive.read_only)
    except sqlite3.OperationalError as error:
        if archive.read_only is not None or not is_without_room(error):
            raise
        log.warning("the card has no room for an index: it is made in memory")
    try:
        return await Index.open(folder, archive, clock=clock, read_only=os.strerror(errno.ENOSPC))
    except sqlite3.OperationalError as error:
        if not is_without_room(error):
            raise
        raise spare.no_room_to_start(folder) from error


class Town:
    """One town, opened. Used from one event loop."""

    def __init__(
        self, folder: Path, config: Config, archive: Archive, index: Index, clock: Callable[[], float]
    ) -> None:
        self.folder = folder
        self.config = config
        self.archive = archive
        self.index = index
        self.random_bytes = secrets.token_bytes
        self.membership = Membership(archive, agglomeration=config.node.kind == "agglomeration")
        self.blobs = Blobs(folder, config.blobs, self.membership)
        """Files by their SHA-256; see `blobs/__init__.py`."""
        self.vault = Vault(self)
        """What an agglomeration keeps for its towns."""
        self.hearing = Hearing(self)
        """What its towns say of their machines."""
        self.network: Network | None = None
        self.http_address: str | None = None
        """Where this node's pages are, once they are served."""
        self.started_at = int(clock())
        self.doubt_reason: str | None = None
        self.card_refuses: str | None = None
        """Why the card took no write when that was last tried: `checkup/self_check.py` tries it."""
        self.ended_there = False
        """Whether the agglomeration, asked last, said that its charter has ended this node's log."""
        self.letter_refused: tuple[int, ConvergencesError] | None = None
        """When the last letter to the operator could not be sent, and why; None once one is."""
        self.backup_unnoted: str | None = None
        """What is remembered of the last backup where the card took no note of it: `backup/verb.py`."""
        self.certificate = read_certificate(folder)
        """Of the proxy on this machine that serves the same pages by https, where there is one."""
        self._clock = clock
        self._clockwork = Clockwork(self)
        self._messages = asyncio.Lock()
        self._enrolling = Enrolling(self)
        self._charter_news = CharterNews(self, self._enrolling, Former(self))
        self._backlog = Backlog(self)
        self.erasures = Erasures(self)
        self.linked = LinkedFollower(self)
        """What is asked in SPARQL; it follows by itself where the operator wants it and the node runs."""
        self._followers: list[asyncio.Task[None]] = []
        self._stopping = False

    # ------------------------------------------------------------------------------------- life
    @classmethod
    @asynccontextmanager
    async def open(
        cls, folder: Path, *, clock: Callable[[], float] = time.time, options: Options | None = None
    ) -> AsyncIterator[Town]:
        """Open the node in `folder`, under its lock; everything is closed again at the end."""
        config = load_config(folder)
        async with (
            await Archive.open(folder, options=options) as archive,
            await _open_index(folder, archive, clock) as index,
        ):
            if archive.territory != config.node.territory:
                raise LocalError(
                    f"the archive in {folder} is of {archive.territory}, its configuration of {config.node.territory}"
                )
            town = cls(folder, config, archive, index, clock)
            await town._begin()
            try:
                yield town
            finally:
                await town._end()

    async def _begin(self) -> None:
        for finding in self.archive.findings:
            log.warning("%s: %s", finding.code, ", ".join(f"{name} {value}" for name, value in finding.params.items()))
            if finding.code == "archive.doubt":
                self.doubt_reason = str(finding.params.get("reason"))
        await self.membership.load()
        # An index that has to be made again takes its time; pages say so meanwhile, and verbs wait for it if they must.
        self._followers = [asyncio.create_task(self.index.follow(self.membership.charter), name="first index")]
        await asyncio.sleep(0)
        await self._charter_news.begin()
        self._unsubscribe = self.archive.subscribe(self._archive_changed)
        self._followers += [
            asyncio.create_task(self._charter_news.follow(), name="charter"),
            asyncio.create_task(self.erasures.follow(), name="erasures"),
        ]

    async def _end(self) -> None:
        self._stopping = True
        self._unsubscribe()
        for follower in self._followers:
            follower.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)
        await self._charter_news.stop()

    async def start(self, network: Network, p2p: Transport | None = None) -> None:
        """Run: the network, in its own time, and the clockwork. `p2p` stands in for libp2p."""
        self.network = network
        self.index.patience = self._backlog.pass_by
        await network.start(p2p)
        if self.read_only is not None:
            # All that the clockwork does ends in a write.
            log.error("the card takes no write (%s): the town can be searched and read, no more", self.read_only)
            return
        self._clockwork.start()
        if is_on(self.config):
            self.linked.start()

    async def stop(self) -> None:
        """Stop what `start` started."""
        self._stopping = True
        await self.linked.stop()
        await self._clockwork.stop()
        await self.vault.stop()
        await self.blobs.stop()
        if self.network is not None:
            await self.network.stop()
            self.index.patience = self.network = None

    # ------------------------------------------------------------------------------------- what the web asks
    @property
    def web_settings(self) -> WebSettings:
        """See `web.town_door.Town`."""
        http, limits = self.config.http, self.config.limits
        return WebSettings(
            territory=self.config.node.territory,
            name=self.config.node.name,
            language=http.language,
            timezone=http.timezone,
            public_url=http.public_url.rstrip("/"),
            contact=http.contact,
            source_titles=self.folder / TITLES_NAME,
            agglomeration_address=self._agglomeration_address(),
            map_tiles=self.folder / self.config.map.tiles if self.config.map.tiles else None,
            licence=self.config.node.licence,
            linked=self.folder / LINKED_FOLDER if is_on(self.config) else None,
            release_offered=self.folder / OFFERED_NAME,
            requests_per_second=limits.requests_per_second,
            requests_burst=limits.requests_burst,
            proxies_trusted=(*http.proxies_trusted, *(LOOPBACK if self.certificate else ())),
            certificate=self.certificate,
            local_name=self.local_name.heard or "",
        )

    def _agglomeration_address(self) -> str | None:
        if self.network is None or self.config.node.kind == "agglomeration" or not self.membership.joined:
            return None
        row = self.network.book().get(self.membership.charter.agglomeration.key)
        http = [address for address in row.addresses if address.startswith("http")] if row else []
        return http[0].rstrip("/") if http else None

    @property
    def local_name(self) -> LocalName:
        """How this machine is called on the local network."""
        host = socket.gethostname().partition(".")[0]
        return LocalName(host, self.network.local_name if self.network is not None else None)

    @property
    def local_address(self) -> str:
        """Where this node's pages are, by that name."""
        port = urlsplit(self.http_address or "").port or HTTP_PORT
        return f"http://{self.local_name.name}" + (f":{port}" if port != HTTP_PORT else "")

    @property
    def pages_address(self) -> str | None:
        """What a browser may open: by this machine's name, where the node listens at all of its addresses."""
        host = urlsplit(self.http_address or "").hostname
        return f"{self.local_address}/" if host in LISTENING_AT_ALL else self.http_address

    @property
    def read_only(self) -> str | None:
        """Why the card took no write when this node started; None if it did."""
        return self.archive.read_only

    def now(self) -> int:
        """Unix seconds, by this machine's clock, right or wrong."""
        return int(self._clock())

    def charter(self) -> Charter | None:
        """The charter that this node follows; None before it joined any."""
        return self.membership.charter if self.membership.joined else None

    def peers(self) -> Sequence[PeerSeen]:
        """Every peer that this running node knows: those of the charter, and those in its address book."""
        if self.network is None:
            return ()
        return self.network.peers()

    @property
    def takes_no_write(self) -> str | None:
        """Why nothing can be saved: since this node started, or since the card last refused."""
        return self.read_only or self.card_refuses

    def status(self) -> TownStatus:
        """How this node is."""
        return TownStatus(
            ready=not self.index.rebuilding and not self._stopping,
            state=self._state(),
            clock_plausible=clock_plausible(self.now()),
            started_at=self.started_at,
            doubt=self.doubt_reason,
            read_only=self.takes_no_write,
            counters=self.network.counters() if self.network is not None else (),
        )

    def _state(self) -> str:
        if self._stopping:
            return "stopping"
        if self.index.rebuilding:
            return "rebuilding"
        if self.takes_no_write is not None:
            return "degraded"
        return "doubt" if self.doubt_reason else "well"

    async def join_answer(self, data: bytes) -> bytes:
        """Take a town's answer to one of our invitations: enrol its log, once. Says what was done, for that town."""
        return await self._enrolling.join_answer(data)

    async def message_answer(self, data: bytes) -> bytes:
        """What answers one message of replication that came by HTTP; empty where nothing does. See `http_words.py`."""
        driver = self.network.driver if self.network is not None else None
        async with self._messages:  # whoever asks this way pays by waiting: pages and peers have the other readers
            return await answer_message(self.archive, driver.heard if driver else lambda heard: None, data)

    # ------------------------------------------------------------------------------------- what changes
    def _archive_changed(self, event: Event) -> None:
        if isinstance(event, LogGrew) and self._charter_news.concern(event.origin):
            self._charter_news.came()
        if isinstance(event, HeadCame):
            self._clockwork.head_came()
        if isinstance(event, BodiesErased) or (isinstance(event, LogGrew) and event.own):
            self._backlog.own_news()
        if isinstance(event, ErasuresCame):
            self.erasures.came()
        elif isinstance(event, EpochOpened):
            self.doubt_reason = event.reason
            self._charter_news.came()

    async def charter_changed(self) -> None:
        """Read the charter again now, and let everybody here know."""
        await self._charter_news.changed()

    async def rewind(self, origin: str, size: int) -> None:
        """The charter ended a log with a history that leaves ours at `size`: ours from there on is set aside."""
        await self._charter_news.rewind(origin, size)

    def cosigned(self, origin: str, size: int, cosignature: Cosignature) -> None:
        """A head was cosigned here, and the line is stored: tell whom it concerns."""
        if self.network is not None:
            self.network.driver.cosigned(origin, size, cosignature)

    async def remember_peer(self, key: bytes, territory: str, addresses: Sequence[str]) -> None:
        """Put a peer's addresses in the address book, whether this node runs or not."""
        if self.network is not None:
            await self.network.remember(key, territory, addresses)
        else:
            await self.archive.keep_peer(PeerRow(key, territory, tuple(addresses)))

    async def doubt(self, origin: str, head: Held) -> None:
        """A validly signed head of our own log was heard: if our tree does not extend it, write in a new epoch."""
        if origin != self.membership.own.origin:
            return
        event = await self.archive.doubt(head.note)
        if event is not None:
            log.error(
                "%s: a head of %s of size %d is not one of this archive: an old backup, or a second machine?"
                " residents write on in %s",
                event.reason,
                origin,
                head.size,
                event.origin,
            )
