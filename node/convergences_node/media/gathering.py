# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node gathers the files of the records that it keeps: so an agglomeration's pages show its towns' pictures, a town
gives back to another what was lost with its card, and a rebuilt town finds its own again.

Nothing waits for it and nothing is remembered: what records name and is not here is wanted, first of all of them, then,
whenever the index has changed, of those that changed last. How much that may be is the operator's (`[blobs]`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from convergences_node.index.files import files_named
from convergences_node.index.query import LIMIT_MAX, Query
from convergences_node.media.named import media_of

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

FIRST_S = 30.0
"""After a start, which has other things to do."""
EVERY_S = 60.0
ALL_EVERY_S = 6 * 3_600.0
"""A look at everything reads through every record's text."""
ROUND_MAX = 200
"""Files wanted in one round; the next round wants the next ones."""


class Gathering:
    """The timer of one running node."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._version: int | None = None

    async def run(self) -> None:
        """Gather until cancelled."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(FIRST_S)
        all_due = 0.0
        while True:
            try:
                if loop.time() >= all_due:
                    all_due = loop.time() + (ALL_EVERY_S if await self.gather_all() else EVERY_S)
                else:
                    await self.gather_newest()
            except Exception:
                log.exception("files could not be gathered; they will be looked for again")
            await asyncio.sleep(EVERY_S)

    async def gather_all(self) -> bool:
        """Want what any record names; False if there was more than one round takes, or the index is not whole."""
        if self._town.index.rebuilding:
            return False
        return await self._want(await self._town.index.ask(files_named))

    async def gather_newest(self) -> None:
        """Want what the latest records name, if there are any since."""
        index = self._town.index
        version = index.version
        if version is None or version == self._version or index.rebuilding:
            return
        found = await index.search(Query(sort="newest", limit=LIMIT_MAX), fold=False)
        details = await index.details([item.id for item in found.items])
        named: dict[str, int] = {}
        for item in found.items:
            for _, medium in media_of(item.kind, details[item.id].fields if item.id in details else {}):
                named |= {medium.digest: medium.bytes} | {size.digest: size.bytes for size in medium.sizes}
        if await self._want(named):
            self._version = version

    async def _want(self, named: Mapping[str, int]) -> bool:
        """Ask for those that are not here; whether that was all of them."""
        blobs = self._town.blobs
        absent = await asyncio.to_thread(lambda: [one for one in named if not blobs.store.find(bytes.fromhex(one))])
        for digest in absent[:ROUND_MAX]:
            blobs.want(bytes.fromhex(digest), named[digest])
        return len(absent) <= ROUND_MAX
