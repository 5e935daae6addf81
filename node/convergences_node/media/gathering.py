# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node gathers the files of the records that it keeps: so an agglomeration's pages show its towns' pictures, a town
gives back to another what was lost with its card, and a rebuilt town finds its own again.

It also reads again, a part each time, what is here: a file that its card gives back otherwise is deleted, and wanted
like any other. Nothing waits for all this and nothing is remembered: what records name and is not here is wanted, first
of all of them, then, whenever the index has changed, of those that changed last. How much that may be is the
operator's (`[blobs]`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from convergences_node.blobs.store import Readers
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
UNTIL_WHOLE_S = 1_800.0
"""And so long after a look at which something was not here: who has it may be away."""
ROUND_MAX = 200
"""Files wanted in one round; the next round wants the next ones."""
CHECKED_BYTES_MAX = 256 * 1024 * 1024
"""Read again at each look at everything: 4 GiB in four days, some seconds of a Pi's card each time."""


class Gathering:
    """The timer of one running node."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._version: int | None = None
        self._checked = b""
        """The digest up to which files were read again; the next round goes on there, or begins anew."""

    async def run(self) -> None:
        """Gather until cancelled."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(FIRST_S)
        all_due = 0.0
        while True:
            try:
                if loop.time() >= all_due:
                    all_due = loop.time() + (ALL_EVERY_S if await self.gather_all() else UNTIL_WHOLE_S)
                else:
                    await self.gather_newest()
            except Exception:
                log.exception("files could not be gathered; they will be looked for again")
            await asyncio.sleep(EVERY_S)

    async def gather_all(self) -> bool:
        """Want what any record names; whether all of it was here already."""
        if self._town.index.rebuilding:
            return False
        await self.check()
        return await self._want(await self._town.index.ask(files_named))

    async def check(self) -> int:
        """Read some files again, and delete those that are no longer what they were and that others have; how many."""
        store, left, spoilt = self._town.blobs.store, CHECKED_BYTES_MAX, 0
        blobs = sorted(
            await asyncio.to_thread(lambda: [blob for blob in store.blobs() if blob.readers is not Readers.NODE]),
            key=lambda blob: blob.digest,
        )
        for blob in [blob for blob in blobs if blob.digest > self._checked] or blobs:
            self._checked, left = blob.digest, left - blob.size
            if not await asyncio.to_thread(store.is_sound, blob):
                log.warning(
                    "file %s is no longer what it was on this disk; it is asked for again", blob.digest.hex()[:12]
                )
                await self._town.blobs.remove(blob.digest)
                spoilt += 1
            if left <= 0:
                break
        else:
            self._checked = b""
        return spoilt

    async def gather_newest(self) -> None:
        """Want what the latest records name, until all of it is here and as long as there are none since."""
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
        """Ask for those that are not here, up to a bound; whether there was none."""
        blobs = self._town.blobs
        absent = await asyncio.to_thread(lambda: [one for one in named if not blobs.store.find(bytes.fromhex(one))])
        for digest in absent[:ROUND_MAX]:
            blobs.want(bytes.fromhex(digest), named[digest])
        return not absent
