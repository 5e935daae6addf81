# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writing elements into the tables of the index, many at a time: the only place that inserts and deletes there.

`write` takes what became of some elements (a state, a withdrawal, nothing at all) and makes the tables say so: first
what was there goes, then what is new comes, each table in the order of its keys. Full-text search in particular writes
a new segment whenever a row comes before the last one, so rows are sorted. Which record is current is decided in
`projection.py`; the caller holds the transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from convergences_node.index.row import LISTED, SPANS, Row

TAG_SIGN = "\ue000"
"""A private-use sign: FTS5 takes it for a letter and the normaliser never gives it, so that no text contains a tag."""
TAGS_KEPT_MAX = 100_000
"""Tag numbers remembered between transactions; most indexes have a few hundred."""
AT_ONCE = 250
"""Ids asked for in one statement."""

ANYWHERE, UNLISTED = 0, -1
"""The two rows of `counts` that are no territory's."""

# Tags by which elements are listed in the order of their dates; other facets are checked on the element itself.
DATED_FACETS = frozenset({LISTED[0], "kind", "territory", "territory kind", "themes"})


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Which record speaks, in the order in which later ones have the last word: the place of its log among the
    territory's speakers, and its number in that log."""

    place: int
    index: int
    log: int


@dataclass(frozen=True, slots=True)
class Current:
    """What the index knows of an element: the record that says so, and the row, or None once it is withdrawn."""

    position: Position
    row: int | None


