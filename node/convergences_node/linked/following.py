# SPDX-License-Identifier: AGPL-3.0-or-later
"""The process that writes the store: `python -m convergences_node.linked.following <node's folder>`, once for each time
that it is to catch up with the index.

It reads the index, and cannot write it; what it writes are the statements of `surfaces/pair.py`, the same as in every
other document, each in the graph of the log that says so. Others go first; it takes its memory with it when it ends,
and may be killed at any moment: what it had not finished is found again.

A node that is killed leaves it at its work until it next says how far it is; the next node's waits for that.

It makes the whole store anew, beside the old one, when that was made by another program, for another address, from an
index that numbers its logs otherwise or a log that was cut back, and when something was erased for good: a store keeps
every text that was ever in it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pyoxigraph
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError

from convergences_node.archive.reader import ArchiveReader
from convergences_node.index import store as index_store
from convergences_node.index.listing import Listing, listing_of_elements
from convergences_node.index.row import id_of
from convergences_node.linked import layout
from convergences_node.linked.changes import Followed
from convergences_node.web import dates
from convergences_node.web.surfaces.graphs import quads_of
from convergences_node.web.surfaces.pair import Reader

VERSION = 2
"""Changes with anything that changes which statements are made of a record."""
PORTION = 200
BULK_PORTION = 2_000
"""Elements that are loaded at once into a new store: ten times as many take twice the memory and a tenth less time."""
NICE = 10
"""Pages go first; but what is to be forgotten does not wait until nobody else has anything to do."""
ROUNDS_MAX = 5
"""The index moves while it is followed; after so many rounds the rest is left to the next time."""

Tell = Callable[[int, int], None]
"""How many elements are done, of how many."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the node tells this process."""

    base: str
    zone: str
    now: int
    anew: bool = False
    """Make the store anew, whatever is there."""


def follow(node: Path, told: Told, tell: Tell = lambda done, total: None) -> int:
    """Bring the store of a node's folder up to its index; returns how many elements were written or taken out.
    Raises `LocalError` if there is no index of this program's."""
    index = node / index_store.INDEX_NAME
    _check(index)
    folder, beside = node / layout.FOLDER, node / layout.FOLDER_NEW
    with _alone(node):
        shutil.rmtree(beside, ignore_errors=True)
        facts = _facts(node, index, told)
        if not told.anew and _fits(node, folder, index, facts):
            return _catch_up(folder, index, told, facts, tell)
        done = _catch_up(beside, index, told, facts, tell)
        layout.swap(beside, folder)
    return done


