# SPDX-License-Identifier: AGPL-3.0-or-later
"""What may be asked of an archive. A reader cannot write: it is another type, on a read-only connection.

It shows of one's own open log what has been revealed and no more: an append is committed first, then the guard is
durable, then the head is shown; a page or a peer that saw a leaf earlier could see it vanish with the power.
One reader serves one thread at a time. Every list is bounded.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from convergences_protocol import merkle
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError
from convergences_protocol.record import read_header
from convergences_protocol.tiles import TILE_WIDTH, Slot, TileHashReader

from .beside import (
    INDEX_MASK,
    LIST_MAX,
    RUN_BITS,
    RUNS,
    RUNS_OF_LOG,
    BesideReader,
    element_key,
    key_of,
    place_of,
)
from .connection import open_reader
from .migrations import check_current
from .model import (
    HIDDEN,
    HISTORY_MAX,
    INDEX_BITS,
    READ_BYTES_MAX,
    Entry,
    LogState,
    Placed,
)
from .older import path_to_read
from .revealed import Revealed

_COLUMNS = "SELECT e.place, e.header, e.slot, e.unreadable, b.body"
_ENTRY = f"{_COLUMNS} FROM entries e LEFT JOIN bodies b USING (place)"
_BY_DIGEST = f"""
    {RUNS} {_COLUMNS} FROM runs CROSS JOIN entries e USING (run) LEFT JOIN bodies b USING (place)
    WHERE e.digest = ? ORDER BY e.place LIMIT ?
"""
_BODY = f"""
    {RUNS} SELECT b.body FROM runs CROSS JOIN entries e USING (run) JOIN bodies b USING (place)
    WHERE e.body_key = ? AND e.slot = 1 LIMIT ?
"""  # noqa: S608
_BY_ELEMENT = f"""
    {RUNS_OF_LOG} {_COLUMNS} FROM runs CROSS JOIN entries e ON e.place >> {RUN_BITS} = runs.run
    LEFT JOIN bodies b USING (place)
    WHERE e.element = :element AND e.place >= :first AND e.place < :stop ORDER BY e.place DESC LIMIT :limit
"""
_ELSEWHERE = f"""
    WITH RECURSIVE runs (run, last) AS (
        SELECT log << {INDEX_BITS - RUN_BITS}, (log << {INDEX_BITS} | size - 1) >> {RUN_BITS} FROM logs
        WHERE size > 0 AND status <> 'aside' AND origin NOT IN (SELECT value FROM json_each(:origins))
        UNION ALL SELECT run + 1, last FROM runs WHERE run < last
    )
    {_COLUMNS} FROM runs CROSS JOIN entries e ON e.place >> {RUN_BITS} = runs.run
    LEFT JOIN bodies b USING (place) WHERE e.element = :element ORDER BY e.place DESC LIMIT :limit
"""  # noqa: S608
_LOG = """
    SELECT log, origin, territory, node_key, recovery_key, own, status, size, frontier, wanted, erasures_read FROM logs
