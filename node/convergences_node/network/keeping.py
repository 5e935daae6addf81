# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the replication machine has the archive keep: one belt a log, so that each log's errands stay in their order.

The threads that check what is carried belong here too. What reads for peers is `library.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from convergences_protocol.cosignature import Cosignature
from convergences_protocol.replication.outputs import Ingest
from convergences_protocol.replication.views import Held

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import CosignatureRow
from convergences_node.network.examining import Examiners
from convergences_node.network.heard_cosignatures import HeardCosignatures
from convergences_node.network.ingest import Belt, Errand, Kept, Refuse

log = logging.getLogger(__name__)

CHECKING_THREADS = 2
"""One for what a peer did and one for what authors did; many signatures are checked by processes instead
(docs/decisions/0047-signatures-in-processes.md)."""


class Keeping:
    """The belts of one node. Used from the event loop alone; nothing here waits but `stop` and `keep_fork`."""

    def __init__(self, archive: Archive, kept: Kept, refused: Refuse) -> None:
        self._archive = archive
        self._kept = kept
        self._refused = refused
        self._pool = ThreadPoolExecutor(CHECKING_THREADS, thread_name_prefix="checking")
        self._examiners = Examiners(self._pool)
        self._belts: dict[str, Belt] = {}
        self._heard = HeardCosignatures(archive)

    async def stop(self) -> None:
        """Let go of what is carried."""
        await asyncio.gather(*(belt.stop() for belt in self._belts.values()))
        await self._heard.stop()
        self._examiners.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, origin: str, item: Ingest | Errand) -> None:
        """A batch of that log, or an errand after all that was put for it before."""
        belt = self._belts.get(origin)
        if belt is None:
            belt = self._belts[origin] = Belt(
                origin, self._archive, self._pool, self._examiners, self._kept, self._refused
            )
        belt.put(item)

    def put_bodies(self, origin: str, bodies: Sequence[tuple[bytes, bytes]]) -> None:
        """Bodies that were proved."""

        async def keep() -> None:
            await self._archive.keep_bodies(bodies)

        self.put(origin, keep)

    def put_head(self, origin: str, head: Held) -> None:
        """A head that was checked, and its cosignatures."""

        async def keep() -> None:
            await self._heard.add(_rows(origin, head.size, head.cosignatures))
            await self._archive.keep_head(origin, head.size, head.note)

        self.put(origin, keep)

    def put_cosignature(self, origin: str, size: int, cosignature: Cosignature) -> None:
        """One more cosignature of the head of that size."""
        self.put(origin, lambda: self._heard.add(_rows(origin, size, [cosignature])))

    async def keep_fork(self, origin: str, proof: bytes) -> None:
        """A proof that the log has two histories; it waits for no belt, for nothing of it depends on the log's size."""
        if await self._archive.keep_fork(origin, proof):
            log.warning("the log %s has two histories: the proof is kept", origin)


def _rows(origin: str, size: int, cosignatures: Sequence[Cosignature]) -> list[CosignatureRow]:
    return [CosignatureRow(origin, each.cosigner_name, size, each.time, each.line) for each in cosignatures]
