# SPDX-License-Identifier: AGPL-3.0-or-later
"""Projection and search, in this process, beside the same rows and questions in the SQL that Datasette would be given.

`python -m benchmarks.search [--records N] [--seconds S] [--keep FOLDER]`. Both files are built from the same elements,
then each question is asked of both in turn, with the same random values.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from convergences_node.index import store
from convergences_node.index.answering import answer, facets
from convergences_node.index.card import SaidBy
from convergences_node.index.known import read_known
from convergences_node.index.lines import Stated
from convergences_node.index.occurrences import Horizon
from convergences_node.index.projection import Projection
from convergences_node.index.row import make_row
from convergences_node.index.strict_door import Reading

from benchmarks.figures import Figure, show, write
from benchmarks.questions import questions
from benchmarks.territory import DATES, TOWNS, Made, elements

CHUNK = 5_000
COUNTS = (100_000, 1_000_000)
ORIGIN = "convergences/{}/0000000000000000"
REFERENCE_SCHEMA = """
create table records(id integer primary key, kind text, territory text, start text, lat real, lon real, title text,
  text text, theme1 text, themes text);
create virtual table records_fts using fts5(title, text, content='records', content_rowid='id',
  tokenize="unicode61 remove_diacritics 2");
create virtual table geo using rtree(id, minx, maxx, miny, maxy);
create table record_themes(theme text, id int, primary key(theme, id)) without rowid;
"""
REFERENCE_INDEXES = (
    "insert into records_fts(records_fts) values('rebuild')",
    "create index r1 on records(territory, kind, start)",
    "create index r2 on records(kind, start)",
    "create index r3 on records(start)",
    "create index r4 on records(theme1, start)",
    "analyze",
)


def build(path: Path, count: int) -> float:
    """An index of `count` elements, through the projection's own path from fields on. Returns how many a cpu second."""
    db = store.create(path)
    projection = Projection(db, path, Horizon.around(1_780_000_000))
    projection.hear({town: [(ORIGIN.format(town), None)] for town in TOWNS})
    store.expect_much(db)
    source = elements(count)
    spent = 0.0
    numbers = dict.fromkeys(TOWNS, 0)
    while made := list(islice(source, CHUNK)):
        by_town: dict[str, list[Made]] = {}
        for each in made:
            by_town.setdefault(each.element.territory, []).append(each)
        begun = time.process_time()
        with projection.transaction():
            for town, some in sorted(by_town.items()):
                readings = []
                for each in some:
                    said_by = SaidBy(ORIGIN.format(town), numbers[town], 1_780_000_000)
                    row = make_row(each.element, each.kind, each.fields, projection.horizon, said_by)
                    stated = Stated(row, bytes(32), bytes(32), 1_780_000_000)
                    readings.append(Reading(numbers[town], row.id, stated))
                    numbers[town] += 1
                projection.take(ORIGIN.format(town), town, readings)
        spent += time.process_time() - begun
    begun = time.process_time()
    store.settle(db)
    spent += time.process_time() - begun
    db.close()
    return count / spent


