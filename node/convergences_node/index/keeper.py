# SPDX-License-Identifier: AGPL-3.0-or-later
"""The files of the index: which one is written, which one is read, and how a new one takes the old one's place.

Called from the one thread that writes. A file that cannot serve is replaced by one that is built beside it
(`index.new.db`) and renamed when it is whole; a rebuild that was interrupted goes on from its cursors. Questions are
answered from the old file as long as it can, else the new one as far as it has come.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from convergences_node.allocating import give_back
from convergences_node.index import store
from convergences_node.index.known import Known, read_known
from convergences_node.index.normalise import forget_words
from convergences_node.index.occurrences import Horizon
from convergences_node.index.projection import Projection
from convergences_node.index.row import forget_rows
from convergences_node.read_only import why_read_only

log = logging.getLogger(__name__)

NEW_ENTRIES_MAX = 2
"""An archive with no more than its opening and its territory is new: that it has no index is not worth a line."""


class Keeper:
    """Owns the connection that writes, and what it projects with."""

    def __init__(self, folder: Path, bytes_max: int | None = None) -> None:
        """`bytes_max`: how large the file may become. What would make it larger fails with SQLITE_FULL."""
        self._bytes_max = bytes_max
        self._path = folder / store.INDEX_NAME
        self._beside = folder / store.REBUILD_NAME
        self._serving = self._path
        self._moving = threading.Lock()
        self.generation = 0
        """Changes with the file that serves: a reader that sees another one opens it again."""
        self.projection: Projection
        self.known = Known(territory_tags={})

    @property
    def rebuilding(self) -> bool:
        """Whether what is written is not yet what `index.db` is to be."""
        return self.projection.path == self._beside

    def is_to_stay(self, generation: int) -> bool:
        """Whether the file of this generation serves, and no other one is being made to take its place."""
        return generation == self.generation and not (self.rebuilding and self._serving != self._beside)

    def open_reader(self) -> tuple[sqlite3.Connection, int]:
        """A connection to the file that serves, and the generation it is of. From any thread."""
        with self._moving:
            return store.open_reader(self._serving), self.generation

    def start(self, sizes: Mapping[str, int], horizon: Horizon) -> None:
        """Open the index, or begin one. `sizes`: how far the archive's logs go."""
        try:
            db = _fit(self._path, sizes, self._bytes_max)
            if why_read_only(self._path.parent) is None:
                store.remove(self._beside)
            self.projection = Projection(db, self._path, horizon)
        except store.UnfitError as unfit:
            if sum(sizes.values()) > NEW_ENTRIES_MAX:
                log.warning("index rebuilt from the archive: %s", unfit)
            self.projection = self._continue(sizes, horizon)
            self._serving = self._beside
        self.learn()

    def _continue(self, sizes: Mapping[str, int], horizon: Horizon) -> Projection:
        """A rebuild: the one that was interrupted, if that can be gone on with."""
        try:
            return Projection(_fit(self._beside, sizes, self._bytes_max), self._beside, horizon)
        except store.UnfitError:
            return Projection(store.create(self._beside, self._bytes_max), self._beside, horizon)

    def rebuild(self, horizon: Horizon) -> None:
        """Begin a new file. The one that serves goes on doing so, as well as it can."""
        speakers = self.projection.speakers
        self.projection.db.close()
        with self._moving:
            # If it was this file that served, its readers keep what they have open, and find the new one next.
            db = store.create(self._beside, self._bytes_max)
            self.generation += 1
        self.projection = Projection(db, self._beside, horizon)
        self.projection.hear(speakers)

    def leave_new(self) -> None:
        """There is no room for a new file beside one that serves: that one goes on, and is written again. Raises
        `store.UnfitError` if it cannot be."""
        self.projection.db.close()
        store.remove(self._beside)
        self.take_over(self._path.name, self.projection.horizon)

    def leave_old(self) -> bool:
        """Make room for a new file by the old one, which is of no use to this program; whether there was one."""
        is_there = self.rebuilding and self._serving == self._beside and self._path.exists()
        if is_there:
            store.remove(self._path)
        return is_there

    def finish(self, *, settle: bool = True) -> None:
        """The new file is whole, or as far as it gets: it takes the old one's place."""
        horizon, known = self.projection.horizon, self.known
        if settle:
            store.settle(self.projection.db)
        store.fold(self.projection.db)  # the log beside it is not renamed with it
        self.projection.db.close()
        with self._moving:
            store.remove(self._path)
            self._beside.rename(self._path)
            store.remove(self._beside)
            db = store.open_writer(self._path, check=False, bytes_max=self._bytes_max)
            self._serving = self._path
            self.generation += 1
        self.projection, self.known = Projection(db, self._path, horizon), known
        _forget()  # pages and rows of a whole index lay between what stays

    def rest(self) -> None:
        """Keep no page of the file in memory until it is written in again, nor what made writing fast."""
        store.rest(self.projection.db)
        _forget()

    def let_go(self) -> str:
        """Let another process write the file that is written here; its name."""
        self.projection.db.close()
        return self.projection.path.name

    def take_back(self) -> None:
        """Write again, after another process has. Raises `store.UnfitError` if what it left cannot be trusted."""
        self.projection.db.close()  # whoever was to let go of it may have been interrupted
        self.take_over(self.projection.path.name, self.projection.horizon)
        with suppress(sqlite3.OperationalError):  # a full card: it is said again when much was written
            store.expect_little(self.projection.db)  # whoever expected much may have been stopped before it was done

    def take_over(self, name: str, horizon: Horizon) -> None:
        """Write this file, which nobody else does now. Raises `store.UnfitError` if it cannot be."""
        path = self._path.with_name(name)
        db = store.open_writer(path, check=False, bytes_max=self._bytes_max)
        try:
            self.projection = Projection(db, path, horizon)
            self.projection.tables.nesting_changed = True
            self.learn()
        except sqlite3.DatabaseError as error:
            db.close()
            raise store.UnfitError("torn", str(error)) from error

    def learn(self) -> None:
        """Look again at how territories and themes nest, if that may have changed."""
        if self.projection.tables.nesting_changed:
            self.projection.tables.nesting_changed = False
            self.known = read_known(self.projection.db)

    def close(self) -> None:
        self.projection.db.close()


def _forget() -> None:
    forget_words()
    forget_rows()
    give_back()


def _fit(path: Path, sizes: Mapping[str, int], bytes_max: int | None = None) -> sqlite3.Connection:
    """The index at `path` if it can serve: an index that has read further than the archive goes is of another one."""
    db = store.open_writer(path, bytes_max=bytes_max)
    ahead = [origin for origin, n in db.execute("SELECT origin, applied FROM logs") if n > sizes.get(origin, 0)]
    if ahead:
        db.close()
        raise store.UnfitError("ahead", f"it has read more of {ahead[0]} than the archive holds")
    return db


def can_serve(folder: Path, sizes: Mapping[str, int]) -> bool:
    """Whether the index in this folder serves as it is."""
    try:
        _fit(folder / store.INDEX_NAME, sizes).close()
    except store.UnfitError:
        return False
    return True
