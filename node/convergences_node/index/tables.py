# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writing elements into the tables of the index, many at a time: the only place that inserts and deletes there.

`write` takes what became of some elements (a state, a withdrawal, nothing at all) and makes the tables say so: first
what was there goes, then what is new comes, each table in the order of its keys. Full-text search in particular writes
a new segment whenever a row comes before the last one, so rows are sorted. Which record is current is decided in
`projection.py`; the caller holds the transaction.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from operator import itemgetter
from typing import Any

import msgspec

from convergences_node.index.bands import band_of
from convergences_node.index.lines import INSERTS, Line, Lines, Position, Stated, Tagged
from convergences_node.index.plan import BROADER, plan_of
from convergences_node.index.row import LISTED, SPANS, tags_in

TAGS_KEPT_MAX = 100_000
"""Tag numbers remembered between transactions; most indexes have a few hundred."""
TAGGED_KEPT_MAX = 4_096
"""Sets of tags, as elements have them, remembered between transactions."""
AT_ONCE = 250
"""Rows or ids asked for in one statement."""

ANYWHERE, UNLISTED = 0, -1
"""The two lines of `counts` that are no territory's."""

KNOWN_FACETS = frozenset({"territory", "kind", "themes"})
"""Facets whose tags `known.py` reads."""
ALIKE = ("predicate", "same_as")
"""The tag of the relations that say that two elements are one, which `known.py` reads too."""

_KEYED_BY_ROW = ("elements", "states", "filed", "cards", "occurrences", "outlines", "edges", "territories")


