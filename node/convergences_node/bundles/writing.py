# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writing the logs of an archive to a bundle: what is new since the last time, and what was erased meanwhile.

Tiles and headers below the head that the bundle has already never change, and are left as they are; bodies are written
again where one was erased, or came. A log's head is written last, when all that it covers is durable: pulled out half
way, the stick has the older head with all of its files, and the next writing goes on from there. A log that the bundle
has more of than we do (another town wrote it) is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from convergences_protocol import checkpoint
from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.merkle import HASH_BYTES
from convergences_protocol.origin import Origin
from convergences_protocol.replication.limits import FORK_BYTES_MAX
from convergences_protocol.tiles import (
    ENTRIES,
    TILE_HEIGHT,
    TILE_LEVEL_MAX,
    TILE_WIDTH,
    BodySlot,
    Slot,
    encode_bodies,
    encode_entries,
    tile_path,
)

from convergences_node.archive.model import Entry, LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.network.http_tiles import NOTE_BYTES_MAX, Gone, split_note
from convergences_node.network.http_transport import LOGS_BYTES_MAX, LOGS_MAX

from .places import INDEX, Place, damaged, log_base

DIGESTS = "bodies.json"
DIGESTS_BYTES_MAX = 64 * 1024 * 1024
"""A line of 40 bytes for each 256 records: a log of hundreds of millions."""
DIGEST_CHARS = 32

Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Written:
    """What was done."""

    logs: int = 0
    records: int = 0
    files: int = 0
    bytes: int = 0
    left_alone: int = 0
    """Logs that the bundle has more of."""


def write_bundle(reader: ArchiveReader, place: Place, tell: Tell = lambda done, total: None) -> Written:
    """Bring the bundle up to what the archive holds, under each log's latest signed head."""
    states = [state for state in reader.logs() if state.head_size]
    total, written = sum(state.head_size for state in states), Written()
    known = {entry["origin"]: entry for entry in read_index(place)}
    for state in states:
        at_least = written.records

        def told(done: int, first: int = at_least) -> None:
            tell(first + done, total)

        if _WriteLog(reader, place, state, written, told).run():
            known[state.origin] = _described(state)
        written.records = at_least + state.head_size
        tell(written.records, total)
    # The writer's own open log says whose bundle it is.
    for entry in known.values():
        entry["own"] = any(state.own and state.origin == entry["origin"] for state in states)
    place.settle(INDEX, json.dumps({"logs": list(known.values())}, indent=1).encode())
    return written


def read_index(place: Place) -> list[dict[str, Any]]:
    """The logs in a bundle; none if it is new. Raises `RemoteError` for one that no node has written."""
    try:
        logs = json.loads(place.read(INDEX, LOGS_BYTES_MAX))["logs"]
        return [{**entry, "origin": str(Origin.parse(entry["origin"]))} for entry in logs[:LOGS_MAX]]
    except Gone:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(INDEX, f"of the bundle, which lists its logs, cannot be read: {error}") from error


def _described(state: LogState) -> dict[str, Any]:
    return {
        "origin": state.origin,
        "territory": state.territory,
        "key": state.key.hex(),
        "recovery_key": state.recovery_key.hex() if state.recovery_key else None,
        "own": state.own,
        "status": state.status,
        "size": state.head_size,
    }


