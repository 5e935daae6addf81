# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pulling one file from several peers, one after the other, until its bytes are what its digest names.

A peer that stops is followed by the next, from where it stopped. Whose bytes were wrong shows only at the end: if all
came from one peer, it is asked no more; if from several, each is then asked for the whole file alone. So a liar costs
one copy of the file, and never the file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from convergences_protocol.errors import Fault, LocalError, RemoteError

from convergences_node.blobs.part import Part
from convergences_node.blobs.pieces import Holders, NotHeld, Piece, Question
from convergences_node.blobs.store import Blob, BlobStore, Readers
from convergences_node.faults import words_of
from convergences_node.network.transport import PeerKey

log = logging.getLogger(__name__)

ROUNDS_MAX = 4
"""How often in a row nobody who is asked gives a byte, before it is said that nobody gives it."""
PAUSE_S = 1.0
"""Before the next round, and twice as long each time that nothing came: a peer may be busy, away a moment, or have
given as much in a second as it gives anybody."""

Progress = Callable[[int, int], None]
"""Bytes that are here, bytes of all."""


@dataclass(slots=True)
class Pull:
    """One file that is wanted."""

    store: BlobStore
    holders: Holders
    digest: bytes
    size: int | None
    readers: Readers
    bytes_max: int
    progress: Progress
    _absent: set[PeerKey] = field(default_factory=set)
    """Those that do not have it, or gave other bytes."""
    _part: Part | None = None
    _from: set[PeerKey | None] = field(default_factory=set)
    """Whose bytes the part has; None stands for an earlier pull."""
    _alone: bool = False
    _received_bytes: int = 0

    async def run(self, peers: Sequence[PeerKey]) -> Blob:
        """The file, kept. LocalError if there is no room or nobody gives it."""
        idle = 0
        try:
            while idle < ROUNDS_MAX and (left := [peer for peer in peers if peer not in self._absent]):
                before = self._received_bytes
                for peer in left:
                    blob = await self._from_peer(peer)
                    if blob is not None:
                        return blob
                idle = 0 if self._received_bytes > before else idle + 1
                await asyncio.sleep(PAUSE_S * 2**idle if idle < ROUNDS_MAX else 0)
        finally:
            if self._part is not None:
                await asyncio.to_thread(self._part.close)
        raise LocalError(
            f"file {self.digest.hex()[:12]} is at none of the {len(peers)} nodes that were asked",
            fault=Fault("", "blob_absent", {"digest": self.digest.hex(), "asked": len(peers)}),
        )

    async def _from_peer(self, peer: PeerKey) -> Blob | None:
        """Take from one peer all that it gives; the file, if it is whole and right then."""
        if self._alone and self._part is not None and self._from - {peer}:
            await self._begin_again()
        try:
            while self._part is None or not self._part.is_whole:
                await self._take(peer, await self._ask(peer))
        except NotHeld:
            self._absent.add(peer)
            return None
        except (RemoteError, OSError, TimeoutError) as error:
            log.info("file %s from %s: %s", self._name, peer.hex()[:12], words_of(error))
            return None
        return await self._keep(peer)

    async def _ask(self, peer: PeerKey) -> Piece:
        offset = self._part.size if self._part is not None else 0
        piece = await self.holders.piece(peer, Question(self.digest, offset))
        expected = self.size if self._part is None else self._part.total
        if expected is not None and piece.total != expected:
            if self.size is not None:
                self._absent.add(peer)
            raise RemoteError(f"it says that the file has {piece.total} bytes instead of {expected}")
        if piece.total > self.bytes_max:
            self._absent.add(peer)
            raise RemoteError(f"it says that the file has {piece.total} bytes, at most {self.bytes_max} are wanted")
        return piece

    async def _take(self, peer: PeerKey, piece: Piece) -> None:
        if self._part is None:
            self._part = await asyncio.to_thread(self.store.part, self.digest, piece.total)
            if self._part.size:
                self._from.add(None)
                return  # this piece is from the beginning, which an earlier pull has brought
        self._from.add(peer)
        self._received_bytes += len(piece.data)
        await asyncio.to_thread(self._part.append, piece.data)
        self.progress(self._part.size, self._part.total)

    async def _keep(self, peer: PeerKey) -> Blob | None:
        assert self._part is not None
        givers = set(self._from)
        try:
            return await asyncio.to_thread(self.store.keep, self._part, self.readers)
        except RemoteError as error:
            log.warning("%s, from %s", error, ", ".join(sorted(_named(giver) for giver in givers)))
            await self._begin_again()
            self._alone = True
            if givers == {peer}:
                self._absent.add(peer)
                return None
        return await self._from_peer(peer)  # what others began is gone; what this one gives alone says who lied

    async def _begin_again(self) -> None:
        """From nothing: not even how long the file is was said by anybody who can be believed."""
        assert self._part is not None
        self._part.forget()
        await asyncio.to_thread(self._part.close)
        self._part = None
        self._from.clear()

    @property
    def _name(self) -> str:
        return self.digest.hex()[:12]


def _named(giver: PeerKey | None) -> str:
    return "an earlier pull" if giver is None else giver.hex()[:12]
