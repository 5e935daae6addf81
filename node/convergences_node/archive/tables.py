# SPDX-License-Identifier: AGPL-3.0-or-later
"""The writer's hands: a transaction, and leaves added at the end of a log with all that goes with them.

The rows, the bodies, the tiles and the log's own line change together. Nothing here knows whose the log is, when a
head may be shown, or what a record means; `keeping.py` and `writer.py` do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from convergences_protocol import merkle
from convergences_protocol.errors import LocalError
from convergences_protocol.header import Header
from convergences_protocol.origin import LogIdentity
from convergences_protocol.tiles import TILE_BYTES, TILE_WIDTH, Slot, extend_tiles

from convergences_node.read_only import refusal

from .authoring import Authored
from .beside import RUN_BITS, element_key, key_of, place_of
from .connection import ARCHIVE_NAME, damage_told, open_reader, open_writer, rest
from .cosignatures import WaitingCosignatures
from .forgetting import Forgetting
from .migrations import check_current, migrate
from .model import Event, Halted
from .older import path_to_read
from .reader import ArchiveReader
from .revealed import Revealed


@dataclass(slots=True)
class Edge:
    """Where a log ends: all that is needed to append to it without reading it again."""

    number: int
    origin: str
    frontier: merkle.Frontier
    row: list[bytes]
    """The leaf hashes of the last tile of level 0, as long as it is not full."""


class Leaf(NamedTuple):
    """One row to write: a header with what is found in it, and what stands in its body's slot. One is made for every
    record that arrives, and a named tuple is the cheapest thing with names."""

    raw: bytes
    digest: bytes
    header: Header | None
    """None where its shape is wrong: it is kept all the same, has a digest, and nothing else."""
    slot: Slot
    body: bytes | None
    unreadable: str | None = None


def leaf_of(authored: Authored) -> Leaf:
    """The row of a record of one's own; if it names a body and none is given, the body is wanted."""
    header, body = authored.header, authored.body
    if header.body_digest is None:
        return Leaf(header.raw, header.digest, header, Slot.NONE, None)
    missing = Slot.ERASED if authored.erased else Slot.WANTED
    return Leaf(header.raw, header.digest, header, missing if body is None else Slot.HERE, body)


