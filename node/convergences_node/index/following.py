# SPDX-License-Identifier: AGPL-3.0-or-later
"""Following the archive: new entries, bodies that come late, erasures, and another word of the charter.

Everything that is followed is also found again from the archive's own state, so nothing is lost with a notice that was
missed: entries by the cursors, late bodies by the index's list of wanted ones, erasures by the archive's list.
One catching up at a time; the caller holds the turn.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from convergences_protocol.element import ElementId
from convergences_protocol.erasure import Erasure, read_erasure
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import read_header

from convergences_node.archive.model import BodiesCame, BodiesErased, Entry, Event, LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.index import store
from convergences_node.index.course import Course
from convergences_node.index.keeper import Keeper
from convergences_node.index.occurrences import Horizon
from convergences_node.index.projection import Projection, Speakers
from convergences_node.index.strict_door import Portion
from convergences_node.index.views import Progress

if TYPE_CHECKING:
    from convergences_node.index.reading_ahead import ReadingAhead

T = TypeVar("T")
Report = Callable[[Progress], None]
InWriter = Callable[[Callable[[], Any]], Awaitable[Any]]

BATCH_BYTES_MAX = 1 << 20
"""Headers and bodies taken into the index in one transaction."""
AT_ONCE = 500
"""Late bodies, or elements to decide again about, in one transaction."""
SETTLED_AFTER = 20_000
"""Entries in one catching up after which full-text search is worth packing."""


class ArchiveDoor(Protocol):
    """What the index asks of an archive."""

    async def read(self, ask: Callable[[ArchiveReader], T]) -> T: ...

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]: ...


class Follower:
    """Brings what the keeper writes up to the archive."""

    def __init__(
        self,
        archive: ArchiveDoor,
        keeper: Keeper,
        in_writer: InWriter,
        *,
        helping: bool = False,
        ahead: ReadingAhead | None = None,
    ) -> None:
        """`helping`: as a helper, which settles the index once, at its end, and leaves it to the node to have it serve;
        `ahead` then reads the entries for it."""
        self._archive = archive
        self._keeper = keeper
        self._in_writer = in_writer
        self._helping = helping
        self._ahead = ahead
        self._came: deque[tuple[str, tuple[int, ...]]] = deque()
        self._erased: deque[tuple[str, tuple[int, ...]]] = deque()
        self._missed = True
        """Whether notices may have been missed: at the start, and after a rebuild."""
        self.speakers: Speakers | None = None
        self.course: Course | None = None
        """How far the latest reading of entries is; None before it began."""

    def heard(self, event: Event) -> None:
        """Remember what an event announces until the next catching up."""
        if isinstance(event, BodiesCame):
            self._came.append((event.origin, event.indexes))
        elif isinstance(event, BodiesErased):
            self._erased.append((event.origin, event.indexes))

    def begin_again(self) -> None:
        """The file is another one: what it missed is to be looked for."""
        self._missed, self.course = True, None

    async def catch_up(self, horizon: Horizon, report: Report | None) -> int:
        """Take in all that the archive holds now. Returns how many entries that was."""
        states = await self._archive.read(lambda reader: reader.logs())
        await self._in_writer(lambda: self._hear(states))
        await self._drop_other_histories(states)
        done = await self._take_entries(states, report)
        await self._take_late_bodies()
        await self._forget_erased()
        await self._revise(await self._in_writer(lambda: self._projection.moved_horizon(horizon)))
        self._missed = False
        await self._in_writer(self._keeper.learn)  # before a new file serves, of which it is known
        if self._helping:
            return done
        if self._keeper.rebuilding:
            await self._in_writer(self._keeper.finish)
        elif done >= SETTLED_AFTER:
            await self._in_writer(lambda: store.settle(self._projection.db))
        return done

    @property
    def _projection(self) -> Projection:
        return self._keeper.projection

    # ---------------------------------------------------------------------------------------------------- who speaks
    def _hear(self, states: Sequence[LogState]) -> None:
        """Let the charter's logs speak. Before it is told, what it said last; one's own logs, if it never was."""
        own = own_speakers(states)
        if self.speakers is not None:
            self._projection.hear(self.speakers)
        elif set(self._projection.speakers) <= set(own):
            self._projection.hear(own)

    async def _drop_other_histories(self, states: Sequence[LogState]) -> None:
        """A log that was forked may have been cut back and fetched on from the other branch: read it again."""
        known = await self._in_writer(lambda: self._projection.roots())
        for origin in await self._archive.read(lambda reader: _other_histories(reader, states, known)):
            await self._forget_log(origin)

    async def _forget_log(self, origin: str) -> None:
        await self._revise(await self._in_writer(lambda: self._projection.forget_log(origin)))

    # ------------------------------------------------------------------------------------------------------- entries
    async def _take_entries(self, states: Sequence[LogState], report: Report | None) -> int:
        applied = await self._in_writer(lambda: self._projection.applied())
        course = self._set_out(states, applied)
        done, total = 0, course.total - course.done
        if total >= SETTLED_AFTER and not self._helping:
            await self._in_writer(lambda: store.expect_much(self._projection.db))
        for state in states:
            start = applied.get(state.origin, 0)
            while start < state.size:
                stop = await self._apply(state, await self._portions(state, start))
                course.move(stop - start, time.monotonic())
                done += stop - start
                start = stop
                await self._in_writer(self._keeper.learn)
                if report is not None:
                    report(Progress(done=done, total=max(done, total)))
        return done

    def _set_out(self, states: Sequence[LogState], applied: Mapping[str, int]) -> Course:
        """Begin to take in what there is."""
        before = sum(min(state.size, applied.get(state.origin, 0)) for state in states)
        total = sum(max(0, state.size - applied.get(state.origin, 0)) for state in states)
        self.course = Course.beginning(before, before + total, time.monotonic())
        return self.course

    async def set_out(self) -> Course:
        """The course of another process, which is to take in what the archive holds; it is moved by whoever hears it.
        Who speaks is heard before."""
        states = await self._archive.read(lambda reader: reader.logs())
        await self._in_writer(lambda: self._hear(states))
        return self._set_out(states, await self._in_writer(lambda: self._projection.applied()))

    async def _portions(self, state: LogState, start: int) -> Iterable[Portion]:
        """What is to be made of the next entries of a log, for one transaction."""
        if self._ahead is not None:
            return self._ahead.portions(state.origin, start, state.size, self._projection.horizon)

        def ask(reader: ArchiveReader) -> tuple[list[Entry], bytes]:
            entries = reader.entries(state.origin, start, state.size, bytes_max=BATCH_BYTES_MAX)
            assert entries, f"{state.origin} has {state.size} entries, and none at {start}"
            return entries, reader.root_at(state.origin, entries[-1].index + 1)

        entries, root = await self._archive.read(ask)
        return [(await self._in_writer(lambda: self._projection.read(entries)), root)]

    async def _apply(self, state: LogState, portions: Iterable[Portion]) -> int:
        apply = self._projection.apply
        return int(await self._in_writer(lambda: apply(state.origin, state.territory, portions)))

    # ---------------------------------------------------------------------------------------------------- late bodies
    async def _take_late_bodies(self) -> None:
        if self._missed:
            self._came.extend((await self._in_writer(lambda: self._projection.wanted())).items())
        while self._came:
            origin, indexes = self._came.popleft()
            for some in _portions(indexes):
                await self._look_again(origin, some)

    async def _look_again(self, origin: str, indexes: Sequence[int]) -> None:
        def ask(reader: ArchiveReader) -> list[Entry]:
            return [entry for index in indexes if (entry := reader.entry(origin, index)) is not None]

        entries = await self._archive.read(ask)
        await self._in_writer(lambda: self._projection.look_again(origin, entries))

    # ------------------------------------------------------------------------------------------------------- erasures
    async def _forget_erased(self) -> None:
        """Take erased entries out, and their words out of the file."""
        if not (self._erased or self._missed):
            return
        concerned: set[ElementId] = set()
        while self._erased:
            origin, indexes = self._erased.popleft()
            concerned |= await self._elements_at(origin, indexes)
        followed = await self._in_writer(lambda: self._projection.erasures())
        fresh, named = await self._archive.read(lambda reader: _erasures(reader, followed))
        if await self._revise(sorted(concerned | named)):
            while await self._in_writer(lambda: store.forget(self._projection.db)):
                pass
        await self._in_writer(lambda: self._projection.follow_erasures(fresh))

    async def _elements_at(self, origin: str, indexes: Sequence[int]) -> set[ElementId]:
        return await self._archive.read(lambda reader: _elements(reader.entry(origin, index) for index in indexes))

    async def _revise(self, elements: Iterable[ElementId]) -> int:
        """Decide again what is current for these elements; how many there were."""
        count = 0
        for some in _portions(elements):
            await self._revise_some(some)
            count += len(some)
        return count

    async def _revise_some(self, elements: Sequence[ElementId]) -> None:
        projection = self._projection
        histories = await self._archive.read(lambda reader: projection.histories(elements, reader))
        await self._in_writer(lambda: projection.revise(histories))


def own_speakers(states: Iterable[LogState]) -> Speakers:
    """Without a charter, one's own logs speak for their territory, in the order in which they were opened."""
    found: dict[str, list[tuple[str, int | None]]] = {}
    for state in states:
        if state.own:
            found.setdefault(state.territory, []).append((state.origin, None))
    return found


