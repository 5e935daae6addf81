# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an archive holds besides its logs, as rows to be carried into another one; and logs put back as they were kept.

Choices, the address book, the memory of imports, fork proofs, and what was decided about erasures: no peer can give
these back. Rows are read a page at a time, by key, so that nothing is held still meanwhile. Erasures arrive as *heard*,
with their date: what they name is hidden again by the next sweep, in slots that are wanted at first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convergences_protocol import checkpoint
from convergences_protocol.errors import LocalError
from convergences_protocol.merkle import Frontier, leaf_hashes
from convergences_protocol.origin import LogIdentity
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.replication.messages import Batch
from convergences_protocol.replication.views import Held

from .model import CosignatureRow
from .tables import Tables
from .writer import ArchiveWriter

PAGE_ROWS = 2_000

KEYS = {
    "choices": ("name",),
    "peers": ("node_key",),
    "forks": ("digest",),
    "erasures": ("origin", "idx"),
    "sources": ("key",),
}
"""The tables that are carried, and by which key they are read in order."""

Row = tuple[Any, ...]


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table that is carried."""
    if table not in KEYS:
        raise LocalError(f"no table {table!r} of an archive is carried")
    return [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")]


def pages(db: sqlite3.Connection, table: str) -> Iterator[list[Row]]:
    """All rows of a table, a page at a time. What is written meanwhile may be in it or not."""
    named, key = columns(db, table), KEYS[table]
    at = [named.index(name) for name in key]
    marks = ", ".join("?" * len(key))
    select = f"SELECT {', '.join(named)} FROM {table}"  # noqa: S608 -- our own names, from the schema
    end = f" ORDER BY {', '.join(key)} LIMIT {PAGE_ROWS}"
    rows = db.execute(select + end).fetchall()
    while rows:
        yield rows
        after = [rows[-1][index] for index in at]
        rows = db.execute(f"{select} WHERE ({', '.join(key)}) > ({marks}){end}", after).fetchall()


def put_rows(tables: Tables, table: str, named: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write the rows of one page into an archive that is being put back."""
    known = columns(tables.db, table)
    if not set(named) <= set(known) or any(len(row) != len(named) for row in rows):
        raise LocalError(
            f"rows of {table} that this program does not know", hint="they were kept by a newer one: install that"
        )
    marks = ", ".join("?" * len(named))
    with tables.transaction() as db:
        sql = f"INSERT OR REPLACE INTO {table} ({', '.join(named)}) VALUES ({marks})"  # noqa: S608 -- checked above
        db.executemany(sql, rows)
        if table == "erasures":
            db.execute("UPDATE erasures SET state = 'invalid'")


@dataclass(frozen=True, slots=True)
class KeptLog:
    """A log as a backup describes it; its records follow."""

    identity: LogIdentity
    own: bool
    status: str
    note: bytes
    """The signed head that its records lead to."""
    cosignatures: tuple[tuple[str, int, int, bytes], ...] = ()
    """Cosigner, size, time and line of each."""


class PuttingBack:
    """One log, written again from its first record on, and believed only once it has led to its signed head."""

    def __init__(self, writer: ArchiveWriter, log: KeptLog) -> None:
        origin = log.identity.origin
        head = checkpoint.verify(log.note, origin, log.identity.key)
        self._writer = writer
        self._log = log
        self._head = Held(head.size, head.root, log.note)
        self._frontier = Frontier()
        if writer.reader.log(origin) is not None:
            raise LocalError(f"{origin} is in the backup twice")
        with writer.transaction():
            writer.add_log(log.identity, own=log.own)

    def take(self, headers: Sequence[bytes], bodies: Sequence[GivenBody]) -> None:
        """The next records. Each body is checked here, each author's signature too; the tree, once all are here."""
        start = self._frontier.size
        after = self._frontier.copy()
        after.extend(leaf_hashes(headers))
        if after.size > self._head.size:
            raise LocalError(f"{self._log.identity.origin} goes on beyond its head of {self._head.size}")
        # That this part leads to the head is proved once all of it is here: nothing counts before.
        batch = Batch(0, start, tuple(headers), tuple(bodies), ())
        checked = check_batch(self._frontier, batch, Held(after.size, after.root(), b""))
        if after.size == self._head.size:
            self._check_root(after)
        checked = replace(checked, head=self._head)
        (kept,) = self._writer.keep_batches([(self._log.identity.origin, checked, examine(checked))])
        if isinstance(kept, Exception):
            raise kept
        self._frontier = after

    def _check_root(self, frontier: Frontier) -> None:
        if frontier.size != self._head.size or frontier.root() != self._head.root:
            raise LocalError(f"the records of {self._log.identity.origin} do not lead to its signed head")

    def finish(self) -> None:
        """All records were given: believe the log, and note what stands beside it."""
        self._check_root(self._frontier)
        origin = self._log.identity.origin
        self._writer.keep_cosignatures([CosignatureRow(origin, *each) for each in self._log.cosignatures])
        with self._writer.transaction() as db:
            db.execute("UPDATE logs SET status = ? WHERE origin = ?", (self._log.status, origin))
        self._writer.forget_edge(origin)
