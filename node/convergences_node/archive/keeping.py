# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keeping what comes from others: their logs, what was checked of them, and what the operator notes beside.

Whatever is kept here was checked before, by pure functions in other threads (`replication.check`). Each call is one
transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256

from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.header import Header
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import read_header
from convergences_protocol.replication.check import CheckedBatch

from .beside import INDEX_MASK, RUNS, key_of
from .model import INDEX_BITS, BodiesCame, CosignatureRow, ErasuresCame, Event, HeadCame, LogGrew, PeerRow
from .tables import Leaf, Tables, digest_of

FAULT_CHARS_MAX = 200
"""What is remembered of a peer's last fault; the peer may have chosen the words."""

WANTING = f"""
    {RUNS} SELECT place, header FROM runs CROSS JOIN entries USING (run) WHERE body_key = ? AND slot = 2
"""  # noqa: S608

Batch = tuple[str, CheckedBatch, Sequence[str | None]]
"""A log's origin, a checked batch of it, and what `examine` found of each record."""


class Keeping(Tables):
    """Writes into the logs of others, and beside them."""

    writing_in: str | None = None
    """The log of one's own that is open: batches never go there."""

    def keep_log(self, identity: LogIdentity) -> None:
        """Make room for another's log; nothing if it is there already under the same key."""
        known = self.reader.log(identity.origin)
        if known is None:
            with self.transaction():
                self.add_log(identity, own=False)
        elif known.key != identity.key:
            raise LocalError(f"the log {identity.origin} is kept under another key", hint="one origin has one key")

    def keep_head(self, origin: str, size: int, note: bytes) -> None:
        """Keep a checked head: of the tree as it is, or larger, when a fetch towards it begins."""
        with self.transaction():
            edge = self.edge(origin)
            self.keep_note(edge.number, size, note)
        if size <= edge.frontier.size:
            self.tell(HeadCame(origin, size, note, own=False))

    def keep_batches(
        self,
        batches: Iterable[Batch],
        enough: Callable[[], bool] = lambda: False,
        also: Callable[[], None] = lambda: None,
    ) -> list[int | Exception]:
        """Store checked batches in one transaction, until `enough` says so; then do `also` in the same.

        Answers each that was taken from `batches` with the log's new size, or with why it does not follow what is here.
        """
        answers: list[int | Exception] = []
        events: list[Event] = []
        with self.transaction():
            for batch in batches:
                answers.append(self._keep_batch(batch, events))
                if enough():
                    break
            also()
        for event in events:
            self.tell(event)
        return answers

    def _keep_batch(self, batch: Batch, events: list[Event]) -> int | Exception:
        origin, checked, flags = batch
        edge = self.edge(origin)
        if origin == self.writing_in or checked.start != edge.frontier.size:
            return LocalError(f"batch from {checked.start} for {origin}, which has {edge.frontier.size} records here")
        self.insert(edge, _leaves(checked, flags), checked.leaf_hashes, checked.frontier.copy())
        events.append(LogGrew(origin, checked.start, checked.stop, own=False))
        if checked.head.size == checked.stop:
            self.keep_note(edge.number, checked.stop, checked.head.note)
            events.append(HeadCame(origin, checked.stop, checked.head.note, own=False))
        if any(map(is_erasure, checked.readings)):
            events.append(ErasuresCame(origin))
        return checked.stop

    def keep_bodies(self, bodies: Sequence[tuple[bytes, bytes]]) -> int:
        """Put `(digest, body)`, each proved, wherever that body is wanted. Returns how many slots it filled.

        A body that nothing wants (any more: it may have been erased meanwhile) is dropped.
        """
        filled: dict[int, list[int]] = {}
        with self.transaction() as db:
            for digest, body in bodies:
                for place in self._wanting(digest):
                    db.execute("INSERT INTO bodies VALUES (?, ?)", (place, body))
                    db.execute("UPDATE entries SET slot = 1 WHERE place = ?", (place,))
                    filled.setdefault(place >> INDEX_BITS, []).append(place & INDEX_MASK)
            for number, indexes in filled.items():
                db.execute("UPDATE logs SET wanted = wanted - ? WHERE log = ?", (len(indexes), number))
        for number, indexes in sorted(filled.items()):
            self.tell(BodiesCame(self.reader.origin(number), tuple(sorted(indexes))))
        return sum(map(len, filled.values()))

    def _wanting(self, digest: bytes) -> list[int]:
        rows = self.db.execute(WANTING, (key_of(digest),))
        return [place for place, header in rows.fetchall() if read_header(header).body_digest == digest]

    def keep_cosignatures(self, rows: Sequence[CosignatureRow]) -> None:
        """Keep checked cosignatures, each of the head of its size, with all that waited; a later one of the same
        cosigner takes the place of an earlier."""
        self.hear_cosignatures(rows)
        origins = self.cosignatures.origins()
        if not origins:
            return
        with self.transaction():
            for state in self.reader.logs():
                if state.origin in origins:
                    self.prune_heads(state.number)

    def hear_cosignatures(self, rows: Sequence[CosignatureRow]) -> None:
        """The same of others, with whatever is written next; until then they are in memory alone."""
        if self.read_only is None:
            self.cosignatures.add(rows)

    def close(self) -> None:
        """Write what waits, if it can be, and let the file go."""
        with suppress(ConvergencesError, sqlite3.Error):
            self.keep_cosignatures(())
        super().close()

    def keep_fork(self, origin: str, proof: bytes, now: int) -> bool:
        """Keep a checked fork proof. Returns whether it is new."""
        with self.transaction() as db:
            row = (sha256(proof).digest(), origin, proof, now)
            return db.execute("INSERT OR IGNORE INTO forks VALUES (?, ?, ?, ?)", row).rowcount > 0

    def keep_peer(self, peer: PeerRow) -> None:
        """Write or replace one line of the address book."""
        fault = None if peer.fault is None else peer.fault[:FAULT_CHARS_MAX]
        addresses = json.dumps(list(peer.addresses))
        with self.transaction() as db:
            row = (peer.key, peer.territory, addresses, peer.heard_at, peer.faults, fault)
            db.execute("INSERT OR REPLACE INTO peers VALUES (?, ?, ?, ?, ?, ?)", row)

    def choose(self, name: str, value: str | None) -> None:
        """Remember a choice of the operator; None forgets it."""
        with self.transaction() as db:
            if value is None:
                db.execute("DELETE FROM choices WHERE name = ?", (name,))
            else:
                db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?)", (name, value))


def is_erasure(header: Header | None) -> bool:
    """Whether this may be an erasure record."""
    return header is not None and header.element is None and header.kind == ERASURE


def _leaves(checked: CheckedBatch, flags: Sequence[str | None]) -> list[Leaf]:
    columns = zip(checked.headers, checked.readings, checked.slots, checked.bodies, flags, strict=True)
    return [Leaf(raw, digest_of(raw), header, slot, body, flag) for raw, header, slot, body, flag in columns]
