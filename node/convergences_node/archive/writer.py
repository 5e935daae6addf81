# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one who writes an archive: synchronous, in one thread, one transaction at a time.

Each call is one transaction unless it says otherwise: it is all written and durable when the call returns, or nothing
of it is. Appending to one's own log keeps this order, whatever happens in between:

    guard prepared -> archive committed -> guard durable -> head revealed

so that no one ever sees a head that a power cut could take back (guard.py). A failure after the commit leaves records
that are durable and not shown; the writer then refuses to go on, and the next start reveals them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from convergences_protocol import cbor, checkpoint, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity, Origin
from convergences_protocol.record import Header, read_header
from convergences_protocol.replication.check import CheckedBatch
from convergences_protocol.tiles import TILE_BYTES, TILE_WIDTH, Slot, extend_tiles

from .authoring import Authored
from .connection import ARCHIVE_NAME, open_writer
from .guard import Guard, Step, no_step
from .migrations import migrate
from .model import (
    INDEX_BITS,
    ArchiveFull,
    BodiesCame,
    Conflict,
    Event,
    HeadCame,
    LogGrew,
    PeerRow,
    Placed,
    conflict,
)
from .reader import INDEX_MASK, ArchiveReader, element_key, key_of, place_of, source_key
from .revealed import Revealed

FAULT_CHARS_MAX = 200


@dataclass(slots=True)
class Edge:
    """Where a log ends: all that is needed to append to it without reading it again."""

    number: int
    origin: str
    own: bool
    frontier: merkle.Frontier
    row: list[bytes]
    """The leaf hashes of the last tile of level 0, as long as it is not full."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row to write: a header with what is found in it, and what stands in its body's slot."""

    header: bytes
    digest: int
    element: int | None
    body_key: int | None
    slot: Slot
    unreadable: str | None
    body: bytes | None