@dataclass(frozen=True, slots=True)
class Stated:
    """A readable record, ready to be stored."""

    row: Row
    digest: bytes
    author: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an element: stated, or withdrawn (`stated` is None), by the record at `position`."""

    position: Position
    stated: Stated | None


class Tables:
    """The tables, through the one connection that writes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._tags: dict[tuple[str, str], int] = {}
        self._territory_tags: set[int] = set()
        self._learn_territories()

    def rolled_back(self) -> None:
        """Forget numbers that were never written."""
        self._tags.clear()
        self._learn_territories()

    def _learn_territories(self) -> None:
        self._territory_tags = {tag for (tag,) in self.db.execute("SELECT tag FROM tags WHERE facet = 'territory'")}

    def current(self, ids: Iterable[bytes]) -> dict[bytes, Current]:
        """What is known of each of these elements; nothing for those never heard of."""
        found: dict[bytes, Current] = {}
        wanted = iter(ids)
        while some := list(islice(wanted, AT_ONCE)):
            marks, values = _marks(some)
            for id_, row, *position in self.db.execute(
                f"SELECT id, row, place, idx, log FROM elements WHERE id IN ({marks})", values
            ):
                found[id_] = Current(Position(*position), row)
            for id_, *position in self.db.execute(
                f"SELECT id, place, idx, log FROM withdrawn WHERE id IN ({marks})", values
            ):
                found[id_] = Current(Position(*position), None)
        return found

    def write(self, outcomes: Mapping[bytes, Outcome | None], current: Mapping[bytes, Current]) -> None:
        """Make the tables say what became of each element; None: there is nothing left to say of it."""
        counts: Counter[tuple[int, int]] = Counter()
        gone = [known.row for id_ in outcomes if (known := current.get(id_)) and known.row is not None]
        words = list(self._remove(gone, counts))
        tombstones = [(id_,) for id_ in outcomes if (known := current.get(id_)) and known.row is None]
        self.db.executemany("DELETE FROM withdrawn WHERE id = ?", tombstones)
        withdrawn = [(id_, o.position) for id_, o in outcomes.items() if o is not None and o.stated is None]
        self.db.executemany(
            "INSERT INTO withdrawn VALUES (?, ?, ?, ?)", [(id_, p.place, p.log, p.index) for id_, p in withdrawn]
        )
        stated = {id_: outcome for id_, outcome in outcomes.items() if outcome is not None and outcome.stated}
        words += self._insert(stated, current, counts)
        # A row that is replaced goes just before it comes again, in one ascending walk.
        words.sort(key=lambda word: (word[1], word[0] is None))
        self.db.executemany("INSERT INTO words (words, rowid, a, b, c, t) VALUES (?, ?, ?, ?, ?, ?)", words)
        self._count(counts)

    # ------------------------------------------------------------------------------------------------------- what goes
    def _remove(self, rows: Sequence[int], counts: Counter[tuple[int, int]]) -> Iterator[tuple[Any, ...]]:
        """Delete rows everywhere but in full-text search, which has to be told the words that go."""
        if not rows:
            return
        dated: list[tuple[int, int, int, int]] = []
        for start in range(0, len(rows), AT_ONCE):
            marks, values = _marks(rows[start : start + AT_ONCE])
            for row, first, tags in self.db.execute(
                f"SELECT row, first, tags FROM elements WHERE row IN ({marks})", values
            ):
                numbers = [int(tag) for tag in tags.split()]
                for territory in self._territories(numbers):
                    counts.subtract((territory, tag) for tag in numbers)
                if first is not None:
                    # `span` is not stored with the element: all are tried, one of them is there.
                    dated += [(tag, span, first, row) for tag in numbers for span in range(len(SPANS) + 1)]
            yield from self.db.execute(
                f"SELECT 'delete', row, a, b, c, t FROM states WHERE row IN ({marks})", values
            ).fetchall()
        self.db.executemany("DELETE FROM dated WHERE tag = ? AND span = ? AND first = ? AND row = ?", dated)
        for table in ("elements", "states", "occurrences", "outlines", "edges", "territories"):
            self.db.executemany(f"DELETE FROM {table} WHERE row = ?", [(row,) for row in rows])

    # ------------------------------------------------------------------------------------------------------ what comes
    def _insert(
        self, stated: Mapping[bytes, Outcome], current: Mapping[bytes, Current], counts: Counter[tuple[int, int]]
    ) -> list[tuple[Any, ...]]:
        """Insert rows everywhere but in full-text search; returns what that is to be told."""
        rows = self._rows(stated, current)
        elements, states, words, dated, outlines = [], [], [], [], []
        occurrences, edges, territories = [], [], []
        for id_, outcome in sorted(stated.items(), key=lambda item: rows[item[0]]):
            said, at, number = outcome.stated, outcome.position, rows[id_]
            assert said is not None
            row = said.row
            tags = [self.tag(*tag) for tag in row.tags]
            for territory in self._territories(tags):
                for tag in tags:
                    counts[territory, tag] += 1
            spaced = f" {' '.join(map(str, tags))} "
            elements.append(
                (number, id_, row.kind, at.place, at.log, at.index, row.first, row.last)
                + (int(row.occurrences is not None), row.began, row.ended, row.lat, row.lon, row.name_key, spaced)
            )
            text = (row.a, row.b, row.c, " ".join([*[f"{TAG_SIGN}{tag}" for tag in tags], *row.cells]))
            states.append((number, *text, said.digest, said.author, said.time, row.fields))
            words.append((None, number, *text))
            if row.first is not None:
                dated += self._dated(row, number, tags)
            if (box := row.outline) is not None:
                outlines.append((number, box.west, box.south, box.east, box.north))
            occurrences += [(number, *moment) for moment in row.occurrences or ()]
            edges += [(number, e.subject, e.predicate, e.object, e.began, e.ended) for e in row.edges]
            if (facts := row.territory) is not None:
                lists = [json.dumps(list(names)) for names in (facts.within, facts.former_names, facts.former_codes)]
                territories.append((number, facts.code, facts.name, *lists))
        dated.sort()
        for table, columns, given in (
            ("elements", 15, elements),
            ("states", 9, states),
            ("dated", 5, dated),
            ("outlines", 5, outlines),
            ("occurrences", 3, occurrences),
            ("edges", 6, edges),
            ("territories", 6, territories),
        ):
            if given:
                self.db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})", given)
        return words

    def _dated(self, row: Row, number: int, tags: Sequence[int]) -> Iterator[tuple[int, int, int, int, int]]:
        assert row.first is not None
        assert row.last is not None
        lasts = row.last - row.first
        span = sum(lasts > limit for limit in SPANS) if row.occurrences is None else len(SPANS)
        for tag, (facet, _) in zip(tags, row.tags, strict=True):
            if facet in DATED_FACETS:
                yield tag, span, row.first, number, row.last

    def _rows(self, stated: Mapping[bytes, Outcome], current: Mapping[bytes, Current]) -> dict[bytes, int]:
        """The row of each element: the one it has, or the first free one from its birth on."""
        rows = {id_: known.row for id_ in stated if (known := current.get(id_)) and known.row is not None}
        fresh = [
            (outcome.stated.row.birth, id_) for id_, outcome in stated.items() if id_ not in rows and outcome.stated
        ]
        fresh.sort()
        taken = set(rows.values())
        for start in range(0, len(fresh), AT_ONCE):
            marks, values = _marks([birth for birth, _ in fresh[start : start + AT_ONCE]])
            taken.update(row for (row,) in self.db.execute(f"SELECT row FROM elements WHERE row IN ({marks})", values))
        for birth, id_ in fresh:
            wish = birth
            while wish in taken or (wish != birth and self._is_taken(wish)):
                wish += 1
            taken.add(wish)
            rows[id_] = wish
        return rows

    def _is_taken(self, row: int) -> bool:
        return self.db.execute("SELECT 1 FROM elements WHERE row = ?", (row,)).fetchone() is not None

    # ----------------------------------------------------------------------------------------------------------- tags
    def tag(self, facet: str, value: str) -> int:
        """The number of a tag, a new one if it has none."""
        number = self._tags.get((facet, value))
        if number is None:
            key = (facet, value)
            found = self.db.execute("SELECT tag FROM tags WHERE facet = ? AND value = ?", key).fetchone()
            if found is None:
                found = self.db.execute("INSERT INTO tags (facet, value) VALUES (?, ?) RETURNING tag", key).fetchone()
            number = int(found[0])
            if len(self._tags) >= TAGS_KEPT_MAX:
                self._tags.clear()
            self._tags[key] = number
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
        self.db.executemany(
            "DELETE FROM counts WHERE territory = ? AND tag = ? AND n = 0", [(w, t) for w, t, n in changes if n < 0]
        )


def _marks(values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Question marks for `values`, padded to one length so that SQLite compiles the statement once."""
    padded = [*values, *(None for _ in range(AT_ONCE - len(values)))]
    return ", ".join("?" * AT_ONCE), padded
