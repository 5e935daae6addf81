# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads of the archive that the replication machine asks for, to answer its peers: a few at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeAlias

from convergences_protocol.errors import ConvergencesError
from convergences_protocol.replication.machine import Replicator
from convergences_protocol.replication.outputs import FindBodies, ListWanted, LoadBatch, LoadProof

from convergences_node.archive.archive import Archive
from convergences_node.network import serving

log = logging.getLogger(__name__)

READS_MAX = 8
"""Reads for peers under way at once; the archive has four reading threads, and pages use them too."""

Question: TypeAlias = LoadBatch | LoadProof | ListWanted | FindBodies


class Library:
    """Answers the machine's questions from the archive."""

    def __init__(self, archive: Archive, machine: Replicator, monotonic: Callable[[], float]) -> None:
        self._archive = archive
        self._machine = machine
        self._now = monotonic
        self._reads = asyncio.Semaphore(READS_MAX)

    async def answer(self, asked: Question) -> None:
        """Read, and give the machine its answer, or say that the archive does not hold it."""
        try:
            async with self._reads:
                await self._read(asked)
        except (ConvergencesError, LookupError, ValueError) as error:
            log.debug("cannot serve %s: %s", asked, error)
            self._machine.not_loaded(asked.request, self._now())

    async def _read(self, asked: Question) -> None:
        read, machine = self._archive.read, self._machine
        match asked:
            case LoadBatch():
                headers, bodies, proof = await read(lambda reader: serving.load_batch(reader, asked))
                machine.batch_loaded(asked.request, headers, bodies, proof, self._now())
            case LoadProof():
                root, hashes = await read(lambda reader: serving.load_proof(reader, asked))
                machine.proof_loaded(asked.request, root, hashes, self._now())
            case ListWanted():
                wanted = await read(lambda reader: reader.wanted(asked.origin, asked.limit, asked.start))
                machine.wanted_listed(asked.request, wanted, self._now())
            case FindBodies():
                considered, found = await read(lambda reader: serving.find_bodies(reader, asked))
                machine.bodies_found(asked.request, considered, found, self._now())
