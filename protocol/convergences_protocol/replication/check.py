# SPDX-License-Identifier: AGPL-3.0-or-later
"""The checks on a batch, as pure functions for worker threads: what the peer did, and what the author did.

`check_batch` judges the peer: the bytes fit the frame, the tree they make is a prefix of the signed head, the bodies
are those that the headers name. Any failure is a `RemoteError`, and nothing of the batch is kept.
`examine` judges the author: shape and signature of each header. A failure is a flag beside the record, which is
stored, proved and relayed all the same, or one bad leaf would mute a town for ever.

Both take nothing but their arguments, so batches of different logs may be checked at the same time, and `examine` of
one batch beside `check_batch` of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ..errors import RemoteError, Unreadable
from ..header import Header, read_header, signature_valid
from ..merkle import Frontier, leaf_hashes, verify_consistency
from ..tiles import Slot
from .messages import Batch
from .views import Held

BAD_SIGNATURE = "signature does not verify"


class TreeMismatch(RemoteError):  # noqa: N818 - named for what was found, as its siblings are
    """The records do not lead to the signed head: the peer lied, or the log's author signed two histories."""


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A batch that its peer may be believed for. One entry a record in each tuple; `frontier` is the tree after it.

    `readings` has the parsed header, or None where its shape is wrong (`faults` says why). `slots` and `bodies` follow
    the archive's states: a body that was not given is `wanted` if the header names one, whatever the peer said of it.
    """

    start: int
    headers: tuple[bytes, ...]
    leaf_hashes: tuple[bytes, ...]
    readings: tuple[Header | None, ...]
    faults: tuple[str | None, ...]
    slots: tuple[Slot, ...]
    bodies: tuple[bytes | None, ...]
    frontier: Frontier
    head: Held

    @property
    def stop(self) -> int:
        """The size of the log with this batch."""
        return self.start + len(self.headers)


def check_batch(frontier: Frontier, batch: Batch, head: Held) -> CheckedBatch:
    """The batch, checked against the tree of the records before it. `frontier` is left as it was.

    Raises `TreeMismatch` or another `RemoteError`.
    """
    if batch.start != frontier.size or batch.stop > head.size:
        raise RemoteError(f"batch [{batch.start}, {batch.stop}) where [{frontier.size}, {head.size}) was open")
    leaves = leaf_hashes(batch.headers)
    after = frontier.copy()
    after.extend(leaves)
    if not verify_consistency(after.size, head.size, after.root(), head.root, batch.proof):
        raise TreeMismatch(f"records up to {after.size} do not lead to the head of size {head.size}")
    readings, faults = read_headers(batch.headers)
    slots, bodies = _checked_bodies(batch, readings)
    return CheckedBatch(batch.start, batch.headers, tuple(leaves), readings, faults, slots, bodies, after, head)


def read_headers(headers: Sequence[bytes]) -> tuple[tuple[Header | None, ...], tuple[str | None, ...]]:
    """Each header's reading, and why those without one have none."""
    readings: list[Header | None] = []
    faults: list[str | None] = []
    for raw in headers:
        try:
            readings.append(read_header(raw))
            faults.append(None)
        except Unreadable as error:
            readings.append(None)
            faults.append(error.reason)
    return tuple(readings), tuple(faults)


def examine(
    checked: CheckedBatch, *, signature_valid: Callable[[bytes], bool] = signature_valid
) -> tuple[str | None, ...]:
    """For each record why it is unreadable, or None: its shape's fault, or its signature's."""
    return tuple(
        fault or (None if signature_valid(raw) else BAD_SIGNATURE)
        for raw, fault in zip(checked.headers, checked.faults, strict=True)
    )


def _checked_bodies(
    batch: Batch, readings: Sequence[Header | None]
) -> tuple[tuple[Slot, ...], tuple[bytes | None, ...]]:
    """Each slot's state and body. A body that its header does not name is the peer's misdeed.

    A header that cannot be read names none that we could check: its body, if any, is left for a newer program.
    """
    slots: list[Slot] = []
    bodies: list[bytes | None] = []
    for at, (body, header) in enumerate(zip(batch.bodies, readings, strict=True)):
        named = header is not None and header.body_digest is not None
        if type(body) is not bytes or header is None:
            slots.append(Slot.WANTED if named else Slot.NONE)
            bodies.append(None)
        elif sha256(body).digest() == header.body_digest:
            slots.append(Slot.HERE)
            bodies.append(body)
        else:
            raise RemoteError(f"body of record {batch.start + at} does not match its digest")
    return tuple(slots), tuple(bodies)