@contextmanager
def _alone(node: Path) -> Iterator[None]:
    """While no other process writes the store: the folder itself is locked (flock(2)), which needs no file."""
    descriptor = os.open(node, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check(index: Path) -> None:
    try:
        with index_store.open_reader(index) as db:
            found = db.execute("SELECT value FROM settings WHERE name = 'version'").fetchone()
    except sqlite3.DatabaseError:
        found = None
    if found is None or found[0] != index_store.program_version():
        raise LocalError(f"{index} is not an index of this program's", hint="convergences reindex")


def _facts(node: Path, index: Path, told: Told) -> dict[str, str]:
    """What a store depends on besides its elements."""
    with index_store.open_reader(index) as db:
        logs = {
            str(log): (origin, applied) for log, origin, applied in db.execute("SELECT log, origin, applied FROM logs")
        }
    archive = ArchiveReader.open(node)
    try:
        roots = {origin: (n, archive.root_at(origin, n).hex()) for origin, n in logs.values() if n}
        dropped = sum(1 for row in archive.erasures("dropped") if row.weight)
    finally:
        archive.close()
    return {
        "version": f"{VERSION}.{index_store.program_version()}.{pyoxigraph.__version__}",
        "base": told.base,
        "zone": told.zone,
        "dropped": str(dropped),
        "logs": json.dumps({log: origin for log, (origin, _) in logs.items()}),
        "roots": json.dumps(roots),
    }


def _fits(node: Path, folder: Path, index: Path, facts: dict[str, str]) -> bool:
    """Whether the store that is there can be gone on with."""
    if not (folder / layout.FOLLOWED).exists() or layout.snapshot(folder) is None:
        return False
    with Followed(folder / layout.FOLLOWED, index) as followed:
        before = {name: followed.setting(name) for name in facts}
    if any(before[name] != facts[name] for name in ("version", "base", "zone", "dropped")):
        return False
    if not json.loads(before["logs"] or "{}").items() <= json.loads(facts["logs"]).items():
        return False
    return _extends(node, json.loads(before["roots"] or "{}"), json.loads(facts["roots"]))


def _extends(node: Path, before: dict[str, tuple[int, str]], now: dict[str, tuple[int, str]]) -> bool:
    """Whether every log goes on from what was read of it."""
    archive = ArchiveReader.open(node)
    try:
        return all(
            origin in now and size <= now[origin][0] and archive.root_at(origin, size).hex() == root
            for origin, (size, root) in before.items()
        )
    finally:
        archive.close()


def _catch_up(folder: Path, index: Path, told: Told, facts: dict[str, str], tell: Tell) -> int:
    is_new = not folder.exists()
    folder.mkdir(mode=0o700, exist_ok=True)
    done = 0
    with Followed(folder / layout.FOLLOWED, index) as followed, index_store.open_reader(index) as db:
        written = Written(pyoxigraph.Store(str(folder / layout.STORE)), db, told, is_new)
        for _ in range(ROUNDS_MAX):
            total = done + followed.find(told.now)
            if total == done:
                break
            for some in followed.touched(BULK_PORTION if written.bulk else PORTION):
                followed.done(*written.write(some))
                done += len(some)
                tell(done, total)
            written.bulk = False
        for name, value in facts.items():
            followed.remember(name, value)
        if done or is_new:
            written.settle(is_new)
            name = layout.next_snapshot()
            written.store.backup(str(folder / name))
            layout.put_current(folder, layout.Current(name, told.base, told.now))
    return done


class Written:
    """The store, while it is written."""

    def __init__(self, store: pyoxigraph.Store, db: sqlite3.Connection, told: Told, bulk: bool) -> None:
        self.store = store
        self.bulk = bulk
        """Whether it is still empty of what is written: nothing has to be taken out first."""
        self._db = db
        self._now = told.now
        self._reader = Reader(told.base, dates.zone(None, told.zone))

    def write(self, elements: Sequence[ElementId]) -> tuple[list[ElementId], list[ElementId], list[tuple[int, int]]]:
        """Say of these elements what the index says now, and no more of those that it has no longer. Returns which are
        here, which are gone, and by which records they are."""
        if not self.bulk:
            for element in elements:
                self._take_out(pyoxigraph.NamedNode(self._reader.address(str(element))))
        marks: dict[str, tuple[int, int]] = {}
        lines = b"".join(line for some in self._portions(elements, marks) for line in quads_of(some, self._reader))
        (self.store.bulk_load if self.bulk else self.store.load)(lines, pyoxigraph.RdfFormat.N_QUADS)
        here = [element for element in elements if str(element) in marks]
        gone = [element for element in elements if str(element) not in marks]
        return here, gone, [marks[str(element)] for element in here]

    def _portions(self, elements: Sequence[ElementId], marks: dict[str, tuple[int, int]]) -> Iterator[Listing]:
        """These elements as they are now, and where the records of each are: both of one moment of the index."""
        for start in range(0, len(elements), PORTION):
            some = elements[start : start + PORTION]
            self._db.execute("BEGIN")
            found = listing_of_elements(self._db, some, self._now)
            marks.update(_marks(self._db, some))
            self._db.execute("COMMIT")
            yield found

    def _take_out(self, subject: pyoxigraph.NamedNode | pyoxigraph.BlankNode) -> None:
        """All that is said of a thing, and of the things without a name inside it."""
        for quad in list(self.store.quads_for_pattern(subject, None, None, None)):
            self.store.remove(quad)
            if isinstance(quad.object, pyoxigraph.BlankNode):
                self._take_out(quad.object)

    def settle(self, is_new: bool) -> None:
        """Bring all of it to the disk; a new store is packed, once."""
        if is_new:
            self.store.optimize()
        self.store.flush()


def _marks(db: sqlite3.Connection, elements: Sequence[ElementId]) -> Iterator[tuple[str, tuple[int, int]]]:
    marks = ", ".join("?" * len(elements))
    by_id = {id_of(element): str(element) for element in elements}
    for id_, log, idx in db.execute(f"SELECT id, log, idx FROM elements WHERE id IN ({marks})", list(by_id)):  # noqa: S608 - question marks
        yield by_id[id_], (log, idx)


def main() -> None:
    """Catch up, and say how far it is: a line of JSON for each portion, and one at the end."""
    os.nice(NICE)
    told = msgspec.json.decode(sys.stdin.buffer.readline(), type=Told)

    def tell(done: int, total: int) -> None:
        _say({"done": done, "total": total})

    try:
        _say({"elements": follow(Path(sys.argv[1]), told, tell)})
    except LocalError as error:
        _say({"error": str(error), "hint": error.hint})


def _say(line: dict[str, Any]) -> None:
    """Say it to the node. Where that is gone, end at once: what is not finished is found again by the next one, which
    waits for this process alone (`_alone`), and would find the store still locked if that were let go of before it."""
    try:
        print(json.dumps(line), flush=True)
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main()