class ArchiveWriter:
    """Writes. `reader` sees what this connection sees, unrevealed and uncommitted records too."""

    def __init__(
        self,
        folder: Path,
        guard: Guard,
        revealed: Revealed,
        *,
        tell: Callable[[Event], None],
        step: Step = no_step,
        pages_max: int | None = None,
    ) -> None:
        self._db = open_writer(folder / ARCHIVE_NAME, pages_max=pages_max)
        migrate(self._db)
        self.reader = ArchiveReader(self._db, Revealed())
        self.guard = guard
        self.revealed = revealed
        self.key: SigningKey | None = None
        self._tell = tell
        self._step = step
        self._edges: dict[str, Edge] = {}
        self._own: str | None = None
        self._broken: str | None = None

    def close(self) -> None:
        """Fold the write-ahead log into the file and let it go."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside becomes durable at its end, or nothing of it."""
        if self._broken:
            raise LocalError(f"the archive stopped writing: {self._broken}", hint="restart the node")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except BaseException as error:
            self._edges.clear()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise ArchiveFull("the archive is full: no room left to write; nothing was written") from error
            raise

    # -------------------------------------------------------------------------------------------------- one's own log
    def begin_log(self, identity: LogIdentity, opening: Authored, key: SigningKey) -> Placed:
        """Open a log of one's own with its first record, and write in it from now on. The one before is closed."""
        with self.transaction() as db:
            db.execute("UPDATE logs SET status = 'closed' WHERE own = 1 AND status = 'open'")
            self._add_log(identity, own=True)
            edge = self._edge(identity.origin)
            self.revealed.hold(edge.number, 0)
            self._insert(edge, [_own_leaf(opening)])
            note = self._prepare_head(edge, key)
        self._settle_head(edge, 0, note)
        for number, origin in self._db.execute("SELECT log, origin FROM logs WHERE own = 1"):
            if origin != identity.origin:
                self.revealed.release(number)
        self._own, self.key = identity.origin, key
        return Placed(identity.origin, 0, opening.header.digest)

    def continue_log(self, origin: str, key: SigningKey, revealed_size: int) -> None:
        """Go on writing in a log that this archive holds: what a power cut kept from being revealed is revealed now."""
        edge = self._edge(origin)
        self.revealed.hold(edge.number, revealed_size)
        self._own, self.key = origin, key
        with self.transaction():
            note = self._prepare_head(edge, key)
        self._settle_head(edge, revealed_size, note)

    def append(self, requests: Sequence[Sequence[Authored]]) -> list[list[Placed] | Conflict]:
        """Place records in one's own log: each request all or nothing, all requests in one transaction under one head.

        Answers a request with where its records stand, or with the `Conflict` that kept them out. Durable and revealed
        when this returns.
        """
        assert self._own is not None and self.key is not None, "a log of one's own is opened first"
        answers: list[list[Placed] | Conflict] = []
        with self.transaction():
            edge = self._edge(self._own)
            old_size = edge.frontier.size
            accepted = self._accept(requests, old_size, answers)
            if not accepted:
                return answers
            self._insert(edge, [_own_leaf(authored) for authored in accepted])
            self._remember_sources(accepted)
            note = self._prepare_head(edge, self.key)
        self._settle_head(edge, old_size, note)
        return answers

    def _accept(
        self, requests: Sequence[Sequence[Authored]], size: int, answers: list[list[Placed] | Conflict]
    ) -> list[Authored]:
        """Those that go in, each edit checked against the archive and what this very group changes before it."""
        assert self._own is not None
        accepted: list[Authored] = []
        current: dict[ElementId, bytes | None] = {}
        for request in requests:
            changed: dict[ElementId, bytes | None] = {}
            try:
                placed = [
                    self._place(authored, size + len(accepted) + at, current, changed)
                    for at, authored in enumerate(request)
                ]
            except Conflict as refused:
                answers.append(refused)
                continue
            current |= changed
            accepted += request
            answers.append(placed)
        return accepted

    def _place(
        self,
        authored: Authored,
        index: int,
        current: dict[ElementId, bytes | None],
        changed: dict[ElementId, bytes | None],
    ) -> Placed:
        assert self._own is not None
        header = authored.header
        digest, element = header.digest, header.element
        if element is not None:
            if authored.edit:
                now = changed[element] if element in changed else self._current(element, current)
                if now != header.previous:
                    raise conflict(element, now, header.previous)
            changed[element] = digest
        return Placed(self._own, index, digest, element)

    def _current(self, element: ElementId, known: dict[ElementId, bytes | None]) -> bytes | None:
        if element not in known:
            entry = self.reader.current(element, self._own_origins())
            known[element] = None if entry is None else entry.digest
        return known[element]

    def _own_origins(self) -> list[str]:
        rows = self._db.execute("SELECT origin FROM logs WHERE own = 1 AND status <> 'aside' ORDER BY log")
        return [origin for (origin,) in rows]

    def _remember_sources(self, accepted: Sequence[Authored]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)",
            [
                (
                    source_key(a.source.source, a.source.source_id),
                    cbor.encode(a.header.element.to_cbor()),
                    a.source.content,
                )
                for a in accepted
                if a.source is not None and a.header.element is not None
            ],
        )

    def _prepare_head(self, edge: Edge, key: SigningKey) -> bytes:
        """Sign the head, keep it with what it covers, and write the guard beside the guard."""
        size = edge.frontier.size
        note = checkpoint.sign(Checkpoint(edge.origin, size, edge.frontier.root()), key)
        self._keep_note(edge.number, size, note)
        self.guard.prepare(note)
        self._step("archive.written")
        return note

    def _settle_head(self, edge: Edge, old_size: int, note: bytes) -> None:
        """The archive has committed: make the guard durable, then show the head."""
        self._step("archive.committed")
        try:
            self.guard.settle()
        except OSError as error:
            self._broken = f"head.guard could not be put in its place: {error.strerror or error}"
            raise LocalError(
                self._broken, hint="restart the node: what was appended is kept, and shown then"
            ) from error
        size = edge.frontier.size
        self.revealed.hold(edge.number, size)
        self._step("head.revealed")
        if size > old_size:
            self._tell(LogGrew(edge.origin, old_size, size, own=True))
        self._tell(HeadCame(edge.origin, size, note, own=True))

    # ------------------------------------------------------------------------------------------------- others' logs
    def keep_log(self, identity: LogIdentity) -> None:
        """Make room for another's log; nothing if it is there already under the same keys."""
        known = self.reader.log(identity.origin)
        if known is None:
            with self.transaction():
                self._add_log(identity, own=False)
        elif known.key != identity.key:
            raise LocalError(f"the log {identity.origin} is kept under another key", hint="one origin has one key")

    def _add_log(self, identity: LogIdentity, *, own: bool) -> None:
        self._db.execute(
            "INSERT INTO logs (origin, territory, node_key, recovery_key, own, status, size, frontier, wanted)"
            " VALUES (?, ?, ?, ?, ?, 'open', 0, ?, 0)",
            (
                identity.origin,
                Origin.parse(identity.origin).territory,
                identity.key,
                identity.recovery_key,
                int(own),
                merkle.Frontier().to_bytes(),
            ),
        )

    def keep_head(self, origin: str, size: int, note: bytes) -> None:
        """Keep a checked head: of the tree as it is, or larger, when a fetch towards it begins."""
        with self.transaction():
            edge = self._edge(origin)
            self._keep_note(edge.number, size, note)
        if size <= edge.frontier.size:
            self._tell(HeadCame(origin, size, note, own=False))

    def _keep_note(self, number: int, size: int, note: bytes) -> None:
        """The newest head that is held whole stays, those that someone cosigned, and one to fetch towards."""
        self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", (number, size, note))
        self._prune_heads(number)

    def _prune_heads(self, number: int) -> None:
        shown = self.revealed.size(number)
        self._db.execute(
            "DELETE FROM heads WHERE log = :log AND size < (SELECT max(h.size) FROM heads h, logs l"
            " WHERE h.log = :log AND l.log = :log AND h.size <= coalesce(:shown, l.size))"
            " AND size NOT IN (SELECT size FROM cosignatures WHERE log = :log)",
            {"log": number, "shown": shown},
        )

    def keep_batches(
        self,
        batches: Iterable[tuple[str, CheckedBatch, Sequence[str | None]]],
        enough: Callable[[], bool] = lambda: False,
    ) -> list[int | LocalError]:
        """Store checked batches, `(origin, batch, what `examine` found)`, in one transaction, until `enough` says so.

        Answers each that was taken from `batches` with the log's new size, or with why it does not follow what is here.
        """
        answers: list[int | LocalError] = []
        grown: dict[str, tuple[int, CheckedBatch]] = {}
        with self.transaction():
            for origin, batch, flags in batches:
                edge = self._edge(origin)
                if edge.origin == self._own or batch.start != edge.frontier.size:
                    answers.append(LocalError(f"batch from {batch.start} for {origin}, which has {edge.frontier.size}"))
                    continue
                grown[origin] = (grown.get(origin, (batch.start,))[0], batch)
                self._insert(edge, _kept_leaves(batch, flags), batch.leaf_hashes, batch.frontier.copy())
                if batch.head.size == batch.stop:
                    self._keep_note(edge.number, batch.head.size, batch.head.note)
                answers.append(batch.stop)
                if enough():
                    break
        for origin, (old_size, batch) in grown.items():
            self._tell(LogGrew(origin, old_size, batch.stop, own=False))
            if batch.head.size == batch.stop:
                self._tell(HeadCame(origin, batch.stop, batch.head.note, own=False))
        return answers

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
            self._tell(BodiesCame(self._origin(number), tuple(sorted(indexes))))
        return sum(map(len, filled.values()))

    def _wanting(self, digest: bytes) -> list[int]:
        rows = self._db.execute("SELECT place, header FROM entries WHERE body_key = ? AND slot = 2", (key_of(digest),))
        return [place for place, header in rows.fetchall() if read_header(header).body_digest == digest]

    def _origin(self, number: int) -> str:
        (origin,) = self._db.execute("SELECT origin FROM logs WHERE log = ?", (number,)).fetchone()
        return str(origin)

    def keep_cosignature(self, origin: str, size: int, cosigner: str, time: int, line: bytes) -> None:
        """Keep a checked cosignature of the head of that size; a later one of the same cosigner takes its place."""
        with self.transaction() as db:
            number = self._edge(origin).number
            db.execute(
                "INSERT INTO cosignatures VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET size = excluded.size, time = excluded.time, line = excluded.line"
                " WHERE excluded.time > time OR (excluded.time = time AND excluded.size > size)",
                (number, cosigner, size, time, line),
            )
            self._prune_heads(number)

    def keep_fork(self, origin: str, proof: bytes, now: int) -> bool:
        """Keep a checked fork proof. Returns whether it is new."""
        with self.transaction() as db:
            done = db.execute(
                "INSERT OR IGNORE INTO forks VALUES (?, ?, ?, ?)", (sha256(proof).digest(), origin, proof, now)
            )
            return done.rowcount > 0

    # ----------------------------------------------------------------------------------------------- what goes beside
    def keep_peer(self, peer: PeerRow) -> None:
        """Write or replace one line of the address book."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO peers VALUES (?, ?, ?, ?, ?, ?)",
                (
                    peer.key,
                    peer.territory,
                    json.dumps(list(peer.addresses)),
                    peer.heard_at,
                    peer.faults,
                    None if peer.fault is None else peer.fault[:FAULT_CHARS_MAX],
                ),
            )

    def forget_peer(self, key: bytes) -> None:
        """Take one line out of the address book."""
        with self.transaction() as db:
            db.execute("DELETE FROM peers WHERE node_key = ?", (key,))

    def choose(self, name: str, value: str | None) -> None:
        """Remember a choice of the operator; None forgets it."""
        with self.transaction() as db:
            if value is None:
                db.execute("DELETE FROM choices WHERE name = ?", (name,))
            else:
                db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?)", (name, value))

    # -------------------------------------------------------------------------------------------------------- growing
    def _edge(self, origin: str) -> Edge:
        edge = self._edges.get(origin)
        if edge is None:
            edge = self._edges[origin] = self._read_edge(origin)
        return edge

    def _read_edge(self, origin: str) -> Edge:
        state = self.reader.log(origin)
        if state is None:
            raise LocalError(f"the log {origin} is not kept here")
        first = state.size - state.size % TILE_WIDTH
        row = merkle.leaf_hashes(self.reader.headers(origin, first, state.size))
        return Edge(state.number, origin, state.own, state.frontier, row)

    def _insert(
        self,
        edge: Edge,
        leaves: Sequence[Leaf],
        hashes: Sequence[bytes] | None = None,
        frontier: merkle.Frontier | None = None,
    ) -> None:
        """Add leaves at the end of a log: rows, bodies, tiles and the log's own line."""
        if hashes is None:
            hashes = merkle.leaf_hashes(leaf.header for leaf in leaves)
        first = place_of(edge.number, edge.frontier.size)
        self._db.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (place, leaf.header, leaf.digest, leaf.element, leaf.body_key, leaf.slot, leaf.unreadable)
                for place, leaf in enumerate(leaves, first)
            ],
        )
        self._db.executemany(
            "INSERT INTO bodies VALUES (?, ?)",
            [(place, leaf.body) for place, leaf in enumerate(leaves, first) if leaf.body is not None],
        )
        self._insert_tiles(edge, hashes)
        if frontier is None:
            frontier = edge.frontier.copy()
            frontier.extend(hashes)
        edge.frontier = frontier
        wanted = sum(leaf.slot == Slot.WANTED for leaf in leaves)
        self._db.execute(
            "UPDATE logs SET size = ?, frontier = ?, wanted = wanted + ? WHERE log = ?",
            (frontier.size, frontier.to_bytes(), wanted, edge.number),
        )

    def _insert_tiles(self, edge: Edge, hashes: Sequence[bytes]) -> None:
        """Write the tiles that these leaf hashes fill or widen; the open one of level 0 stays in the edge."""

        def load(level: int, n: int) -> bytes:
            if level == 0:
                return b"".join(edge.row)
            (row,) = self._db.execute(
                "SELECT hashes FROM tiles WHERE log = ? AND level = ? AND n = ?", (edge.number, level, n)
            ).fetchone()
            return bytes(row)

        rows = extend_tiles(edge.frontier.size, hashes, load)
        width = (edge.frontier.size + len(hashes)) % TILE_WIDTH
        edge.row = [*edge.row, *hashes][-width:] if width else []
        self._db.executemany(
            "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?)",
            [(edge.number, level, n, row) for (level, n), row in rows.items() if level > 0 or len(row) == TILE_BYTES],
        )


