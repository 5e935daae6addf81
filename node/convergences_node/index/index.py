# SPDX-License-Identifier: AGPL-3.0-or-later
"""The index of a node, as the rest of it sees it: questions are awaited, and the archive is followed by itself.

Promises:
- Questions are answered from the local file, in threads of their own, and never wait for writing or for the network.
- What the archive announces is searchable soon after; `catch_up` returns once all that it then held is.
- The charter decides which logs count for which territory (`follow`); without one, one's own logs do.
- A file that is missing, torn, of another version or ahead of the archive is built again by itself, beside the old one
  if that can still serve, and takes its place when it is whole. `rebuilding` says so meanwhile.
- Nothing here is the truth: to delete `index.db` loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from convergences_protocol.charter import Charter
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import read_header

from convergences_node.archive.model import BodiesCame, BodiesErased, EpochOpened, Event, LogGrew, LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.index import answering, store
from convergences_node.index import element as elements
from convergences_node.index.coverage import coverage_of, territory_views
from convergences_node.index.history import revisions_of
from convergences_node.index.known import Known, read_known
from convergences_node.index.occurrences import Horizon
from convergences_node.index.projection import Projection, Speakers
from convergences_node.index.query import Query
from convergences_node.index.views import (
    Answer,
    Coverage,
    ElementView,
    Facets,
    Progress,
    Revision,
    TerritoryView,
    Walk,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

READERS = 3
"""Threads that answer; SQLite leaves the interpreter free while it searches, and a Pi has four cores."""
BATCH_BYTES_MAX = 1 << 20
"""Headers and bodies taken into the index in one transaction."""
BATCH_BODIES_MAX = 1_000
"""Late bodies and erased entries dealt with in one transaction."""


class ArchiveDoor(Protocol):
    """What the index asks of an archive."""

    async def read(self, ask: Callable[[ArchiveReader], T]) -> T: ...

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]: ...


Report = Callable[[Progress], None]


class Index:
    """One node's index, opened. Make it with `open`; `close` it before the archive."""

    def __init__(self, folder: Path, archive: ArchiveDoor, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._archive = archive
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="index-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="index-reader")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._serving = folder / store.INDEX_NAME
        self._generation = 0
        self._known = Known(territory_tags={})
        self._coverage: tuple[Coverage, ...] = ()
        self._projection: Projection
        self._speakers: Speakers | None = None
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._bodies: deque[tuple[str, tuple[int, ...]]] = deque()
        self._erased: deque[tuple[str, tuple[int, ...]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self.rebuilding = False
        self.patience: Callable[[], Awaitable[None]] | None = None
        """Awaited before each catching up: a backlog that is arriving may be let in before it is searched."""

    # ------------------------------------------------------------------------------------------------ opening, closing
    @classmethod
    async def open(
        cls, folder: Path, archive: ArchiveDoor, *, clock: Callable[[], float] = time.time, follow: bool = True
    ) -> Index:
        """Open the index in `folder`, or begin a new one. `follow=False`: it only moves when `catch_up` is called."""
        index = cls(folder, archive, clock)
        states = await archive.read(lambda reader: reader.logs())
        await index._in_writer(lambda: index._start({state.origin: state.size for state in states}))
        await index._refresh()
        index._unsubscribe = archive.subscribe(index._heard)
        if follow:
            index._wake.set()
            index._task = asyncio.create_task(index._follow_archive(), name="index")
        return index

    def _start(self, sizes: dict[str, int]) -> None:
        horizon = Horizon.around(int(self._clock()))
        path = self.folder / store.INDEX_NAME
        try:
            db = store.open_writer(path)
            ahead = {o: n for o, n in db.execute("SELECT origin, applied FROM logs") if n > sizes.get(o, 0)}
            if ahead:
                db.close()
                raise store.Unfit("ahead", f"it has read further than the archive goes: {ahead}")
        except store.Unfit as unfit:
            log.warning("index rebuilt: %s", unfit)
            path.unlink(missing_ok=True)
            db = self._begin_rebuild()
            self._serving = self.folder / store.REBUILD_NAME
        self._projection = Projection(db, horizon)
        self._projection.prepare()
        self._known = read_known(db)

    def _begin_rebuild(self) -> sqlite3.Connection:
        """A new file beside the one that serves; one that an earlier start had begun is continued by its cursors."""
        self.rebuilding = True
        return store.create(self.folder / store.REBUILD_NAME)

    async def close(self) -> None:
        """Stop following, wait for what is running, let the files go."""
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        async with self._turn:
            await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
        self._projection.db.close()

    async def __aenter__(self) -> Index:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # ------------------------------------------------------------------------------------------------------- questions
    async def search(self, query: Query) -> Answer:
        """One page of what matches, with how fresh and whole it is."""
        return await self._ask(lambda db: answering.answer(db, query, self._known, self._coverage))

    async def facets(self, query: Query) -> Facets:
        """How many matches have each value of each facet."""
        return await self._ask(lambda db: answering.facets(db, query, self._known))

    async def element(self, element: str, at: str | None = None) -> ElementView | None:
        """An element with its relations (at a date); None if it is not here, or no longer. ValueError: not an id."""
        wanted = ElementId.parse(element)
        return await self._ask(lambda db: elements.element_view(db, wanted, self._known, at))

    async def walk(self, element: str, *, depth: int = 1, at: str | None = None) -> Walk:
        """What is related to an element by at most `depth` steps."""
        wanted = ElementId.parse(element)
        return await self._ask(lambda db: elements.walk(db, wanted, self._known, at, depth))

    async def history(self, element: str) -> list[Revision]:
        """Every record about an element, oldest first, those that do not count too. From the archive."""
        wanted = ElementId.parse(element)
        speakers = dict(self._projection.speakers)
        return await self._archive.read(lambda reader: revisions_of(reader, wanted, speakers))

    async def territories(self) -> list[TerritoryView]:
        """The territories known here, by code, with how fresh and whole each is."""
        return await self._ask(lambda db: territory_views(db, self._known, self._coverage))

    async def coverage(self) -> list[Coverage]:
        """How fresh and how whole each log is."""
        await self._refresh()
        return list(self._coverage)

    # ------------------------------------------------------------------------------------------------------- following
    async def follow(self, charter: Charter | None) -> None:
        """Let this charter decide which logs count. Call it whenever the charter has changed; returns when it applies."""
        speakers = None
        if charter is not None:
            speakers = {territory: list(charter.counts(territory)) for territory in _territories(charter)}
        self._speakers = speakers
        await self.catch_up()

    async def catch_up(self, report: Report | None = None) -> int:
        """Take in all that the archive holds now. Returns how many entries that was."""
        async with self._turn:
            return await self._catch_up(report)

    async def reindex(self, report: Report | None = None) -> int:
        """Build the index again beside the one that serves, which then makes way. Returns how many entries were read."""
        async with self._turn:
            await self._in_writer(self._rebuild_beside)
            return await self._catch_up(report)

    def _rebuild_beside(self) -> None:
        speakers, horizon = self._projection.speakers, Horizon.around(int(self._clock()))
        self._projection.db.close()
        self._projection = Projection(self._begin_rebuild(), horizon)
        self._projection.prepare()
        self._projection.hear(speakers)

    async def _follow_archive(self) -> None:
        while True:
            await self._wake.wait()
            try:
                if self.patience is not None:
                    await self.patience()
                self._wake.clear()
                await self.catch_up()
            except sqlite3.DatabaseError:
                # Torn while it was open: begin again rather than answer from a file that cannot be trusted.
                log.exception("index rebuilt: its file failed while it was written")
                await self._restart()
            except Exception:
                log.exception("the index could not follow the archive; it will try again at the next change")

    async def _restart(self) -> None:
        async with self._turn:
            await self._in_writer(self._rebuild_beside)
        self._wake.set()

    def _heard(self, event: Event) -> None:
        if isinstance(event, BodiesCame):
            self._bodies.append((event.origin, event.indexes))
        elif isinstance(event, BodiesErased):
            self._erased.append((event.origin, event.indexes))
        elif not isinstance(event, LogGrew | EpochOpened):
            return
        self._wake.set()

    async def _catch_up(self, report: Report | None) -> int:
        states = await self._archive.read(lambda reader: reader.logs())
        await self._in_writer(lambda: self._projection.hear(self._speakers or _own_speakers(states)))
        applied = await self._in_writer(self._projection.applied)
        done, total = 0, sum(max(0, state.size - applied.get(state.origin, 0)) for state in states)
        for state in states:
            start = applied.get(state.origin, 0)
            while start < state.size:
                begin = start
                start = await self._apply(state, begin)
                done += start - begin
                if report is not None:
                    report(Progress(done=done, total=total))
        await self._look_again()
        await self._forget()
        if self.rebuilding:
            await self._in_writer(self._swap)
        if done or self._known is None:
            await self._in_writer(self._learn)
        await self._refresh()
        return done

    async def _apply(self, state: LogState, start: int) -> int:
        """One batch of one log."""
        entries = await self._archive.read(
            lambda reader: reader.entries(state.origin, start, state.size, bytes_max=BATCH_BYTES_MAX)
        )
        assert entries, f"{state.origin} has {state.size} entries, and none at {start}"
        return await self._in_writer(lambda: self._projection.apply(state.origin, state.territory, start, entries))

    async def _look_again(self) -> None:
        """Read late bodies."""
        while self._bodies:
            origin, indexes = self._bodies.popleft()
            for first in range(0, len(indexes), BATCH_BODIES_MAX):
                some = indexes[first : first + BATCH_BODIES_MAX]
                entries = await self._archive.read(
                    lambda reader, some=some, origin=origin: [e for i in some if (e := reader.entry(origin, i))]
                )
                await self._in_writer(
                    lambda entries=entries, origin=origin: self._projection.look_again(origin, entries)
                )

    async def _forget(self) -> None:
        """Take erased entries out, and their words out of the file."""
        concerned: set[ElementId] = set()
        while self._erased:
            origin, indexes = self._erased.popleft()
            concerned |= await self._archive.read(
                lambda reader, origin=origin, indexes=indexes: _elements_at(reader, origin, indexes)
            )
        if concerned:
            await self._archive.read(lambda reader: self._in_writer_now(lambda: self._revise(concerned, reader)))
            await self._in_writer(lambda: store.forget(self._projection.db))

    def _revise(self, concerned: set[ElementId], reader: ArchiveReader) -> None:
        with self._projection.transaction():
            self._projection.revise(sorted(concerned), reader)

    def _swap(self) -> None:
        """The new file is whole: it takes the old one's place."""
        db, speakers, horizon = self._projection.db, self._projection.speakers, self._projection.horizon
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        path, built = self.folder / store.INDEX_NAME, self.folder / store.REBUILD_NAME
        store.remove(path)
        built.rename(path)
        store.remove(built)
        self._projection = Projection(store.open_writer(path), horizon)
        assert self._projection.speakers == speakers
        self._serving = path
        self._generation += 1
        self.rebuilding = False

    def _learn(self) -> None:
        self._known = read_known(self._projection.db)

    async def _refresh(self) -> None:
        applied = await self._in_writer(self._projection.progress)
        self._coverage = await self._archive.read(lambda reader: coverage_of(reader, applied, self._known))

    # --------------------------------------------------------------------------------------------------------- threads
    async def _in_writer(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _in_writer_now(self, work: Callable[[], T]) -> T:
        """From another thread, which waits: the archive's reader stays on its snapshot meanwhile."""
        return self._writer.submit(work).result()

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, question)

    def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Answer on this thread's own connection, and on one state of the file."""
        db = self._reader()
        db.execute("BEGIN")
        try:
            return question(db)
        finally:
            db.execute("ROLLBACK")

    def _reader(self) -> sqlite3.Connection:
        generation = self._generation
        if getattr(self._local, "generation", None) != generation:
            if (old := getattr(self._local, "db", None)) is not None:
                self._connections.remove(old)
                old.close()
            self._local.db = store.open_reader(self._serving)
            self._local.generation = generation
            self._connections.append(self._local.db)
        found: sqlite3.Connection = self._local.db
        return found


def _territories(charter: Charter) -> Sequence[str]:
    return charter.territories()


def _own_speakers(states: Sequence[LogState]) -> Speakers:
    """Without a charter, one's own logs speak for their territory, in the order in which they were opened."""
    found: dict[str, list[tuple[str, int | None]]] = {}
    for state in states:
        if state.own:
            found.setdefault(state.territory, []).append((state.origin, None))
    return found


def _elements_at(reader: ArchiveReader, origin: str, indexes: Sequence[int]) -> set[ElementId]:
    """The elements that these entries are about."""
    found: set[ElementId] = set()
    for index in indexes:
        entry = reader.entry(origin, index)
        try:
            element = read_header(entry.header).element if entry else None
        except Unreadable:
            continue
        if element is not None:
            found.add(element)
    return found