class Tables:
    """One connection that writes, and what it remembers of the logs' ends. Used by one thread."""

    def __init__(
        self,
        folder: Path,
        revealed: Revealed,
        tell: Callable[[Event], None],
        *,
        pages_max: int | None = None,
        read_only: str | None = None,
    ) -> None:
        """With `read_only`, why nothing can be written to the folder: every transaction is refused."""
        self.read_only = read_only
        if read_only is None:
            self.db = open_writer(folder / ARCHIVE_NAME, pages_max=pages_max)
            migrate(self.db)
        else:
            self.db = open_reader(path_to_read(folder))
            check_current(self.db)
        self.reader = ArchiveReader(self.db, Revealed())
        """Sees what this connection sees: unrevealed and uncommitted records too."""
        self.revealed = revealed
        self.forgetting = Forgetting()
        self.broken: str | None = None
        """Why nothing more is written, if something failed that a restart has to look at."""
        self.unfolded = False
        """Something was dropped whose bytes may still be in the write-ahead log (erasing.py)."""
        self.tell = tell
        self.cosignatures = WaitingCosignatures()
        self._edges: dict[str, Edge] = {}
        self._arrived: int | None = None

    def rest(self) -> None:
        """Nothing comes for a while: keep no more in memory for it than need be."""
        rest(self.db)

    def close(self) -> None:
        """Fold the write-ahead log into the file and let it go."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside becomes durable at its end, or nothing of it."""
        if self.read_only is not None:
            raise refusal(self.read_only)
        self.require_sound()
        with damage_told():
            try:
                self.db.execute("BEGIN IMMEDIATE")
                self.cosignatures.put(self.db)
                yield self.db
                self.db.execute("COMMIT")
                self.cosignatures.clear()
            except BaseException:
                self._edges.clear()
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def require_sound(self) -> None:
        """Raise `Halted` if a failure has left something that the next start has to look at."""
        if self.broken:
            raise Halted(f"the archive stopped writing: {self.broken}", hint="restart the node")

    def edge(self, origin: str) -> Edge:
        """Where that log ends."""
        edge = self._edges.get(origin)
        if edge is None:
            edge = self._edges[origin] = self._read_edge(origin)
        return edge

    def forget_edge(self, origin: str) -> None:
        """Read the end of that log again when it is next asked for."""
        self._edges.pop(origin, None)

    def _read_edge(self, origin: str) -> Edge:
        state = self.reader.log(origin)
        if state is None:
            raise LocalError(f"the log {origin} is not kept here")
        first = state.size - state.size % TILE_WIDTH
        row = merkle.leaf_hashes(self.reader.headers(origin, first, state.size))
        return Edge(state.number, origin, state.frontier, row)

    def add_log(self, identity: LogIdentity, *, own: bool) -> None:
        """A new, empty log."""
        self.db.execute(
            "INSERT INTO logs (origin, territory, node_key, recovery_key, own, status, size, frontier, wanted,"
            " erasures_read) VALUES (?, ?, ?, ?, ?, 'open', 0, ?, 0, 0)",
            (
                identity.origin,
                identity.territory,
                identity.key,
                identity.recovery_key,
                int(own),
                merkle.Frontier().to_bytes(),
            ),
        )

    def insert(
        self,
        edge: Edge,
        leaves: Sequence[Leaf],
        hashes: Sequence[bytes] | None = None,
        frontier: merkle.Frontier | None = None,
    ) -> None:
        """Add leaves at the end of a log. `hashes` and the `frontier` after are taken if they are known."""
        if hashes is None:
            hashes = merkle.leaf_hashes(leaf.raw for leaf in leaves)
        if frontier is None:
            frontier = edge.frontier.copy()
            frontier.extend(hashes)
        if self.forgetting:
            leaves = self._forget(edge, leaves)
        self._insert_rows(edge, leaves)
        self._insert_tiles(edge, hashes)
        edge.frontier = frontier
        self.db.execute(
            "UPDATE logs SET size = ?, frontier = ?, wanted = wanted + ? WHERE log = ?",
            (frontier.size, frontier.to_bytes(), sum(leaf.slot == Slot.WANTED for leaf in leaves), edge.number),
        )

    def _forget(self, edge: Edge, leaves: Sequence[Leaf]) -> list[Leaf]:
        """What arrives after its erasure arrives without its body."""
        kept = []
        for index, leaf in enumerate(leaves, edge.frontier.size):
            element = leaf.header.element if leaf.header else None
            named = self.forgetting.names(edge.origin, index, leaf.digest, element)
            kept.append(leaf._replace(slot=Slot.ERASED, body=None) if named and leaf.slot != Slot.NONE else leaf)
        return kept

    def _insert_rows(self, edge: Edge, leaves: Sequence[Leaf]) -> None:
        first = place_of(edge.number, edge.frontier.size)
        rows = []
        for place, (run, leaf) in enumerate(zip(self._runs(len(leaves)), leaves, strict=True), first):
            element = body_key = None
            if leaf.header is not None:
                if leaf.header.element is not None:
                    element = element_key(leaf.header.element)
                if leaf.header.body_digest is not None:
                    body_key = key_of(leaf.header.body_digest)
            rows.append((place, leaf.raw, run, key_of(leaf.digest), element, body_key, int(leaf.slot), leaf.unreadable))
        self.db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self.db.executemany(
            "INSERT INTO bodies VALUES (?, ?)",
            [(place, leaf.body) for place, leaf in enumerate(leaves, first) if leaf.body is not None],
        )

    def _runs(self, count: int) -> Iterator[int]:
        """The runs of the next leaves to arrive. A transaction that is rolled back leaves a run short, and no harm."""
        if self._arrived is None:
            (run,) = self.db.execute("SELECT max(run) FROM entries").fetchone()
            (length,) = self.db.execute("SELECT count(*) FROM entries WHERE run = ?", (run,)).fetchone()
            self._arrived = 0 if run is None else (run << RUN_BITS) + length
        first, self._arrived = self._arrived, self._arrived + count
        return (arrived >> RUN_BITS for arrived in range(first, first + count))

    def _insert_tiles(self, edge: Edge, hashes: Sequence[bytes]) -> None:
        """Write the tiles that these leaf hashes fill or widen; the open one of level 0 stays in the edge."""

        def load(level: int, n: int) -> bytes:
            if level == 0:
                return b"".join(edge.row)
            (row,) = self.db.execute(
                "SELECT hashes FROM tiles WHERE log = ? AND level = ? AND n = ?", (edge.number, level, n)
            ).fetchone()
            return bytes(row)

        rows = extend_tiles(edge.frontier.size, hashes, load)
        width = (edge.frontier.size + len(hashes)) % TILE_WIDTH
        edge.row = [*edge.row, *hashes][-width:] if width else []
        self.db.executemany(
            "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?)",
            [(edge.number, *at, row) for at, row in rows.items() if at[0] > 0 or len(row) == TILE_BYTES],
        )

    def keep_note(self, number: int, size: int, note: bytes) -> None:
        """Keep a signed head of a log."""
        self.db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?)", (number, size, note))
        self.prune_heads(number)

    def prune_heads(self, number: int) -> None:
        """The newest head that is held whole and shown stays, those that someone cosigned, and one to fetch towards."""
        self.db.execute(
            "DELETE FROM heads WHERE log = :log AND size < (SELECT max(h.size) FROM heads h, logs l"
            " WHERE h.log = :log AND l.log = :log AND h.size <= coalesce(:shown, l.size))"
            " AND size NOT IN (SELECT size FROM cosignatures WHERE log = :log)",
            {"log": number, "shown": self.revealed.size(number)},
        )


def digest_of(raw: bytes) -> bytes:
    """A header's digest."""
    return sha256(raw).digest()
