# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which files go into a backup: those that this town's elements name and that no peer says it holds.

Pictures and documents are public, and peers gather them with the records, so a dead card loses only what nobody had
come for yet. Each peer is asked for one byte of each file; who gives it holds it. Nobody is asked where the node does
not run or reaches nobody: then all of them are in it, the latest record's first, as far as there is room for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convergences_protocol.errors import RemoteError

from convergences_node.blobs.pieces import Holders, NotHeld, Question
from convergences_node.blobs.store import Blob, Readers
from convergences_node.index.files import files_named
from convergences_node.network.transport import PeerKey

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

MEDIA_BYTES_MAX = 512 * 1024 * 1024
"""Of all of them together: seven backups on a stick of 8 GB, each with so much, and as much room again."""
PEERS_ASKED_MAX = 4
"""Of those that can be reached: the agglomeration, and some neighbours."""
ASK_SECONDS_MAX = 60.0
"""For all questions. What could not be asked by then counts as held by nobody."""


@dataclass(frozen=True, slots=True)
class Alone:
    """What no peer says it holds: what goes into the backup, and how many files there was no room for."""

    blobs: tuple[Blob, ...]
    left_out: int


async def alone_here(town: Town, room_bytes: int) -> Alone:
    """The files that would be lost with this card, as many as there is room for."""
    named = await town.index.ask(lambda db: files_named(db, town.archive.territory))
    here = [blob for digest in named if (blob := await town.blobs.find(bytes.fromhex(digest)))]
    public = [blob for blob in here if blob.readers is Readers.PUBLIC]
    held = await _held(town, public)
    taken: list[Blob] = []
    left, left_out = min(room_bytes, MEDIA_BYTES_MAX), 0
    for blob in public:
        if blob.digest in held:
            continue
        if blob.size > left:
            left_out += 1
            continue
        left -= blob.size
        taken.append(blob)
    if left_out:
        log.warning("%d files that no peer holds have no room in the backup", left_out)
    return Alone(tuple(taken), left_out)


async def _held(town: Town, blobs: Sequence[Blob]) -> set[bytes]:
    """Those of which a peer of the charter has given a byte."""
    holders, found = town.blobs.holders, set[bytes]()
    if holders is None:
        return found
    allowed = town.membership.allowed()
    peers = [key for key in holders.likely() if key in allowed][:PEERS_ASKED_MAX]
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            for blob in blobs:
                if await _is_held(holders, peers, blob):
                    found.add(blob.digest)
    except TimeoutError:
        log.info("not every peer could be asked which files it holds; the backup has those that were not asked for")
    return found


async def _is_held(holders: Holders, peers: list[PeerKey], blob: Blob) -> bool:
    """Whether one of them holds it. Who does not answer is not asked again."""
    for key in tuple(peers):
        try:
            piece = await holders.piece(key, Question(blob.digest, 0, 1))
        except NotHeld:
            continue
        except (RemoteError, OSError):
            peers.remove(key)
            continue
        if piece.total == blob.size:
            return True
    return False
