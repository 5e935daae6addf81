# SPDX-License-Identifier: AGPL-3.0-or-later
"""The lesser questions to an archive: what is kept beside the logs, and how leaves are found in the tables."""

from __future__ import annotations

import json
import sqlite3
from hashlib import sha256
from struct import Struct
from typing import Any

from convergences_protocol import cbor
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError

from .model import HIDDEN, INDEX_BITS, CosignatureRow, ErasureRow, ForkRow, PeerRow
from .revealed import Revealed

INDEX_MASK = (1 << INDEX_BITS) - 1
RUN_BITS = 14
"""Leaves of one run of the indexes, as a power of two (schema.sql has the same number)."""

RUNS = """
    WITH RECURSIVE runs (run) AS (
        SELECT 0 UNION ALL SELECT run + 1 FROM runs WHERE run < (SELECT max(run) FROM entries)
    )
"""
"""Every run of arrival; `FROM runs CROSS JOIN entries e USING (run)` then looks into each by its index."""

RUNS_OF_LOG = f"""
    WITH RECURSIVE runs (run) AS (
        SELECT (:stop - 1) >> {RUN_BITS} UNION ALL SELECT run - 1 FROM runs WHERE run > :first >> {RUN_BITS}
    )
"""  # noqa: S608 -- put together from our own constants, here and wherever a search goes through the runs
"""The runs of places `[:first, :stop)`, the last one first; `CROSS JOIN entries e ON e.place >> 14 = runs.run`."""

LIST_MAX = 10_000
"""Rows in one answer, wherever a question has no bound of its own."""


_key = Struct(">q").unpack_from


def key_of(digest: bytes) -> int:
    """The 8 bytes of a SHA-256 by which rows are found (schema.sql)."""
    key: int = _key(digest)[0]
    return key


def element_key(element: ElementId) -> int:
    """The key of an element's id."""
    return key_of(sha256(element.territory.encode() + element.uuid).digest())


def place_of(log: int, index: int) -> int:
    """Where a leaf stands in the tables."""
    return log << INDEX_BITS | index


def source_key(source: str, source_id: str) -> bytes:
    """What a row of a source is remembered by; the encoding keeps ("a", "bc") from being ("ab", "c")."""
    return sha256(cbor.encode([source, source_id])).digest()


