# SPDX-License-Identifier: AGPL-3.0-or-later
"""From logs to the current state of elements, resumably.

An element's state is what its last readable record says, in the order of the logs that count for its territory (the
charter's order, `speakers`) and of numbers within each. So the order in which logs arrive does not matter: a record
from an earlier place never replaces one from a later place. `apply` takes entries as they come and moves the log's
cursor in the same transaction; `revise` decides again about some elements, from the archive, when an entry became
readable, was erased, or when the charter let another log speak.

One thread calls this, the one that writes.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from convergences_protocol.element import ElementId
from convergences_protocol.origin import territory_of

from convergences_node.archive.model import Entry
from convergences_node.index.lines import Position
from convergences_node.index.occurrences import Horizon
from convergences_node.index.row import element_of, id_of, territory_of_id
from convergences_node.index.strict_door import Portion, Reading, read_entries, read_entry
from convergences_node.index.tables import Outcome, Tables

Speakers = Mapping[str, Sequence[tuple[str, int | None]]]
"""By territory, the logs that count for it in order, each up to a size (None: no bound): `Charter.counts`."""


class HistoryReader(Protocol):
    """What `revise` asks of an archive."""

    def history(self, element: ElementId, origins: Sequence[str] | None = None) -> list[Entry]: ...


class Projection:
    """Writes what logs say into an index."""

    def __init__(self, db: sqlite3.Connection, path: Path, horizon: Horizon) -> None:
        self.db = db
        self.path = path
        stored = self._stored_horizon()
        self.horizon = stored or horizon
        """What occurrences are kept for: that of the file, until `moved_horizon` says otherwise."""
        if stored is None:
            self._store_horizon()
        self.tables = Tables(db)
        self.speakers: Speakers = self._stored_speakers()
        self._logs: dict[str, int] = dict(db.execute("SELECT origin, log FROM logs").fetchall())
        self._origins = {number: origin for origin, number in self._logs.items()}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. What the tables remember of what was not written is forgotten."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self.tables.rolled_back()
            self._logs = dict(self.db.execute("SELECT origin, log FROM logs").fetchall())
            self._origins = {number: origin for origin, number in self._logs.items()}
            raise
        self.db.execute("COMMIT")

    def moved_horizon(self, horizon: Horizon) -> list[ElementId]:
        """Keep another horizon from now on; returns the elements that are to be revised for it."""
        if horizon == self.horizon:
            return []
        self.horizon = horizon
        self._store_horizon()
        return [element_of(id_) for (id_,) in self.db.execute("SELECT id FROM elements WHERE recurs = 1 ORDER BY id")]

    def _store_horizon(self) -> None:
        value = f"{self.horizon.first} {self.horizon.last}"
        self.db.execute("INSERT OR REPLACE INTO settings VALUES ('horizon', ?)", (value,))

    def _stored_horizon(self) -> Horizon | None:
        found = self.db.execute("SELECT value FROM settings WHERE name = 'horizon'").fetchone()
        return Horizon(*map(int, found[0].split())) if found else None

    # --------------------------------------------------------------------------------------------------- applying logs
    def applied(self) -> dict[str, int]:
        """How many entries of each log have been taken in."""
        return dict(self.db.execute("SELECT origin, applied FROM logs").fetchall())

    def progress(self) -> dict[str, tuple[int, int]]:
        """By origin: how many entries were taken in, and how many of those are kept aside."""
        return progress_of(self.db)

    def roots(self) -> dict[str, tuple[int, bytes]]:
        """By origin: how many entries were taken in, and the root of the log's tree at that size."""
        rows = self.db.execute("SELECT origin, applied, root FROM logs WHERE applied > 0")
        return {origin: (applied, root) for origin, applied, root in rows}

    def apply(self, origin: str, territory: str, portions: Iterable[Portion]) -> int:
        """Take in, in one transaction, what was read of the next entries of a log; returns its new cursor. Those taken
        in before are passed over."""
        with self.transaction():
            log = self._log(origin, territory)
            (cursor,) = self.db.execute("SELECT applied FROM logs WHERE log = ?", (log,)).fetchone()
            for readings, root in portions:
                start = readings[0].index
                assert start <= cursor, f"entries from {start} of {origin} leave a gap after {cursor}"
                fresh = [reading for reading in readings if reading.index >= cursor]
                if fresh:
                    cursor = fresh[-1].index + 1
                    self.take(origin, territory, fresh)
                    self.db.execute("UPDATE logs SET applied = ?, root = ? WHERE log = ?", (cursor, root, log))
        return int(cursor)

    def read(self, entries: Iterable[Entry]) -> list[Reading]:
        """Pass entries through the strict door, for this projection's horizon."""
        return read_entries(entries, self.horizon)

    def look_again(self, origin: str, entries: Iterable[Entry]) -> None:
        """Read entries below the cursor that could not be read before: a body came, or the program is newer."""
        log = self._logs.get(origin)
        if log is None:
            return
        with self.transaction():
            readings = self.read(entries)
            for table in ("wanted", "aside"):
                self.db.executemany(
                    f"DELETE FROM {table} WHERE log = ? AND idx = ?", [(log, r.index) for r in readings]
                )
            self.take(origin, territory_of(origin), readings)

    def take(self, origin: str, territory: str, readings: Sequence[Reading]) -> None:
        """Write what these entries of a log change. The caller holds the transaction."""
        log = self._log(origin, territory)
        last: dict[bytes, Outcome] = {}
        for reading in readings:
            id_ = reading.about
            if id_ is None or not reading.decides:
                continue
            place = self.place_of(territory_of_id(id_), origin, reading.index)
            if place is not None:
                outcome = Outcome(Position(place, reading.index, log), reading.stated)
                if id_ not in last or last[id_].position < outcome.position:
                    last[id_] = outcome
        current = self.tables.current(last)
        news = {id_: o for id_, o in last.items() if id_ not in current or current[id_].position < o.position}
        self.tables.write(news, current)
        wanted = [(log, reading.index) for reading in readings if reading.wanted]
        self.db.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?)", wanted)
        aside = [(log, reading.index, reading.unreadable) for reading in readings if reading.unreadable is not None]
        self.db.executemany("INSERT OR REPLACE INTO aside VALUES (?, ?, ?)", aside)

    def _log(self, origin: str, territory: str) -> int:
        number = self._logs.get(origin)
        if number is None:
            sql = "INSERT INTO logs (origin, territory, applied, root) VALUES (?, ?, 0, x'') RETURNING log"
            (number,) = self.db.execute(sql, (origin, territory)).fetchone()
            self._logs[origin] = int(number)
            self._origins[int(number)] = origin
        return int(number)

    # --------------------------------------------------------------------------------------------------- who may speak
    def place_of(self, territory: str, origin: str, index: int) -> int | None:
        """The place of a log among those that count for a territory, or None if that entry does not count."""
        for place, (speaker, stop) in enumerate(self.speakers.get(territory, ())):
            if speaker == origin:
                return place if stop is None or index < stop else None
        return None

    def hear(self, speakers: Speakers) -> bool:
        """Let these logs speak from now on; True if anything changed. Cursors of logs that are to be read again go back
        to their beginning; where a log no longer speaks, or an order changed, what it said is forgotten first.
        """
        changed = [
            t
            for t in sorted({*self.speakers, *speakers})
            if list(self.speakers.get(t, ())) != list(speakers.get(t, ()))
        ]
        if not changed:
            return False
        with self.transaction():
            for territory in changed:
                self._change(territory, list(self.speakers.get(territory, ())), list(speakers.get(territory, ())))
            self.db.execute("DELETE FROM speakers")
            self.db.executemany("INSERT INTO speakers VALUES (?, ?, ?, ?)", _speaker_rows(speakers))
        self.speakers = {territory: list(logs) for territory, logs in speakers.items()}
        self.tables.nesting_changed = True  # a town whose log another goes on from has merged into it
        return True

    def _change(self, territory: str, old: list[tuple[str, int | None]], new: list[tuple[str, int | None]]) -> None:
        applied = self.applied()
        added = [origin for origin, _ in new[len(old) :]]
        if [origin for origin, _ in new[: len(old)]] == [origin for origin, _ in old] and all(
            _same_below(before[1], after[1], applied.get(after[0], 0)) for before, after in zip(old, new, strict=False)
        ):
            self._rewind(added)
            return
        born = self.elements_of(territory)
        current = self.tables.current(map(id_of, born))
        self.tables.write({id_of(element): None for element in born}, current)
        self._rewind([origin for origin, _ in {*old, *new}])

    def forget_log(self, origin: str) -> list[ElementId]:
        """The archive holds another history of this log now: read it again from its beginning. Returns the elements
        that it had the last word on, which are to be revised."""
        log = self._logs[origin]
        with self.transaction():
            self._rewind([origin])
        sql = "SELECT id FROM {} WHERE log = ? ORDER BY id"
        rows = [*self.db.execute(sql.format("elements"), (log,)), *self.db.execute(sql.format("withdrawn"), (log,))]
        return [element_of(id_) for (id_,) in rows]

    def _rewind(self, origins: Iterable[str]) -> None:
        """Read these logs again from their beginning; what they said and still say is written once more, harmlessly."""
        for log in sorted(self._logs[origin] for origin in origins if origin in self._logs):
            self.db.execute("UPDATE logs SET applied = 0 WHERE log = ?", (log,))
            self.db.execute("DELETE FROM wanted WHERE log = ?", (log,))
            self.db.execute("DELETE FROM aside WHERE log = ?", (log,))

    def _stored_speakers(self) -> Speakers:
        found: dict[str, list[tuple[str, int | None]]] = {}
        for territory, origin, stop in self.db.execute(
            "SELECT territory, origin, stop FROM speakers ORDER BY 1, place"
        ):
            found.setdefault(territory, []).append((origin, None if stop < 0 else stop))
        return found

    # -------------------------------------------------------------------------------------------------- deciding again
    def histories(self, elements: Iterable[ElementId], archive: HistoryReader) -> dict[ElementId, list[Entry]]:
        """What the archive holds of these elements in the logs that count, oldest first. From a reader's thread."""
        known = dict(self._logs)
        found: dict[ElementId, list[Entry]] = {}
        for element in elements:
            origins = [origin for origin, _ in self.speakers.get(element.territory, ()) if origin in known]
            found[element] = archive.history(element, origins) if origins else []
        return found

    def revise(self, histories: Mapping[ElementId, Sequence[Entry]]) -> None:
        """Decide again what is current for these elements: what their histories say below the cursors."""
        with self.transaction():
            applied = self.applied()
            current = self.tables.current(map(id_of, histories))
            outcomes = {
                id_of(element): self._outcome(element, history, applied) for element, history in histories.items()
            }
            self.tables.write(outcomes, current)

    def _outcome(self, element: ElementId, history: Sequence[Entry], applied: Mapping[str, int]) -> Outcome | None:
        for entry in reversed(history):
            place = self.place_of(element.territory, entry.origin, entry.index)
            if place is None or entry.index >= applied.get(entry.origin, 0):
                continue
            reading = read_entry(entry, self.horizon)
            if reading.decides:
                return Outcome(Position(place, entry.index, self._logs[entry.origin]), reading.stated)
        return None

    # --------------------------------------------------------------------------------------------- what was missed
    def wanted(self) -> dict[str, tuple[int, ...]]:
        """By origin: entries whose body was not there when they were taken in."""
        found: dict[str, list[int]] = {}
        for origin, index in self.db.execute("SELECT origin, idx FROM wanted JOIN logs USING (log) ORDER BY log, idx"):
            found.setdefault(origin, []).append(index)
        return {origin: tuple(indexes) for origin, indexes in found.items()}

    def erasures(self) -> set[tuple[str, int]]:
        """The erasures that this index has followed, as (origin, number)."""
        return set(self.db.execute("SELECT origin, idx FROM erasures").fetchall())

    def follow_erasures(self, erasures: Iterable[tuple[str, int]]) -> None:
        """Remember that these have been followed."""
        with self.transaction():
            self.db.executemany("INSERT OR IGNORE INTO erasures VALUES (?, ?)", erasures)

    def elements_of(self, territory: str) -> list[ElementId]:
        """Every element born in a territory that the tables know of, withdrawn ones too."""
        sql = "SELECT id FROM {} WHERE substr(id, 17) = ? ORDER BY id"
        code = (territory.encode(),)
        rows = [*self.db.execute(sql.format("elements"), code), *self.db.execute(sql.format("withdrawn"), code)]
        return [element_of(id_) for (id_,) in rows]


def _same_below(before: int | None, after: int | None, size: int) -> bool:
    """Whether two bounds of a log let the same entries below `size` count."""
    return min(size if before is None else before, size) == min(size if after is None else after, size)


def _speaker_rows(speakers: Speakers) -> list[tuple[str, int, str, int]]:
    return [
        (territory, place, origin, -1 if stop is None else stop)
        for territory, logs in sorted(speakers.items())
        for place, (origin, stop) in enumerate(logs)
    ]


def progress_of(db: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """`Projection.progress`, of any connection."""
    rows = db.execute("SELECT origin, applied, (SELECT count(*) FROM aside a WHERE a.log = logs.log) FROM logs")
    return {origin: (applied, aside) for origin, applied, aside in rows}
