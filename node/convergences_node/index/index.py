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
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from convergences_protocol.charter import Charter
from convergences_protocol.errors import Fault

from convergences_node.archive.model import BodiesCame, BodiesErased, EpochOpened, Event, LogGrew
from convergences_node.faults import NotNow, words_of
from convergences_node.index import store
from convergences_node.index.course import Course
from convergences_node.index.coverage import Covered, coverage_of
from convergences_node.index.following import ArchiveDoor, Follower, Report, own_speakers
from convergences_node.index.helping import RECORDS_FOR_HELPER, helping
from convergences_node.index.in_memory import Place, is_full, placed
from convergences_node.index.keeper import Keeper
from convergences_node.index.known import read_known
from convergences_node.index.occurrences import Horizon
from convergences_node.index.projection import Speakers, progress_of
from convergences_node.index.questions import Questions
from convergences_node.index.readers import Readers
from convergences_node.index.views import Coverage, Progress
from convergences_node.read_only import refusal

log = logging.getLogger(__name__)
T = TypeVar("T")

COVERAGE_SECONDS = 5.0
"""How old the coverage beside an answer may be: it changes with every cosignature."""

QUIET_SECONDS = 30.0
"""Without anything to take in, after which memory is given back."""


class Index(Questions):
    """One node's index, opened. Make it with `open`; `close` it before the archive."""

    def __init__(self, place: Place, archive: ArchiveDoor, clock: Callable[[], float]) -> None:
        self.folder, self._read_only = place.folder, place.read_only
        self._is_in_memory = place.bytes_max is not None
        self._clock = clock
        keeper = Keeper(place.folder, place.bytes_max)
        super().__init__(archive, keeper, Readers(keeper, self._unreadable))
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="index-writer")
        self._follower = Follower(archive, keeper, self._in_writer)
        self._covered_at = 0.0
        self._covering: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._torn = False
        self._goes_back = False
        """Whether the file that serves is whole, and can go on if there is no room for the one that is made beside."""
        self._left_unfit: store.UnfitError | None = None
        self._lent = False
        self._changes = 0
        self.patience: Callable[[], Awaitable[None]] | None = None
        """Awaited before each catching up: a backlog that is arriving may be let in before it is searched."""

    # ------------------------------------------------------------------------------------------------ opening, closing
    @classmethod
    async def open(
        cls,
        folder: Path,
        archive: ArchiveDoor,
        *,
        clock: Callable[[], float] = time.time,
        follow: bool = True,
        read_only: str | None = None,
    ) -> Index:
        """Open the index in `folder`, or begin a new one, which waits until it is told who speaks (`follow`): it would
        have to read the others' logs twice. `follow=False`: it only moves when `catch_up` is called.

        `read_only`, why nothing can be written to the folder: what is there serves as it is. If it cannot, or is behind
        the archive, another one is kept in memory, as far as there is room.
        """
        states = await archive.read(lambda reader: reader.logs())
        sizes = {state.origin: state.size for state in states}
        index = cls(await asyncio.to_thread(placed, folder, sizes, read_only), archive, clock)
        await index._in_writer(lambda: index._keeper.start(sizes, index._horizon()))
        await index._refresh()
        index._unsubscribe = archive.subscribe(index._heard)
        if follow and index._read_only is None:
            if not index.rebuilding:
                index._wake.set()
            index._task = asyncio.create_task(index._follow_archive(), name="index")
        return index

    @property
    def rebuilding(self) -> bool:
        """Whether a new file is being built: answers are not whole yet, or come from the old one."""
        return self._keeper.rebuilding

    @property
    def course(self) -> Course | None:
        """How far a rebuild is; None while there is none, or before it began to read."""
        return self._follower.course if self.rebuilding else None

    @property
    def version(self) -> int | None:
        """See `Questions.version`."""
        is_moving = self._turn.locked() or self._wake.is_set() or self._lent or self._torn or self.rebuilding
        return None if is_moving else self._changes

    def _horizon(self) -> Horizon:
        return Horizon.around(int(self._clock()))

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
        self._readers.close()
        self._keeper.close()

    async def __aenter__(self) -> Index:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # ------------------------------------------------------------------------------------------------------- following
    async def follow(self, charter: Charter | None) -> None:
        """Let this charter decide which logs count. Call it whenever it has changed; returns when it applies, but for a
        rebuild, which goes on."""
        speakers: Speakers | None = None
        if charter is not None:
            speakers = {territory: list(charter.counts(territory)) for territory in charter.territories()}
        if charter is None:
            speakers = own_speakers(await self._archive.read(lambda reader: reader.logs()))
        self._follower.speakers = speakers
        if self._task is not None and (self.rebuilding or self._is_in_memory):
            self._wake.set()  # a node does not wait for a rebuild to begin its day: this is heard when it is done
        else:
            await self.catch_up()

    async def catch_up(self, report: Report | None = None) -> int:
        """Take in all that the archive holds now. Returns how many entries that was."""
        if self._read_only is not None:
            await self._refresh()
            return 0
        async with self._in_turn():
            if self._torn:
                await self._rebuild()
            return await self._catch_up(report)

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """One at a time. What nobody waits for any more is gone on with by the one who follows the archive."""
        async with self._turn:
            try:
                yield
            except asyncio.CancelledError:
                self._wake.set()
                raise
            except (sqlite3.DatabaseError, store.UnfitError) as error:
                if store.is_without_room(error) and not self._is_in_memory:
                    await self._make_room(error)
                raise

    async def _make_room(self, error: Exception) -> None:
        """A card without room for a new index is not to be filled by it: then nobody could write any more. Raises
        `NotNow` where the old one goes on."""
        if not self._goes_back:
            if await self._in_writer(self._keeper.leave_old):
                log.warning("there was no room for a new index: the old one, of another version, has made way")
                self._wake.set()
            return
        self._goes_back = self._torn = False
        self._follower.begin_again()
        await self._in_writer(self._keeper.leave_new)
        self._changes += 1
        self._wake.set()
        raise NotNow("no room for a new index beside the one that serves", fault=Fault("", "card_full")) from error

    async def lend(self, work: Callable[[Speakers], Awaitable[None]]) -> bool:
        """Have the file written by somebody else while `work` runs; questions go on being answered from it.

        `work` is given the logs that speak. Everything that would write here waits. False, at once, while a rebuild
        is under way.
        """
        async with self._turn:
            if self.rebuilding or self._torn or self._read_only is not None:
                return False
            async with self._lending():
                await work(dict(self._keeper.projection.speakers))
        return True

    @asynccontextmanager
    async def _lending(self) -> AsyncIterator[str]:
        """While somebody else writes the file of this name. If what is left of it cannot be trusted, it is torn."""
        self._lent = True
        try:
            yield await self._in_writer(self._keeper.let_go)
        finally:
            await self._take_back()

    async def _take_back(self) -> None:
        """Raises nothing of its own: in the place of a cancellation, it would keep the node from stopping."""
        try:
            await self._in_writer(self._keeper.take_back)
        except store.UnfitError as unfit:
            log.warning("index rebuilt from the archive: what it was lent to left it so: %s", unfit)
            self._torn, self._left_unfit = True, unfit
            self._wake.set()
        finally:
            self._lent = False
            self._changes += 1

    async def reindex(self, report: Report | None = None) -> int:
        """Build the index again beside the one that serves, which then makes way. Returns how many entries it read."""
        if self._read_only is not None or self._is_in_memory:
            raise refusal(self._read_only or "the index is in memory")
        async with self._in_turn():
            self._goes_back = not self._torn and not self.rebuilding
            await self._rebuild()
            return await self._catch_up(report)

    async def _rebuild(self) -> None:
        self._torn = True  # until there is a new file: what a card that fails interrupts is begun again
        await self._in_writer(lambda: self._keeper.rebuild(self._horizon()))
        self._torn = False
        self._follower.begin_again()

    async def _catch_up(self, report: Report | None) -> int:
        self._wake.clear()  # all that was heard so far is taken in now
        try:
            made = await self._have_made(report) if self.rebuilding and not self._is_in_memory else 0
            done = made + await self._follower.catch_up(self._horizon(), report)
        except sqlite3.DatabaseError as error:
            if not (self._is_in_memory and is_full(error)):
                self._tear(error)
                raise
            done = await self._leave_it_at_that()
        except store.UnfitError:
            self._torn = True  # what was made again cannot be read back
            raise
        finally:
            self._changes += 1
        self._goes_back = self._goes_back and self.rebuilding
        await self._refresh()
        return done

    async def _have_made(self, report: Report | None) -> int:
        """Let a process of its own make most of a large new index; how many entries it took in.

        Whatever it leaves undone is done here. Raises `store.UnfitError` if what it left cannot be trusted.
        """
        course = await self._follower.set_out()
        before = course.done
        if course.total - before < RECORDS_FOR_HELPER:
            return 0

        def got_further(done: int) -> None:
            course.move(before + done - course.done, time.monotonic())
            if report is not None:
                report(Progress(done=done, total=course.total - before))

        try:
            async with self._lending() as name, helping(self.folder, got_further) as helper:
                await helper.tell(name, self._keeper.projection.speakers, self._archive, int(self._clock()))
                helper.begin()
                helper.finish()
                await helper.ended()
        except (OSError, TimeoutError) as error:
            log.warning("the process that makes the new index is of no help: %s", words_of(error))
        if self._torn:
            cause, self._left_unfit = self._left_unfit, None
            raise store.UnfitError("torn", "it is made once more") from (cause.__cause__ if cause else None)
        return course.done - before

    async def _leave_it_at_that(self) -> int:
        """There is no room for more, and on a card that takes no write nothing more comes."""
        log.warning("the index in memory has no room for all records: those that it has are searched")
        self._read_only = "no room in memory"
        if self.rebuilding:
            await self._in_writer(lambda: self._keeper.finish(settle=False))
        return 0

    async def _follow_archive(self) -> None:
        rested = self._changes
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                if rested != self._changes:
                    rested = self._changes
                    await self._rest()
                continue
            try:
                if self.patience is not None:
                    await self.patience()
                self._wake.clear()
                await self.catch_up()
            except Exception:
                log.exception("the index could not follow the archive; it will try again at the next change")

    async def _rest(self) -> None:
        """Nothing more comes: what was kept in memory to write fast is given back."""
        async with self._turn:
            try:
                await self._in_writer(self._keeper.rest)
            except sqlite3.DatabaseError as error:
                self._tear(error)

    def _heard(self, event: Event) -> None:
        self._changes += 1
        self._follower.heard(event)
        if isinstance(event, LogGrew | EpochOpened | BodiesCame | BodiesErased):
            self._wake.set()

    def _unreadable(self, error: sqlite3.DatabaseError, generation: int) -> None:
        """A question could not read its file. One that makes way already is not to have the new one made again."""
        if self._keeper.is_to_stay(generation):
            self._tear(error)
        elif _is_torn(error):
            self._goes_back = False

    def _tear(self, error: sqlite3.DatabaseError) -> None:
        """A file that fails while it is used is not trusted any more: it is built again at the next catching up."""
        if not self._torn and _is_torn(error):
            log.warning("index rebuilt from the archive: torn: %s", error)
            self._torn = True
            self._wake.set()

    async def coverage(self) -> list[Coverage]:
        """How fresh and how whole each log is."""
        await self._refresh()
        return list(self._covered.lines)

    async def _refresh(self) -> None:
        if self._torn:
            return  # what was known of it last stands, until it is made again
        if self._lent:
            # Whoever writes meanwhile does not tell: it is read from the file.
            progress = await self.ask(progress_of)
            self._keeper.known = await self.ask(read_known)
        else:
            progress = await self._in_writer(lambda: self._keeper.projection.progress())
        known = self._keeper.known
        coverage = await self._archive.read(lambda reader: coverage_of(reader, progress, known))
        if coverage != self._covered.lines:
            self._changes += 1
            self._covered = Covered.of(coverage)
        self._covered_at = time.monotonic()

    def _cover(self) -> None:
        """See `Questions._cover`."""
        if time.monotonic() - self._covered_at > COVERAGE_SECONDS and (not self._covering or self._covering.done()):
            self._covering = asyncio.create_task(self._refresh(), name="index coverage")

    # --------------------------------------------------------------------------------------------------------- threads
    async def _in_writer(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)


def _is_torn(error: sqlite3.DatabaseError) -> bool:
    """Whether it is the file's fault."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR"))
