# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a log that has grown may mean for who belongs: the charter is read again, and everybody here is told.

The charter is written in the agglomeration's logs, but what may change it stands in others too: the opening of a new
epoch, an `end` that a former log of our own waits for. Reading is coalesced: however much comes, it is read once more.

Where the charter ended a log with another history than ours, what ours has of it is set aside. The index only knows how
to go forward, so it is built again; a mark in the archive says so until that is done, and the next start sees it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from convergences_protocol.origin import territory_of

if TYPE_CHECKING:
    from convergences_node.enrolling import Enrolling
    from convergences_node.former import Former
    from convergences_node.town import Town

log = logging.getLogger(__name__)

REWOUND_CHOICE = "rewound"
"""A log of which records were set aside, while the index may still show them."""


class CharterNews:
    """One town's ear for its charter."""

    def __init__(self, town: Town, enrolling: Enrolling, former: Former) -> None:
        self._town = town
        self._enrolling = enrolling
        self._former = former
        self._news = asyncio.Event()
        self._rewound = False
        """The charter may have read what no longer stands."""
        self._rewinds = 0
        self._indexing: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Before anything is followed: what the last run left behind."""
        await self._former.load()
        self._news.set()
        read_only = self._town.read_only is not None
        if not read_only and await self._town.archive.read(lambda reader: reader.choice(REWOUND_CHOICE)) is not None:
            self._index_again()

    async def stop(self) -> None:
        """Leave an index that is being built again as it is: the mark stays."""
        for task in self._indexing:
            task.cancel()
        await asyncio.gather(*self._indexing, return_exceptions=True)

    def came(self) -> None:
        """Something may have changed."""
        self._news.set()

    def concern(self, origin: str) -> bool:
        """Whether what is new in a log may be a word of the charter, or the claim of a new epoch."""
        membership = self._town.membership
        if origin in membership.charter_origins() or origin in membership.candidates:
            return True
        if origin in membership.former_origins or self._town.doubt_reason is not None:
            return True
        return any(territory_of(origin) == candidate.territory for candidate in membership.candidates.values())

    async def follow(self) -> None:
        """Read the charter again whenever something came, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._look()
            except Exception:
                log.exception("the charter could not be read again")

    async def _look(self) -> None:
        membership = self._town.membership
        changed = await membership.own_epoch()
        if self._rewound:
            self._rewound, changed = False, True
            await membership.load()
        if await membership.refresh() or changed:
            await self._spread()
        await self._former.look()
        if self._town.config.node.kind == "agglomeration":
            await self._enrolling.admit_candidates()

    async def changed(self) -> None:
        """Read the charter again now, and let everybody here know."""
        await self._town.membership.refresh()
        await self._spread()

    async def _spread(self) -> None:
        town = self._town
        if town.network is not None:
            await town.network.renew()
        await town.index.follow(town.membership.charter)
        town.erasures.came()

    async def rewind(self, origin: str, size: int) -> None:
        """The charter ended a log with a history that leaves ours at `size`: ours from there on is set aside."""
        archive = self._town.archive
        await archive.choose(REWOUND_CHOICE, origin)
        count = await archive.rewind(origin, size)
        log.warning(
            "%d records of %s are set aside: the charter ended it at %d with another history", count, origin, size
        )
        self._rewound = True
        self._news.set()
        self._index_again()

    def _index_again(self) -> None:
        self._rewinds += 1
        task = asyncio.create_task(self._reindex(self._rewinds), name="index after a rewind")
        self._indexing.add(task)
        task.add_done_callback(self._indexing.discard)

    async def _reindex(self, rewinds: int) -> None:
        """The mark goes when nothing else was set aside meanwhile."""
        try:
            await self._town.index.reindex()
            if rewinds == self._rewinds:
                await self._town.archive.choose(REWOUND_CHOICE, None)
        except Exception:
            log.exception("the index could not be built again; the next start will")
