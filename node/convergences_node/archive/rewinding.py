# SPDX-License-Identifier: AGPL-3.0-or-later
"""Setting aside the end of a log that its author's charter has decided against.

A log that was forked has two ends, and the charter's `end` says which one counts. If ours is the other, what we hold
beyond the common part is set aside, not thrown away: it moves to a row of its own, `<origin>#<number>`, where only a
person or a program that looks for it finds it. The log is then fetched on from the common part.
What our own residents wrote there is appended again to our open log before, under the same ids (`divergent`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convergences_protocol import merkle
from convergences_protocol.doubt import to_append_again
from convergences_protocol.errors import LocalError
from convergences_protocol.merkle import HASH_BYTES
from convergences_protocol.record import read_header
from convergences_protocol.tiles import TILE_HEIGHT, TILE_LEVEL_MAX, TILE_WIDTH, Slot

from .authoring import Authored
from .beside import place_of
from .model import INDEX_BITS, Entry, LogState
from .tables import Tables

MOVED = (
    "UPDATE entries SET place = place + :shift WHERE place >= :first AND place < :stop",
    "UPDATE bodies SET place = place + :shift WHERE place >= :first AND place < :stop",
)


def divergent(tables: Tables, origin: str, size: int) -> Iterator[list[Authored]]:
    """The records of a log from `size` on that no other log here has, to be appended again, a few at a time.

    Which they are, `doubt.to_append_again` says; what the caller has appended of the first is there for the next.
    """
    state, elsewhere = _kept(tables, origin), _Elsewhere(tables, origin)
    for start in range(size, state.size, TILE_WIDTH):
        entries = tables.reader.entries(origin, start, start + TILE_WIDTH, bytes_max=1 << 62)
        kept = [entry for entry in entries if not entry.unreadable]
        chosen = [kept[at] for at in to_append_again([entry.header for entry in kept], elsewhere)]
        if chosen:
            yield [_as_it_was(entry) for entry in chosen]


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """The digests of the records that another log here has, asked one at a time."""

    tables: Tables
    origin: str

    def __contains__(self, digest: object) -> bool:
        assert isinstance(digest, bytes)
        return any(twin.origin != self.origin for twin in self.tables.reader.locate_all(digest))


def _as_it_was(entry: Entry) -> Authored:
    return Authored(read_header(entry.header), entry.body, edit=False, erased=entry.slot == Slot.ERASED)


def rewind(tables: Tables, origin: str, size: int) -> int:
    """Set the records from `size` on aside. Returns how many they were."""
    state = _kept(tables, origin)
    if state.own and state.status == "open":
        raise LocalError(f"{origin} is written in here: it is closed before it is rewound")
    if not 0 <= size < state.size:
        return 0
    frontier = merkle.frontier(tables.reader.hash_reader(origin), size)
    with tables.transaction() as db:
        aside = _aside(tables, state)
        move = {
            "shift": (aside - state.number) << INDEX_BITS,
            "first": place_of(state.number, size),
            "stop": place_of(state.number, state.size),
        }
        for sql in MOVED:
            db.execute(sql, move)
        _count_wanted(tables, aside)
        _cut_tiles(tables, state.number, size)
        db.execute("DELETE FROM heads WHERE log = ? AND size > ?", (state.number, size))
        db.execute("DELETE FROM cosignatures WHERE log = ? AND size > ?", (state.number, size))
        db.execute(
            "UPDATE logs SET size = :size, frontier = :frontier, erasures_read = min(erasures_read, :size)"
            " WHERE log = :log",
            {"size": size, "frontier": frontier.to_bytes(), "log": state.number},
        )
        _count_wanted(tables, state.number)
    tables.forget_edge(origin)
    return state.size - size


def _kept(tables: Tables, origin: str) -> LogState:
    state = tables.reader.log(origin)
    if state is None:
        raise LocalError(f"the log {origin} is not kept here")
    return state


def _aside(tables: Tables, state: LogState) -> int:
    """A row for what is set aside; its `size` is where it would end, its entries keep their indexes."""
    (number,) = tables.db.execute("SELECT max(log) + 1 FROM logs").fetchone()
    tables.db.execute(
        "INSERT INTO logs SELECT ?, origin || '#' || ?, territory, node_key, recovery_key, own, 'aside', size,"
        " frontier, 0, size FROM logs WHERE log = ?",
        (number, number, state.number),
    )
    return int(number)


def _count_wanted(tables: Tables, log: int) -> None:
    tables.db.execute(
        "UPDATE logs SET wanted = (SELECT count(*) FROM entries WHERE slot = 2 AND place >= ? AND place < ?)"
        " WHERE log = ?",
        (place_of(log, 0), place_of(log + 1, 0), log),
    )


def _cut_tiles(tables: Tables, log: int, size: int) -> None:
    """Take away the tiles that reach beyond `size`, and cut the last of each level; level 0 keeps only full ones."""
    for level in range(TILE_LEVEL_MAX + 1):
        n, width = divmod(size >> (TILE_HEIGHT * level), TILE_WIDTH)
        if level > 0 and width:
            tables.db.execute(
                "UPDATE tiles SET hashes = substr(hashes, 1, ?) WHERE log = ? AND level = ? AND n = ?",
                (width * HASH_BYTES, log, level, n),
            )
            n += 1
        tables.db.execute("DELETE FROM tiles WHERE log = ? AND level = ? AND n >= ?", (log, level, n))
