# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cosignatures beside heads: which lines are taken, which are told on, and to whom.

A line says that its cosigner held a head whole, and had forgotten what was to be forgotten, at a time (cosignature.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from ..checkpoint import Checkpoint
from ..cosignature import Cosignature, parse_cosignature, verify_cosignature
from ..errors import RemoteError
from .messages import HeadNote, Heads
from .outputs import KeepCosignature
from .table import Log, Table
from .views import Held


class CosignatureRoom:
    """Lines beside the heads of all logs."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def checked(self, log: Log, held: Held, item: HeadNote) -> list[Cosignature]:
        """The lines that say something new, by cosigners that the charter knows, each checked."""
        known = {line.cosigner_name: line.time for line in held.cosignatures}
        told = {line.line for line in held.cosignatures}
        lines: list[Cosignature] = []
        for line in item.cosignatures:
            if line in told:
                continue
            cosignature = parse_cosignature(line)
            cosigner = self._table.logs.get(cosignature.cosigner_name)
            if cosigner is None or cosigner.identity is None or cosignature.time <= known.get(cosigner.origin, -1):
                continue
            checkpoint = Checkpoint(log.origin, held.size, held.root)
            try:
                verify_cosignature(checkpoint, line, cosigner.origin, cosigner.identity.key)
            except RemoteError:
                if cosigner.identity.guessed:
                    continue
                raise
            lines.append(cosignature)
        return lines

    def cosigned(self, log: Log, head_size: int, line: Cosignature) -> None:
        """Take a checked cosignature of our head, and tell whom it concerns.

        The author's own (its freshness) goes to whoever follows the log; ours, to the author. The rest travels beside
        the next head: forty towns cosigning each other would be all that is said.
        """
        head = log.head
        if head is None or head.size != head_size:
            return
        held = merged(head, [line])
        if held is head:
            return
        log.head = held
        cosigner = self._table.logs.get(line.cosigner_name)
        mine = cosigner is not None and cosigner.own
        if not mine:
            self._table.put(KeepCosignature(log.origin, head_size, line))
        fresh = line.cosigner_name == log.origin
        author = log.identity.key if log.identity else None
        interested = (
            peer
            for peer in self._table.peers.values()
            if (mine if peer.key == author else fresh and log.origin in peer.follows)
        )
        self._table.send_each(interested, Heads((HeadNote(head.note, (line.line,)),)))


def merged(head: Held, lines: Iterable[Cosignature]) -> Held:
    """The head with these cosignatures, the later one where a cosigner has two, its author's first, then the latest of
    others; the same object if nothing changes."""
    by_name = {line.cosigner_name: line for line in head.cosignatures}
    changed = False
    for line in lines:
        known = by_name.get(line.cosigner_name)
        if known is None or known.time < line.time:
            by_name[line.cosigner_name] = line
            changed = True
    if not changed:
        return head
    origin = origin_of_note(head.note)
    ordered = sorted(by_name.values(), key=lambda line: (line.cosigner_name != origin, -line.time))
    return Held(head.size, head.root, head.note, tuple(ordered))


def origin_of_note(note: bytes) -> str:
    """The origin that a note names in its first line, unverified; empty when it is no text."""
    return note[: note.find(b"\n") + 1].decode("ascii", "replace").removesuffix("\n")
