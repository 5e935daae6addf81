# SPDX-License-Identifier: AGPL-3.0-or-later
"""Verify one log of an archive, leaf by leaf: the half of verifying.py that goes through everything."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Protocol

from convergences_protocol import checkpoint, cosignature, merkle
from convergences_protocol.errors import RemoteError, Unreadable
from convergences_protocol.header import Header
from convergences_protocol.record import read_header
from convergences_protocol.replication.check import BAD_SIGNATURE
from convergences_protocol.tiles import TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, Slot, extend_tiles

from .beside import INDEX_MASK, element_key, key_of, place_of
from .model import HIDDEN, LogState
from .reader import ArchiveReader

CHUNK = 1_024
"""Leaves read at once: four tiles, and little memory."""


class Notes(Protocol):
    """The report, as a log's verifier needs it."""

    entries: int
    bodies: int
    wanted: int
    erased: int
    unreadable: int

    def add(self, code: str, **params: object) -> None: ...


class LogVerifier:
    """One log, from its first leaf to its head."""

    def __init__(
        self,
        reader: ArchiveReader,
        connection: sqlite3.Connection,
        state: LogState,
        signatures: Callable[[Sequence[bytes]], list[bool]],
        report: Notes,
    ) -> None:
        self._reader = reader
        self._db = connection
        self._state = state
        self._signatures = signatures
        self._report = report
        self._frontier = merkle.Frontier()
        self._rows: dict[tuple[int, int], bytes] = {}
        self._wanted = 0
        heads = connection.execute("SELECT size, note FROM heads WHERE log = ? ORDER BY size", (state.number,))
        self._heads: list[tuple[int, bytes]] = [head for head in heads.fetchall() if head[0] <= state.size]

    def run(self) -> Iterator[int]:
        """Verify; yields how many leaves are done since the last time."""
        while (start := self._frontier.size) < self._state.size:
            rows = self._read(start)
            self._verify_leaves(start, rows)
            self._extend([row[1] for row in rows], start)
            yield len(rows)
            if len(rows) < min(CHUNK, self._state.size - start):
                self._fault("verify.leaves_missing", index=start + len(rows), size=self._state.size)
                return
        self._verify_end()

    def _fault(self, code: str, **params: object) -> None:
        self._report.add(code, origin=self._state.origin, **params)

    def _read(self, start: int) -> list[tuple[Any, ...]]:
        """The next rows as far as they follow each other without a gap."""
        first = place_of(self._state.number, start)
        rows = self._db.execute(
            "SELECT e.place, header, digest, element, body_key, slot, unreadable, body FROM entries e"
            " LEFT JOIN bodies b USING (place) WHERE e.place >= ? AND e.place < ? ORDER BY e.place",
            (first, first + min(CHUNK, self._state.size - start)),
        ).fetchall()
        return [row for at, row in enumerate(rows) if row[0] == first + at]

    def _verify_leaves(self, start: int, rows: Sequence[tuple[Any, ...]]) -> None:
        for row, signed in zip(rows, self._signatures([row[1] for row in rows]), strict=True):
            self._verify_leaf(row, signed)

    def _verify_leaf(self, row: tuple[Any, ...], signed: bool) -> None:
        place, raw, digest, element, body_key, slot, unreadable, body = row
        index = place & INDEX_MASK
        self._report.entries += 1
        self._report.unreadable += unreadable is not None
        header, reason = _reading(raw, signed)
        if (reason is None) != (unreadable is None):
            self._fault("verify.record", index=index, marked=unreadable, found=reason)
        if (digest, element, body_key) != _keys(raw, header):
            self._fault("verify.row", index=index)
        self._verify_body(index, header, slot, body)

    def _verify_body(self, index: int, header: Header | None, slot: int, body: bytes | None) -> None:
        named = header is not None and header.body_digest is not None
        self._wanted += slot == Slot.WANTED
        self._report.wanted += slot == Slot.WANTED
        self._report.erased += slot in (Slot.ERASED, HIDDEN)
        self._report.bodies += body is not None
        if (slot != Slot.NONE) != named or (body is not None) != (slot in (Slot.HERE, HIDDEN)):
            self._fault("verify.slot", index=index, slot=slot)
        elif body is not None and header is not None and not _is_body(header, body):
            self._fault("verify.body", index=index)

    def _extend(self, headers: Sequence[bytes], start: int) -> None:
        """Grow the tree, comparing roots at the sizes of kept heads, and tiles as they fill."""
        hashes = merkle.leaf_hashes(headers)
        rows = extend_tiles(start, hashes, lambda level, n: self._rows[level, n])
        self._rows = {at: row for at, row in rows.items() if len(row) < TILE_BYTES}
        for (level, n), row in rows.items():
            if len(row) == TILE_BYTES:
                self._verify_tile(level, n, row)
        while self._heads and self._heads[0][0] <= start + len(hashes):
            size, note = self._heads.pop(0)
            self._frontier.extend(hashes[self._frontier.size - start : size - start])
            self._verify_head(size, note)
        self._frontier.extend(hashes[self._frontier.size - start :])

    def _verify_tile(self, level: int, n: int, row: bytes) -> None:
        sql = "SELECT hashes FROM tiles WHERE log = ? AND level = ? AND n = ?"
        kept = self._db.execute(sql, (self._state.number, level, n)).fetchone()
        if kept is None or kept[0] != row:
            self._fault("verify.tile", level=level, n=n, missing=kept is None)

    def _verify_head(self, size: int, note: bytes) -> None:
        try:
            head = checkpoint.verify(note, self._state.origin, self._state.key)
        except RemoteError as error:
            self._fault("verify.head_signature", size=size, reason=str(error))
            return
        if (head.size, head.root) != (size, self._frontier.root()):
            self._fault("verify.head_root", size=size)
        self._verify_cosignatures(head)

    def _verify_cosignatures(self, head: checkpoint.Checkpoint) -> None:
        """Those of cosigners whose own log is kept here, and so whose key is known."""
        for row in self._reader.cosignatures(self._state.origin):
            signer = self._reader.log(row.cosigner) if row.size == head.size else None
            if signer is None:
                continue
            try:
                cosignature.verify_cosignature(head, row.line, row.cosigner, signer.key)
            except RemoteError as error:
                self._fault("verify.cosignature", size=row.size, cosigner=row.cosigner, reason=str(error))

    def _verify_end(self) -> None:
        state = self._state
        if self._frontier.to_bytes() != state.frontier.to_bytes():
            self._fault("verify.frontier", size=state.size)
        for (level, n), row in self._rows.items():
            if level > 0 and (state.size >> (TILE_HEIGHT * level)) % TILE_WIDTH:
                self._verify_tile(level, n, row)
        if self._wanted != state.wanted:
            self._fault("verify.wanted_count", counted=self._wanted, noted=state.wanted)
        beyond = place_of(state.number, state.size), place_of(state.number + 1, 0)
        (count,) = self._db.execute("SELECT count(*) FROM entries WHERE place >= ? AND place < ?", beyond).fetchone()
        if count:
            self._fault("verify.leaves_beyond", size=state.size, count=count)


def _reading(raw: bytes, signed: bool) -> tuple[Header | None, str | None]:
    """The header, and why it cannot be read, if it cannot."""
    try:
        return read_header(raw), None if signed else BAD_SIGNATURE
    except Unreadable as error:
        return None, error.reason


def _keys(raw: bytes, header: Header | None) -> tuple[int, int | None, int | None]:
    """What the tables find this record by."""
    element = header.element if header else None
    body_digest = header.body_digest if header else None
    return (
        key_of(sha256(raw).digest()),
        None if element is None else element_key(element),
        None if body_digest is None else key_of(body_digest),
    )


def _is_body(header: Header, body: bytes) -> bool:
    return len(body) == header.body_bytes and sha256(body).digest() == header.body_digest