def _other_histories(
    reader: ArchiveReader, states: Iterable[LogState], known: Mapping[str, tuple[int, bytes]]
) -> list[str]:
    """The logs whose tree is not, or does not extend, the one that was read before."""
    found: list[str] = []
    for state in states:
        applied, root = known.get(state.origin, (0, b""))
        if applied > state.size or (applied and reader.root_at(state.origin, applied) != root):
            found.append(state.origin)
    return found


def _portions(values: Iterable[T]) -> Iterable[list[T]]:
    left = iter(values)
    while some := list(islice(left, AT_ONCE)):
        yield some


def _elements(entries: Iterable[Entry | None]) -> set[ElementId]:
    """The elements that these entries are about."""
    found: set[ElementId] = set()
    for entry in entries:
        try:
            element = read_header(entry.header).element if entry is not None else None
        except Unreadable:
            continue
        if element is not None:
            found.add(element)
    return found


def _erasures(reader: ArchiveReader, followed: set[tuple[str, int]]) -> tuple[list[tuple[str, int]], set[ElementId]]:
    """The erasures in force that were not followed yet, and the elements that they name."""
    fresh: list[tuple[str, int]] = []
    named: set[ElementId] = set()
    for row in reader.erasures():
        if row.state not in ("hidden", "dropped") or (row.origin, row.index) in followed:
            continue
        fresh.append((row.origin, row.index))
        entry = reader.entry(row.origin, row.index)
        if entry is not None:
            named |= _named(reader, entry)
    return fresh, named


def _named(reader: ArchiveReader, entry: Entry) -> set[ElementId]:
    try:
        erasure: Erasure = read_erasure(read_header(entry.header))
    except Unreadable:
        return set()
    if erasure.element is not None:
        return {erasure.element}
    assert erasure.origin is not None
    if reader.log(erasure.origin) is None:
        return set()
    indexes = (index for start, stop in erasure.ranges for index in range(start, stop))
    return _elements(reader.entry(erasure.origin, index) for index in indexes) | _elements(
        found for digest in erasure.digests for found in reader.locate_all(digest)
    )