class Current(msgspec.Struct, frozen=True, gc=False):
    """What the index knows of an element: the record that says so, and the row, or None once it is withdrawn."""

    position: Position
    row: int | None


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of an element: stated, or withdrawn (`stated` is None), by the record at `position`."""

    position: Position
    stated: Stated | None


class Tables:
    """The tables, through the one connection that writes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.nesting_changed = True
        """Whether anything that `known.py` reads was written since somebody last looked and set this to False."""
        self._tags: dict[tuple[str, str], int] = {}
        self._tagged: dict[str, Tagged] = {}
        self._territory_tags: set[int] = set()
        self.rolled_back()

    def rolled_back(self) -> None:
        """Forget numbers that were never written."""
        self._tags.clear()
        self._tagged.clear()
        self._territory_tags = {tag for (tag,) in self.db.execute("SELECT tag FROM tags WHERE facet = 'territory'")}
        self._spans = read_spans(self.db)
        found = self.db.execute("SELECT tag FROM tags WHERE facet = ? AND value = ?", ALIKE).fetchone()
        self._alike: int | None = found and found[0]

    def current(self, ids: Iterable[bytes]) -> dict[bytes, Current]:
        """What is known of each of these elements; nothing for those never heard of."""
        wanted = frozenset(ids)
        found: dict[bytes, Current] = {}
        for id_, row, *position in self._those("elements", "id", "row, place, idx, log", wanted):
            found[id_] = Current(Position(*position), row)
        for id_, *position in self._those("withdrawn", "id", "place, idx, log", wanted):
            found[id_] = Current(Position(*position), None)
        return found

    def _those(self, table: str, key: str, columns: str, wanted: Set[Any]) -> Iterator[Line]:
        """The lines of a table that have one of these keys: the key, then these columns.

        What has just been born comes after all that is there, so most often there is little or nothing between the
        first and the last of them: to look there once costs nothing beside looking for each.
        """
        if not wanted:
            return
        select = f"SELECT {key}, {columns} FROM {table} WHERE {key}"
        ends = (min(wanted), max(wanted), AT_ONCE + 1)
        between = self.db.execute(f"{select} >= ? AND {key} <= ? LIMIT ?", ends).fetchall()
        if len(between) <= AT_ONCE:
            yield from (line for line in between if line[0] in wanted)
            return
        for marks, some in _portions(wanted):
            yield from self.db.execute(f"{select} IN ({marks})", some)

    def write(self, outcomes: Mapping[bytes, Outcome | None], current: Mapping[bytes, Current]) -> None:
        """Make the tables say what became of each element; None: there is nothing left to say of it."""
        counts: Counter[tuple[int, int]] = Counter()
        known = [current[id_] for id_ in outcomes if id_ in current]
        (last,) = self.db.execute("SELECT coalesce(max(row), 0) FROM elements").fetchone()
        gone = list(self._remove([each.row for each in known if each.row is not None], counts))
        self._move_withdrawn(outcomes, current)
        self._change_words(gone, self._insert(outcomes, current, counts), last)
        self._count(counts)

    def _change_words(self, gone: Sequence[Line], states: Sequence[Line], last: int) -> None:
        """Tell full-text search what went, and what came: these lines of `states`, in the order of rows, of which
        `last` was the greatest before. What comes behind that is read where it was just written, and is not brought
        out of Python a second time."""
        behind = bisect_right(states, last, key=itemgetter(0))
        # A row that is replaced goes just before it comes again, in one ascending walk.
        words = [*gone, *((None, *state[:5]) for state in states[:behind])]
        words.sort(key=lambda word: (word[1], word[0] is None))
        self.db.executemany("INSERT INTO words (words, rowid, a, b, c, t) VALUES (?, ?, ?, ?, ?, ?)", words)
        self.db.execute(
            "INSERT INTO words (rowid, a, b, c, t) SELECT row, a, b, c, t FROM states WHERE row > ? ORDER BY row",
            (last,),
        )

    def _move_withdrawn(self, outcomes: Mapping[bytes, Outcome | None], current: Mapping[bytes, Current]) -> None:
        before = [(id_,) for id_ in outcomes if id_ in current and current[id_].row is None]
        self.db.executemany("DELETE FROM withdrawn WHERE id = ?", before)
        now = [(id_, outcome.position) for id_, outcome in outcomes.items() if outcome and outcome.stated is None]
        lines = [(id_, at.place, at.log, at.index) for id_, at in now]
        self.db.executemany("INSERT INTO withdrawn VALUES (?, ?, ?, ?)", lines)

    # ------------------------------------------------------------------------------------------------------- what goes
    def _remove(self, rows: Sequence[int], counts: Counter[tuple[int, int]]) -> Iterator[Line]:
        """Delete rows everywhere but in full-text search, which has to be told the words that go."""
        dated: list[Line] = []
        points: list[Line] = []
        for marks, some in _portions(rows):
            for row, kind, first, lat, lon, tags in self.db.execute(
                f"SELECT row, kind, first, lat, lon, tags FROM elements WHERE row IN ({marks})", some
            ):
                self._note(kind)
                numbers = [int(tag) for tag in tags.split()]
                self.nesting_changed = self.nesting_changed or self._alike in numbers
                for territory in self._territories(numbers):
                    counts.subtract((territory, tag) for tag in numbers)
                if lat is not None:
                    points.append((self.tag("kind", kind), band_of(lat), lon, row))
                if first is not None:
                    # `span` is not stored with the element: all are tried, one of them is there.
                    dated += [(tag, span, first, row) for tag in numbers for span in range(len(SPANS) + 1)]
            yield from self.db.execute(
                f"SELECT 'delete', row, a, b, c, t FROM states WHERE row IN ({marks})", some
            ).fetchall()
        self.db.executemany("DELETE FROM dated WHERE tag = ? AND span = ? AND first = ? AND row = ?", dated)
        self.db.executemany("DELETE FROM points WHERE kind = ? AND band = ? AND lon = ? AND row = ?", points)
        for table in _KEYED_BY_ROW if rows else ():
            self.db.executemany(f"DELETE FROM {table} WHERE row = ?", [(row,) for row in rows])

    # ------------------------------------------------------------------------------------------------------ what comes
    def _insert(
        self,
        outcomes: Mapping[bytes, Outcome | None],
        current: Mapping[bytes, Current],
        counts: Counter[tuple[int, int]],
    ) -> list[Line]:
        """Insert rows everywhere but in full-text search; returns the lines of `states`, which that is to be told."""
        stated = [(outcome.stated, outcome.position) for outcome in outcomes.values() if outcome and outcome.stated]
        rows = self._rows([said for said, _ in stated], current)
        stated.sort(key=lambda each: rows[each[0].row.id])
        lines = Lines()
        counted: Counter[tuple[int, ...]] = Counter()
        for kind in {said.row.kind for said, _ in stated}:
            self._note(kind)
        for said, position in stated:
            tags = self._tagged.get(said.row.tags) or self._tag_all(said.row.tags)
            counted[tags.numbers] += 1
            lines.add(rows[said.row.id], position, said, tags)
        for numbers, n in counted.items():
            self.nesting_changed = self.nesting_changed or self._alike in numbers
            for territory in self._territories(numbers):
                counts.update({(territory, tag): n for tag in numbers})
        for table, some in lines.by_table():
            if some:
                self.db.executemany(INSERTS[table], some)
        self._see_spans({line[0] for line in lines.dated})
        return lines.states

    def _see_spans(self, spans: set[int]) -> None:
        """Remember which classes of `dated` were ever used: the others need not be looked through."""
        if not spans <= self._spans:
            self._spans |= spans
            value = " ".join(map(str, sorted(self._spans)))
            self.db.execute("INSERT OR REPLACE INTO settings VALUES ('spans', ?)", (value,))
            self.nesting_changed = True

    def _rows(self, stated: Sequence[Stated], current: Mapping[bytes, Current]) -> dict[bytes, int]:
        """The row of each element: the one it has, or the first free one from its birth on."""
        ids = [said.row.id for said in stated]
        rows = {id_: row for id_ in ids if id_ in current and (row := current[id_].row) is not None}
        fresh = sorted((said.row.birth, said.row.id) for said in stated if said.row.id not in rows)
        wishes = frozenset(birth for birth, _ in fresh)
        taken = {*rows.values(), *(row for row, _ in self._those("elements", "row", "1", wishes))}
        for birth, id_ in fresh:
            wish = birth
            while wish in taken or (wish != birth and self._is_taken(wish)):
                wish += 1
            taken.add(wish)
            rows[id_] = wish
        return rows

    def _is_taken(self, row: int) -> bool:
        return self.db.execute("SELECT 1 FROM elements WHERE row = ?", (row,)).fetchone() is not None

    def _note(self, kind: str) -> None:
        """Remember that what nests has changed."""
        plan = plan_of(kind)
        if plan.is_territory or (BROADER, False) in plan.mentions:
            self.nesting_changed = True

    # ----------------------------------------------------------------------------------------------------------- tags
    def _tag_all(self, text: str) -> Tagged:
        """The tags of one element, remembered for the next that has the same."""
        if len(self._tagged) >= TAGGED_KEPT_MAX:
            self._tagged.clear()
        tags = tags_in(text)
        found = self._tagged[text] = Tagged.of(tags, [self.tag(*tag) for tag in tags])
        return found

    def tag(self, facet: str, value: str) -> int:
        """The number of a tag, a new one if it has none."""
        key = (facet, value)
        number = self._tags.get(key)
        if number is None:
            found = self.db.execute("SELECT tag FROM tags WHERE facet = ? AND value = ?", key).fetchone()
            if found is None:
                found = self.db.execute("INSERT INTO tags (facet, value) VALUES (?, ?) RETURNING tag", key).fetchone()
                self.nesting_changed = self.nesting_changed or facet in KNOWN_FACETS
            number = int(found[0])
            if len(self._tags) >= TAGS_KEPT_MAX:
                self._tags.clear()
            self._tags[key] = number
            if key == ALIKE:
                self._alike = number
            if facet == "territory":
                self._territory_tags.add(number)
        return number

    def _territories(self, tags: Sequence[int]) -> list[int]:
        """What an element with these tags is counted in: ANYWHERE and each territory it is in; if it is not listed,
        UNLISTED alone, so that counts are of what a question without a kind would find."""
        if self.tag(*LISTED) not in tags:
            return [UNLISTED]
        return [ANYWHERE, *(tag for tag in tags if tag in self._territory_tags)]

    def _count(self, counts: Mapping[tuple[int, int], int]) -> None:
        changes = sorted((territory, tag, n) for (territory, tag), n in counts.items() if n)
        self.db.executemany(
            "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (territory, tag) DO UPDATE SET n = n + excluded.n", changes
        )
        gone = [(territory, tag) for territory, tag, n in changes if n < 0]
        self.db.executemany("DELETE FROM counts WHERE territory = ? AND tag = ? AND n = 0", gone)


def read_spans(db: sqlite3.Connection) -> set[int]:
    """The classes of `dated` that were ever used."""
    found = db.execute("SELECT value FROM settings WHERE name = 'spans'").fetchone()
    return set(map(int, found[0].split())) if found else set()


def _portions(values: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Values by portions, with their question marks; padded to one length, so that SQLite compiles one statement."""
    left = iter(values)
    while some := list(islice(left, AT_ONCE)):
        yield ", ".join("?" * AT_ONCE), some + [None] * (AT_ONCE - len(some))