"""


class ArchiveReader(BesideReader):
    """Questions to an archive, each answered from the file as it is; `snapshot` holds it still for several."""

    @classmethod
    def open(cls, folder: Path, revealed: Revealed | None = None) -> Self:
        """A reader of the archive in `folder`. Without `revealed` it is alone with the file, and sees all of it."""
        connection = open_reader(path_to_read(folder))
        check_current(connection)
        return cls(connection, revealed or Revealed())

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything asked inside sees the same moment. Keep it short: the write-ahead log grows meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    # ----------------------------------------------------------------------------------------------------------- logs
    def logs(self) -> list[LogState]:
        """Every log kept here, one's own former epochs too, in the order in which they were first known."""
        return [self._log_state(row) for row in self._db.execute(f"{_LOG} WHERE status <> 'aside' ORDER BY log")]

    def origins(self) -> list[str]:
        """The names of these logs, in the same order: a tenth of the work, and one step of SQLite."""
        every = "SELECT origin FROM logs WHERE status <> 'aside' ORDER BY log"
        (found,) = self._db.execute(f"SELECT json_group_array(origin) FROM ({every})").fetchone()  # noqa: S608 - ours
        origins: list[str] = json.loads(found)
        return origins

    def log(self, origin: str) -> LogState | None:
        """The log of that name, or None."""
        row = self._db.execute(f"{_LOG} WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else self._log_state(row)

    def own_log(self) -> LogState:
        """The log that this node writes in now."""
        row = self._db.execute(f"{_LOG} WHERE own = 1 AND status = 'open'").fetchone()
        if row is None:
            raise LocalError(
                "this archive has no log of its own: making it was interrupted",
                hint="remove the folder and run convergences init again; nothing was written in it",
            )
        return self._log_state(row)

    def _log_state(self, row: Sequence[Any]) -> LogState:
        number, origin, territory, key, recovery_key, own, status, size, frontier_bytes, *counts = row
        frontier = merkle.Frontier.from_bytes(frontier_bytes)
        limit = self._revealed.size(number)
        if limit is not None and limit < size:
            size, frontier = limit, merkle.frontier(self._tiles(number, limit), limit)
        head = self._head(number, size)
        head_size, note = head if head else (0, None)
        keys = (key, recovery_key)
        return LogState(number, origin, territory, *keys, bool(own), status, size, frontier, head_size, note, *counts)

    def head(self, origin: str, size: int | None = None) -> tuple[int, bytes] | None:
        """`(size, note)` of the latest signed head that this archive holds whole (at most of that size), or None."""
        number, visible = self._visible(origin)
        return self._head(number, visible if size is None else min(size, visible))

    def pinned(self, origin: str) -> tuple[int, bytes] | None:
        """`(size, note)` of the signed head, larger than the log is here, that it was being fetched towards."""
        number, visible = self._visible(origin)
        found: tuple[int, bytes] | None = self._db.execute(
            "SELECT h.size, note FROM heads h JOIN logs l USING (log) WHERE log = ? AND NOT own AND h.size > ?"
            " ORDER BY h.size DESC LIMIT 1",
            (number, visible),
        ).fetchone()
        return found

    def _head(self, number: int, size: int) -> tuple[int, bytes] | None:
        found: tuple[int, bytes] | None = self._db.execute(
            "SELECT size, note FROM heads WHERE log = ? AND size <= ? ORDER BY size DESC LIMIT 1", (number, size)
        ).fetchone()
        return found

    # -------------------------------------------------------------------------------------------------------- entries
    def entry(self, origin: str, index: int) -> Entry | None:
        """One leaf, or None where the log does not reach."""
        number, size = self._visible(origin)
        if not 0 <= index < size:
            return None
        return _entry(origin, self._db.execute(f"{_ENTRY} WHERE place = ?", (place_of(number, index),)).fetchone())

    def entries(
        self,
        origin: str,
        start: int,
        stop: int | None = None,
        bytes_max: int = READ_BYTES_MAX,
        count_max: int = LIST_MAX,
    ) -> list[Entry]:
        """The leaves `[start, stop)` as far as they go and the bounds allow; at least one, if there is one."""
        number, size = self._visible(origin)
        stop = size if stop is None else min(stop, size)
        rows = self._db.execute(
            f"{_ENTRY} WHERE place >= ? AND place < ? ORDER BY place LIMIT ?",
            (place_of(number, max(start, 0)), place_of(number, max(stop, 0)), count_max),
        )
        found: list[Entry] = []
        total = 0
        for row in rows:
            total += len(row[1]) + len(row[4] or b"")
            if found and total > bytes_max:
                break
            found.append(_entry(origin, row))
        rows.close()
        return found

    def headers(self, origin: str, start: int, stop: int) -> list[bytes]:
        """The headers alone of `[start, stop)`, at most 10,000."""
        number, size = self._visible(origin)
        rows = self._db.execute(
            "SELECT header FROM entries WHERE place >= ? AND place < ? ORDER BY place LIMIT ?",
            (place_of(number, start), place_of(number, min(stop, size)), LIST_MAX),
        )
        return [header for (header,) in rows]

    def control(self, origin: str, start: int = 0, stop: int | None = None, count_max: int = LIST_MAX) -> list[Entry]:
        """The readable control records of `[start, stop)`: what a charter is folded from. At most 10,000: ask again."""
        number, size = self._visible(origin)
        stop = size if stop is None else min(stop, size)
        rows = self._db.execute(
            f"{_ENTRY} WHERE place >= ? AND place < ? AND element IS NULL AND unreadable IS NULL"
            " ORDER BY place LIMIT ?",
            (place_of(number, start), place_of(number, stop), count_max),
        )
        return [_entry(origin, row) for row in rows]

    def locate(self, header_digest: bytes) -> Entry | None:
        """The leaf whose header has that digest; in the newest log, if several hold it; or None."""
        found = self.locate_all(header_digest)
        return found[-1] if found else None

    def locate_all(self, header_digest: bytes) -> list[Entry]:
        """Every leaf whose header has that digest: a record appended again in a new epoch is in both."""
        rows = self._db.execute(_BY_DIGEST, (key_of(header_digest), LIST_MAX))
        return [entry for entry in self._shown(rows) if entry.digest == header_digest]

    # ------------------------------------------------------------------------------------------------------- elements
    def history(
        self, element: ElementId, origins: Sequence[str] | None = None, limit: int = HISTORY_MAX
    ) -> list[Entry]:
        """The records about an element, oldest first, unreadable ones too; the newest `limit` of them.

        In the logs of the element's own territory, the order of which is that in which they were first known here;
        or in `origins`, in that order (the charter knows which logs count).
        """
        found: list[Entry] = []
        for log in reversed(self._numbers(element.territory, origins)):
            found += self._newest(*log, element, limit - len(found))
            if len(found) >= limit:
                break
        return found[::-1]

    def elsewhere(self, element: ElementId, origins: Sequence[str], limit: int = HISTORY_MAX) -> list[Entry]:
        """The records about an element in all logs but these, oldest first in each; the newest `limit` of them."""
        given = {"element": element_key(element), "origins": json.dumps(list(origins)), "limit": limit}
        found = self._shown(self._db.execute(_ELSEWHERE, given))
        return [entry for entry in found if read_header(entry.header).element == element][::-1]

    def current(self, element: ElementId, origins: Sequence[str] | None = None) -> Entry | None:
        """The last readable record about an element, or None if there never was one. May be a withdrawal."""
        for log in reversed(self._numbers(element.territory, origins)):
            for entry in self._newest(*log, element, HISTORY_MAX):
                if entry.unreadable is None:
                    return entry
        return None

    def _newest(self, number: int, size: int, element: ElementId, limit: int) -> list[Entry]:
        """The newest records about an element in one log of that size, newest first."""
        origin = self.origin(number)
        bounds = {"first": place_of(number, 0), "stop": place_of(number, size)}
        rows = self._db.execute(_BY_ELEMENT, {"element": element_key(element), "limit": limit, **bounds})
        found = (_entry(origin, row) for row in rows)
        return [entry for entry in found if read_header(entry.header).element == element]

    def _numbers(self, territory: str, origins: Sequence[str] | None) -> list[tuple[int, int]]:
        """The numbers of these logs, or of all that a territory had, and the sizes that may be shown of them."""
        if origins is None:
            rows = self._db.execute(
                "SELECT origin FROM logs WHERE territory = ? AND status <> 'aside' ORDER BY log", (territory,)
            )
            origins = [origin for (origin,) in rows]
        return [self._visible(origin) for origin in origins]

    # --------------------------------------------------------------------------------------------------------- bodies
    def body(self, digest: bytes) -> bytes | None:
        """The body of that SHA-256, or None if it is wanted, erased or unknown."""
        rows = self._db.execute(_BODY, (key_of(digest), LIST_MAX))
        return next((body for (body,) in rows if sha256(body).digest() == digest), None)

    def wanted(self, origin: str, limit: int = 1_000, start: int = 0) -> list[tuple[int, bytes]]:
        """`(index, digest of the body)` of leaves whose body is still wanted, from `start` on."""
        number, size = self._visible(origin)
        rows = self._db.execute(
            "SELECT place, header FROM entries WHERE slot = 2 AND place >= ? AND place < ? ORDER BY place LIMIT ?",
            (place_of(number, start), place_of(number, size), limit),
        )
        wanted = []
        for place, header in rows:
            digest = read_header(header).body_digest
            assert digest is not None, "only a leaf that names a body can want it"
            wanted.append((place & INDEX_MASK, digest))
        return wanted

    # --------------------------------------------------------------------------------------------------------- proofs
    def hash_reader(self, origin: str, size: int | None = None) -> TileHashReader:
        """The tree of a log, to make proofs from. For one piece of work, within this thread."""
        number, visible = self._visible(origin)
        return self._tiles(number, visible if size is None else min(size, visible))

    def root_at(self, origin: str, size: int) -> bytes:
        """The root that the log had at that size, which is at most its present one."""
        return merkle.root(self.hash_reader(origin), size)

    def tile(self, origin: str, level: int, n: int) -> bytes | None:
        """The hashes of one tile as far as they go (256 when it is full), or None if there are none."""
        number, size = self._visible(origin)
        width = min(TILE_WIDTH, (size >> (8 * level)) - n * TILE_WIDTH)
        return self._load_tile(number, size, level, n)[: width * merkle.HASH_BYTES] if width > 0 else None

    def _tiles(self, number: int, size: int) -> TileHashReader:
        return TileHashReader(lambda level, n: self._load_tile(number, size, level, n))

    def _load_tile(self, number: int, size: int, level: int, n: int) -> bytes:
        row = self._db.execute(
            "SELECT hashes FROM tiles WHERE log = ? AND level = ? AND n = ?", (number, level, n)
        ).fetchone()
        if row is not None:
            hashes: bytes = row[0]
            return hashes
        if level > 0:
            raise LookupError(f"tile {level}/{n} of log {number} is missing")
        first, stop = n * TILE_WIDTH, min((n + 1) * TILE_WIDTH, size)
        rows = self._db.execute(
            "SELECT header FROM entries WHERE place >= ? AND place < ? ORDER BY place",
            (place_of(number, first), place_of(number, stop)),
        )
        return b"".join(merkle.leaf_hashes(header for (header,) in rows))

    # -------------------------------------------------------------------------------------------------------- helpers
    def _shown(self, rows: sqlite3.Cursor) -> Iterator[Entry]:
        for row in rows:
            number = row[0] >> INDEX_BITS
            origin = self.origin(number)
            if row[0] & INDEX_MASK < self._visible_of(number) and "#" not in origin:
                yield _entry(origin, row)

    def placed(self, entry: Entry) -> Placed:
        """The entry as an append answered it."""
        return Placed(entry.origin, entry.index, entry.digest, read_header(entry.header).element)


_SLOTS = {**{int(slot): slot for slot in Slot}, HIDDEN: Slot.ERASED}
"""What a row's slot is to whoever reads it. Looked up: to make a member of an enumeration takes longer than the row."""


def _entry(origin: str, row: Sequence[Any]) -> Entry:
    place, header, slot, unreadable, body = row
    return Entry(origin, place & INDEX_MASK, header, _SLOTS[slot], None if slot == HIDDEN else body, unreadable)