def _own_leaf(authored: Authored) -> Leaf:
    return leaf_of(authored.header, authored.body)


def _kept_leaves(batch: CheckedBatch, flags: Sequence[str | None]) -> list[Leaf]:
    """The rows of a batch. A header without a reading is kept all the same: it has a digest, and nothing else."""
    digest = sha256
    leaves = []
    for raw, reading, flag, slot, body in zip(
        batch.headers, batch.readings, flags, batch.slots, batch.bodies, strict=True
    ):
        element = body_key = None
        if reading is not None:
            if reading.element is not None:
                element = element_key(reading.element)
            if reading.body_digest is not None:
                body_key = key_of(reading.body_digest)
        leaves.append(Leaf(raw, key_of(digest(raw).digest()), element, body_key, slot, flag, body))
    return leaves


def leaf_of(header: Header, body: bytes | None, unreadable: str | None = None) -> Leaf:
    """The row of a header that can be read; without its body, the body is wanted."""
    names_body = header.body_digest is not None
    return Leaf(
        header.raw,
        key_of(sha256(header.raw).digest()),
        None if header.element is None else element_key(header.element),
        key_of(header.body_digest) if header.body_digest is not None else None,
        Slot.NONE if not names_body else Slot.WANTED if body is None else Slot.HERE,
        unreadable,
        body if names_body else None,
    )
