# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a peer may be given of the archive: reads for the replication machine, each one short piece of work for a
reader.

Every function runs in a reading thread of the archive, on one snapshot, and gives back values. `LookupError`,
`LocalError` and `ValueError` mean that the archive does not hold what was asked; the machine then says so to the
peer.
"""

from __future__ import annotations

from collections.abc import Sequence

from convergences_protocol import checkpoint, merkle
from convergences_protocol.cosignature import Cosignature
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.replication.limits import COSIGNATURES_MAX
from convergences_protocol.replication.outputs import FindBodies, LoadBatch, LoadProof
from convergences_protocol.replication.views import Held, LogView
from convergences_protocol.tiles import Slot

from convergences_node.archive.model import CosignatureRow, Entry, LogState
from convergences_node.archive.reader import ArchiveReader


def load_batch(reader: ArchiveReader, asked: LoadBatch) -> tuple[list[bytes], list[GivenBody], list[bytes]]:
    """Headers, bodies and the consistency proof from their end to the head asked for."""
    entries = reader.entries(asked.origin, asked.start, asked.head_size, asked.bytes_max, asked.records_max)
    if not entries:
        raise LookupError(f"{asked.origin} does not reach {asked.start}")
    stop = asked.start + len(entries)
    proof = merkle.consistency_proof(reader.hash_reader(asked.origin, asked.head_size), stop, asked.head_size)
    return [entry.header for entry in entries], [_given(entry) for entry in entries], list(proof)


def _given(entry: Entry) -> GivenBody:
    if entry.body is not None:
        return entry.body
    return None if entry.slot == Slot.ERASED else False


def load_proof(reader: ArchiveReader, asked: LoadProof) -> tuple[bytes, list[bytes]]:
    """The root at `old`, and how the tree of `new` extends it."""
    hashes = reader.hash_reader(asked.origin, asked.new)
    return merkle.root(hashes, asked.old), list(merkle.consistency_proof(hashes, asked.old, asked.new))


def find_bodies(reader: ArchiveReader, asked: FindBodies) -> tuple[int, list[bytes]]:
    """How many of the digests were considered before the bound on bytes, and the bodies found among them."""
    found: list[bytes] = []
    total = 0
    for considered, digest in enumerate(asked.digests):
        body = reader.body(digest)
        if body is None:
            continue
        total += len(body)
        if found and total > asked.bytes_max:
            return considered, found
        found.append(body)
    return len(asked.digests), found


def log_view(reader: ArchiveReader, origin: str) -> LogView | None:
    """What the machine is to know of one log; None if it is not kept here."""
    state = reader.log(origin)
    if state is None:
        return None
    head = held(state.head_note, told_cosignatures(reader.cosignatures(origin), state)) if state.head_note else None
    pinned = reader.pinned(origin)
    forks = reader.forks(origin)
    return LogView(
        origin,
        state.size,
        head,
        held(pinned[1]) if pinned else None,
        own=state.own and state.status == "open",
        wanted=state.wanted,
        fork=forks[0].proof if forks else None,
    )


def held(note: bytes, cosignatures: Sequence[Cosignature] = ()) -> Held:
    """A head that this archive keeps, whose signature was checked when it came."""
    head = checkpoint.parse(note)
    return Held(head.size, head.root, note, tuple(cosignatures))


def told_cosignatures(rows: Sequence[CosignatureRow], state: LogState) -> list[Cosignature]:
    """Those to tell beside the head: its author's first (freshness), then the latest of others."""
    of_head = [row for row in rows if row.size == state.head_size]
    of_head.sort(key=lambda row: (row.cosigner != state.origin, -row.time))
    return [Cosignature(row.cosigner, row.time, row.line) for row in of_head[:COSIGNATURES_MAX]]