class _WriteLog:
    """One log's files."""

    def __init__(
        self, reader: ArchiveReader, place: Place, state: LogState, written: Written, tell: Callable[[int], None]
    ) -> None:
        self._reader, self._place, self._state, self._written, self._tell = reader, place, state, written, tell
        self._base = log_base(state.origin)

    def run(self) -> bool:
        """Write what is new. False if the bundle has more of this log than the archive."""
        state = self._state
        there = self._size_there()
        if there > state.head_size:
            self._written.left_alone += 1
            return False
        digests = self._digests() if there else {}
        fresh = dict(self._bodies(digests))
        if there < state.head_size:
            for level in range(TILE_LEVEL_MAX + 1):
                self._tiles(level, there)
            for n in range(there // TILE_WIDTH, -(-state.head_size // TILE_WIDTH)):
                self._entries(n)
        self._forks()
        if fresh != digests:
            self._write(DIGESTS, json.dumps(fresh).encode(), settle=True)
        if self._checkpoint() != self._read("checkpoint", NOTE_BYTES_MAX):
            self._write("checkpoint", self._checkpoint(), settle=True)
        self._remove_narrower(there)
        self._written.logs += 1
        return True

    def _size_there(self) -> int:
        """Up to where the bundle's files are whole: its head's size; 0 if it has none, or one that cannot be read."""
        try:
            note, _ = split_note(self._place.read(self._base + "checkpoint", NOTE_BYTES_MAX))
            head = checkpoint.verify(note, self._state.origin, self._state.key)
        except (Gone, RemoteError):
            return 0
        if head.size <= self._state.head_size and self._reader.root_at(self._state.origin, head.size) != head.root:
            raise LocalError(
                f"the bundle has another history of {self._state.origin}",
                hint="read it first (convergences bundle read): of two signed histories the charter decides",
            )
        return head.size

    def _digests(self) -> dict[str, str]:
        """By number: which body bundle is there."""
        try:
            found: dict[str, str] = json.loads(self._place.read(self._base + DIGESTS, DIGESTS_BYTES_MAX))
            return found
        except (Gone, RemoteError, ValueError):
            return {}

    def _bodies(self, there: dict[str, str]) -> Iterator[tuple[str, str]]:
        """Write each bundle of bodies that is not there as it is here; their digests."""
        for n in range(-(-self._state.head_size // TILE_WIDTH)):
            start = n * TILE_WIDTH
            path, entries = self._path(ENTRIES, n), self._all_entries(start)
            data = encode_bodies([BodySlot(e.slot, e.body if e.slot is Slot.HERE else None) for e in entries])
            name = path.replace("tile/entries", "bodies", 1)
            digest = sha256(data).hexdigest()[:DIGEST_CHARS]
            if there.get(name) != digest:
                self._write(name, data)
            self._tell(start + len(entries))
            yield name, digest

    def _all_entries(self, start: int) -> list[Entry]:
        stop = min(start + TILE_WIDTH, self._state.head_size)
        found: list[Entry] = []
        while start + len(found) < stop:
            more = self._reader.entries(self._state.origin, start + len(found), stop)
            if not more:
                raise LocalError(f"{self._state.origin} lost its records from {start} on while it was read")
            found += more
        return found

    def _entries(self, n: int) -> None:
        start = n * TILE_WIDTH
        stop = min(start + TILE_WIDTH, self._state.head_size)
        self._write(self._path(ENTRIES, n), encode_entries(self._reader.headers(self._state.origin, start, stop)))

    def _tiles(self, level: int, there: int) -> None:
        shift = TILE_HEIGHT * level
        for n in range((there >> shift) // TILE_WIDTH, -(-(self._state.head_size >> shift) // TILE_WIDTH)):
            hashes = self._reader.tile(self._state.origin, level, n)
            assert hashes is not None, "a tile below the head"
            self._write(self._path(level, n), hashes[: self._width(level, n) * HASH_BYTES])

    def _width(self, level: int, n: int, size: int | None = None) -> int:
        size = self._state.head_size if size is None else size
        return min(TILE_WIDTH, (size >> (TILE_HEIGHT * max(level, 0))) - n * TILE_WIDTH)

    def _path(self, level: int, n: int) -> str:
        return tile_path(level, n, self._width(level, n))

    def _forks(self) -> None:
        for number, row in enumerate(self._reader.forks(self._state.origin)):
            if self._read(f"forks/{number}", FORK_BYTES_MAX) != row.proof:
                self._write(f"forks/{number}", row.proof)

    def _checkpoint(self) -> bytes:
        assert self._state.head_note is not None, "a log with a head"
        rows = self._reader.cosignatures(self._state.origin)
        return self._state.head_note + b"".join(row.line for row in rows if row.size == self._state.head_size)

    def _remove_narrower(self, there: int) -> None:
        """The narrower edges of the tree under the older head: nobody asks for them any more."""
        if there in (0, self._state.head_size):
            return
        for level in range(ENTRIES, TILE_LEVEL_MAX + 1):
            n = (there >> (TILE_HEIGHT * max(level, 0))) // TILE_WIDTH
            width = self._width(level, n, there)
            if 0 < width < self._width(level, n):
                path = tile_path(level, n, width)
                self._place.remove(self._base + path)
                if level == ENTRIES:
                    self._place.remove(self._base + path.replace("tile/entries", "bodies", 1))

    def _read(self, name: str, bytes_max: int) -> bytes | None:
        try:
            return self._place.read(self._base + name, bytes_max)
        except (Gone, RemoteError):
            return None

    def _write(self, name: str, data: bytes, *, settle: bool = False) -> None:
        (self._place.settle if settle else self._place.write)(self._base + name, data)
        self._written.files += 1
        self._written.bytes += len(data)