class BesideReader:
    """Questions that do not go into the logs themselves."""

    def __init__(self, connection: sqlite3.Connection, revealed: Revealed) -> None:
        self._db = connection
        self._revealed = revealed
        self._origins: dict[int, str] = {}

    def cosignatures(self, origin: str) -> list[CosignatureRow]:
        """The latest cosignature of each cosigner on that log; for one's own, on revealed heads only."""
        number, size = self._visible(origin)
        rows = self._db.execute(
            "SELECT cosigner, size, time, line FROM cosignatures WHERE log = ? AND size <= ? ORDER BY cosigner LIMIT ?",
            (number, size, LIST_MAX),
        )
        return [CosignatureRow(origin, *row) for row in rows]

    def forks(self, origin: str | None = None) -> list[ForkRow]:
        """Kept fork proofs, of one log or of all, oldest first."""
        rows = self._db.execute(
            "SELECT digest, origin, proof, kept_at FROM forks WHERE ?1 IS NULL OR origin = ?1"
            " ORDER BY kept_at, digest LIMIT ?2",
            (origin, LIST_MAX),
        )
        return [ForkRow(*row) for row in rows]

    def erasures(self, state: str | None = None, limit: int = LIST_MAX) -> list[ErasureRow]:
        """The erasures known here, or those in one state, in the order in which they were heard."""
        rows = self._db.execute(
            "SELECT origin, idx, heard_at, weight, released, at_once, state FROM erasures"
            " WHERE ?1 IS NULL OR state = ?1 ORDER BY heard_at, origin, idx LIMIT ?2",
            (state, limit),
        )
        return [ErasureRow(o, i, at or None, weight, bool(r), bool(a), s) for o, i, at, weight, r, a, s in rows]

    def is_erased(self, element: ElementId) -> bool:
        """Whether an erasure in force names this element: an import must not make it again."""
        row = self._db.execute(
            "SELECT 1 FROM erasures WHERE element = ? AND state IN ('hidden', 'dropped') LIMIT 1",
            (cbor.encode(element.to_cbor()),),
        ).fetchone()
        return row is not None

    def hidden_bodies(self, limit: int = LIST_MAX) -> list[bytes]:
        """The bodies that erasures hide and have not dropped yet: what else goes with them is read from these."""
        rows = self._db.execute(
            "SELECT b.body FROM entries e JOIN bodies b USING (place) WHERE e.slot = ? ORDER BY e.place LIMIT ?",
            (HIDDEN, limit),
        )
        return [body for (body,) in rows]

    def source(self, source: str, source_id: str) -> tuple[ElementId, bytes] | None:
        """`(element, digest of content)` that this row of a source was imported as, or None."""
        return self.source_at(source_key(source, source_id))

    def source_at(self, key: bytes) -> tuple[ElementId, bytes] | None:
        """The same, by the row's digest."""
        row = self._db.execute("SELECT element, content FROM sources WHERE key = ?", (key,)).fetchone()
        return None if row is None else (ElementId.from_cbor(cbor.decode(row[0])), row[1])

    def sources_after(self, key: bytes, limit: int = LIST_MAX) -> list[tuple[bytes, bytes]]:
        """`(key, element in CBOR)` of the imported rows whose keys come after this one, in their order."""
        rows = self._db.execute("SELECT key, element FROM sources WHERE key > ? ORDER BY key LIMIT ?", (key, limit))
        return list(rows)

    def erasures_of_elements(self, limit: int = LIST_MAX) -> list[tuple[bytes, str]]:
        """The elements, in CBOR, that erasures known here name, and what became of each."""
        every = "SELECT DISTINCT element, state FROM erasures WHERE element IS NOT NULL ORDER BY element, state LIMIT ?"
        return list(self._db.execute(every, (limit,)))

    def erasures_of_records(self, limit: int = LIST_MAX) -> list[tuple[str, int, str]]:
        """`(origin, index, state)` of the erasures known here that name records and no element."""
        every = "SELECT origin, idx, state FROM erasures WHERE element IS NULL ORDER BY origin, idx LIMIT ?"
        return list(self._db.execute(every, (limit,)))

    def peers(self) -> list[PeerRow]:
        """The address book."""
        rows = self._db.execute(
            "SELECT node_key, territory, addresses, heard_at, faults, fault FROM peers ORDER BY node_key LIMIT ?",
            (LIST_MAX,),
        )
        return [_peer(*row) for row in rows]

    def choice(self, name: str) -> str | None:
        """What the operator chose under that name, or None."""
        row = self._db.execute("SELECT value FROM choices WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def counts(self) -> dict[str, int]:
        """Logs, their leaves and their wanted bodies in all, for the meters."""
        row = self._db.execute("SELECT count(*), sum(size), sum(wanted) FROM logs WHERE status <> 'aside'").fetchone()
        return {"logs": row[0], "entries": row[1] or 0, "bodies_wanted": row[2] or 0}

    def origin(self, number: int) -> str:
        """The name of the log of that number."""
        origin = self._origins.get(number)
        if origin is None:
            row = self._db.execute("SELECT origin FROM logs WHERE log = ?", (number,)).fetchone()
            origin = self._origins[number] = str(row[0])
        return origin

    def _visible(self, origin: str) -> tuple[int, int]:
        """The number of a log and the size that may be shown of it."""
        row = self._db.execute("SELECT log, size FROM logs WHERE origin = ?", (origin,)).fetchone()
        if row is None:
            raise LocalError(f"the log {origin} is not kept here")
        limit = self._revealed.size(row[0])
        return row[0], row[1] if limit is None else min(limit, row[1])

    def _visible_of(self, number: int) -> int:
        limit = self._revealed.size(number)
        return INDEX_MASK if limit is None else limit


def _peer(key: bytes, territory: Any, addresses: str, heard_at: Any, faults: int, fault: Any) -> PeerRow:
    return PeerRow(key, territory, tuple(json.loads(addresses)), heard_at, faults, fault)