def build_reference(path: Path, count: int) -> float:
    """The tables of peers/datasette, with the same elements."""
    store.remove(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=off")
    db.executescript(REFERENCE_SCHEMA)
    source, number = elements(count), 0
    begun = time.perf_counter()
    while made := list(islice(source, CHUNK)):
        rows, themes, points = [], [], []
        for each in made:
            lat, lon = (value / 1e7 for value in each.fields["location"])
            start, name, text = each.fields[DATES[each.kind]], each.fields["name"], each.fields["summary"]
            rows.append((number, each.type, each.element.territory, start, lat, lon, name, text, each.themes[0]))
            themes += [(theme, number) for theme in each.themes]
            points.append((number, lon, lon, lat, lat))
            number += 1
        db.execute("begin")
        db.executemany("insert into records values(?,?,?,?,?,?,?,?,?,'')", rows)
        db.executemany("insert into record_themes values(?,?)", themes)
        db.executemany("insert into geo values(?,?,?,?,?)", points)
        db.execute("commit")
    for statement in REFERENCE_INDEXES:
        db.execute(statement)
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    return count / (time.perf_counter() - begun)


Timed = Callable[[int], object]


@dataclass
class Taken:
    """How long each call took by the clock on the wall, and how much processor all of them."""

    wall: list[float] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def mean(self) -> float:
        """Processor seconds a call: on a shared machine the wall's clock counts the neighbours' work too."""
        return self.cpu / len(self.wall)

    def late(self) -> float:
        """The 99th percentile by the clock on the wall, in milliseconds."""
        return sorted(self.wall)[min(len(self.wall) - 1, int(len(self.wall) * 0.99))] * 1e3


def again(work: Timed, seconds: float, taken: Taken) -> None:
    """Call `work` again and again, for so many seconds."""
    end = time.perf_counter() + seconds
    spent = time.process_time()
    while (begun := time.perf_counter()) < end:
        work(len(taken.wall) * 97 + 5)
        taken.wall.append(time.perf_counter() - begun)
    taken.cpu += time.process_time() - spent


def ask(path: Path, reference: Path, count: int, seconds: float, rounds: int = 2) -> list[Figure]:
    """Each question of both, in turn."""
    ours, theirs = store.open_reader(path), sqlite3.connect(f"file:{reference}?mode=ro", uri=True)
    known = read_known(ours)
    found: list[Figure] = []
    for name in questions(0):

        def our(seed: int, name: str = name) -> object:
            question = questions(seed)[name]
            ours.execute("BEGIN")
            try:
                if question.facets:
                    return facets(ours, question.query, known)
                return answer(ours, question.query, known, ())
            finally:
                ours.execute("ROLLBACK")

        def their(seed: int, name: str = name) -> object:
            question = questions(seed)[name]
            rows = theirs.execute(question.sql, question.values)
            columns = [column[0] for column in rows.description]
            return json.dumps([dict(zip(columns, row, strict=True)) for row in rows])

        nothing, mine, reference_taken = Taken(), Taken(), Taken()
        again(questions, 0.2, nothing)
        for _ in range(rounds):
            again(our, seconds / rounds, mine)
            again(their, seconds / rounds, reference_taken)
        found += _figures(f"{name}, of {count:,}", mine, reference_taken, nothing.mean)
    return found


def _figures(name: str, mine: Taken, theirs: Taken, nothing: float) -> list[Figure]:
    """Questions a second of processor (without what making up a question takes), and the 99th percentile."""
    rate, reference = (1 / max(taken.mean - nothing, 1e-7) for taken in (mine, theirs))
    late = mine.late()
    return [
        Figure(name, rate, "a cpu second", reference, "plain SQL"),
        Figure(f"{name}: p99", late, "ms", theirs.late(), "plain SQL", "< 100", late < 100),
    ]


def prepare(count: int, folder: Path) -> tuple[Path, Path, list[Figure]]:
    """Both files of `count` elements in `folder`, built unless they are there."""
    ours, reference = folder / f"index-{count}.db", folder / f"reference-{count}.db"
    found: list[Figure] = []
    if not ours.exists():
        rate = build(ours, count)
        found.append(Figure(f"project {count:,} elements", rate, "a cpu second", None, "", ">= 10,000", rate >= 10_000))
    if not reference.exists():
        build_reference(reference, count)
    sizes = [path.stat().st_size / count for path in (ours, reference)]
    found.append(Figure(f"index of {count:,} elements", sizes[0], "bytes each", sizes[1], "plain SQL"))
    return ours, reference, found


def measure(folder: Path, counts: Sequence[int] = COUNTS, seconds: float = 2.0) -> Iterator[Figure]:
    """In this process beside plain SQL; by HTTP beside Datasette: `search_http.py`."""
    folder.mkdir(parents=True, exist_ok=True)
    for count in counts:
        ours, reference, found = prepare(count, folder)
        yield from found
        yield from ask(ours, reference, count, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--seconds", type=float, default=2.0, help="of each question, for either")
    parser.add_argument("--keep", type=Path, help="keep the files here, and use those of an earlier run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        figures = list(measure(folder, options.records, options.seconds))
    show(figures)
    write(figures, "search")


if __name__ == "__main__":
    main()
