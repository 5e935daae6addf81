# SPDX-License-Identifier: AGPL-3.0-or-later
"""A large index is made by a process of its own: the same index, told as it goes, and made here where that fails."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
import threading
from copy import copy

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.index import helping, store
from convergences_node.index import index as index_module
from convergences_node.index.following import Follower
from convergences_node.index.index import Index
from convergences_node.index.keeper import Keeper
from convergences_node.index.occurrences import Horizon
from convergences_node.index.projection import Projection
from convergences_node.index.views import Progress

from .clubs import RECORDS, archive, count, opened

__all__ = ["archive"]

WITHIN_S = 300
"""The helper runs only while nobody else would."""


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large here."""
    monkeypatch.setattr(index_module, "RECORDS_FOR_HELPER", RECORDS)


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries this process has read for an index."""
    count = [0]
    really_read = Projection.read

    def read(self: Projection, entries: list[object]) -> object:
        count[0] += len(entries)
        return really_read(self, entries)  # type: ignore[arg-type]

    monkeypatch.setattr(Projection, "read", read)
    return count


@pytest.mark.usefixtures("large")
async def test_a_large_new_index_is_made_by_a_process_of_its_own(archive: Archive, read_here: list[int]) -> None:
    steps: list[Progress] = []
    async with asyncio.timeout(WITHIN_S), await opened(archive) as index:
        assert index.rebuilding
        assert await index.catch_up(steps.append) == RECORDS + 1
        assert not index.rebuilding
        assert not (archive.folder / store.REBUILD_NAME).exists()
        assert await count(index) == 200
        assert read_here == [0]
        assert steps[-1] == Progress(done=RECORDS + 1, total=RECORDS + 1)
        await archive.append([NewRecord("actor", {"name": "Chorale", "type": "association"})])
        assert await index.catch_up() == 1
        assert (await count(index, "chorale"), read_here) == (1, [1])


@pytest.mark.usefixtures("large")
async def test_the_old_file_serves_while_a_reindex_is_made_beside(archive: Archive, read_here: list[int]) -> None:
    async with asyncio.timeout(WITHIN_S), await opened(archive) as index:
        await index.catch_up()
        seen: list[tuple[int, int]] = []
        found: list[asyncio.Task[int]] = []

        def report(step: Progress) -> None:
            course = copy(index.course)
            assert course is not None
            seen.append((course.done, course.total))
            found.append(asyncio.create_task(count(index)))

        assert await index.reindex(report) == RECORDS + 1
        assert await asyncio.gather(*found) == [200] * len(found)
        assert seen[-1] == (RECORDS + 1, RECORDS + 1)
        assert read_here == [0]
        assert (await index.coverage())[0].applied == RECORDS + 1


@pytest.mark.usefixtures("large")
async def test_others_logs_are_heard_before_it_begins(
    archive: Archive, read_here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever follows is told by the charter who speaks; until then a new index waits, so that it is made once."""
    made: list[int] = []
    really_catch_up = Follower.catch_up

    async def catch_up(self: Follower, *asked: object) -> int:
        made.append(1)
        return await really_catch_up(self, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(Follower, "catch_up", catch_up)
    async with asyncio.timeout(WITHIN_S), await opened(archive, follow=True) as index:
        for _ in range(20):
            await asyncio.sleep(0)
        assert index.rebuilding
        assert made == []
        await index.follow(None)
        await _rebuilt(index)
        assert (await count(index), read_here, made) == (200, [0], [1])


@pytest.mark.usefixtures("large")
async def test_where_it_cannot_be_started_the_node_makes_its_index_itself(
    archive: Archive, read_here: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", str(archive.folder / "python"))
    with caplog.at_level(logging.WARNING):
        async with await opened(archive) as index:
            assert await index.catch_up() == RECORDS + 1
            assert await count(index) == 200
    assert read_here == [RECORDS + 1]
    assert "the process that makes the new index is of no help: " in caplog.text


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("begun", [False, True], ids=["before it begins", "once it got somewhere"])
async def test_where_it_is_killed_the_node_goes_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """As by a system that is short of memory; what it had not committed is taken in again."""

    def kill(self: helping.Helper) -> None:
        self._process.kill()

    killed: list[int] = []

    def report(step: Progress) -> None:
        if begun and not killed:
            killed.append(step.done)
            kill(started[0])

    started: list[helping.Helper] = []
    really_begin = helping.Helper.begin

    def begin(self: helping.Helper) -> None:
        started.append(self)
        really_begin(self) if begun else kill(self)

    monkeypatch.setattr(helping.Helper, "begin", begin)
    async with asyncio.timeout(WITHIN_S), await opened(archive) as index:
        await index.catch_up(report)
        assert started
        assert not started[0].running
        assert bool(killed) == begun
        assert not index.rebuilding
        assert (await index.coverage())[0].applied == RECORDS + 1
        assert await count(index) == 200


@pytest.mark.usefixtures("large")
async def test_one_that_says_nothing_any_more_is_ended(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(helping, "SILENCE_SECONDS_MAX", -1.0)
    monkeypatch.setattr(helping.Helper, "begin", lambda self: None)  # it has nothing to say, and does not end
    monkeypatch.setattr(helping.Helper, "finish", lambda self: None)
    async with await opened(archive) as index:
        await index.catch_up()
        assert await count(index) == 200
    assert "nothing heard of it for -1 s" in caplog.text


@pytest.mark.usefixtures("large")
async def test_a_node_that_stops_takes_it_along(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on when it is started again."""
    started: list[helping.Helper] = []
    there = asyncio.Event()

    def never_begin(self: helping.Helper) -> None:
        started.append(self)
        there.set()

    with monkeypatch.context() as waiting:
        waiting.setattr(helping.Helper, "begin", never_begin)
        waiting.setattr(helping.Helper, "finish", lambda self: None)
        index = await opened(archive, follow=True)
        await index.follow(None)
        async with asyncio.timeout(WITHIN_S):
            await there.wait()
            await index.close()
        assert not started[0].running
    async with asyncio.timeout(WITHIN_S), await opened(archive) as index:
        assert index.rebuilding
        await index.catch_up()
        assert await count(index) == 200


@pytest.mark.usefixtures("large")
async def test_what_it_leaves_torn_is_made_again(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def tear(self: helping.Helper) -> None:
        (archive.folder / store.REBUILD_NAME).write_bytes(b"torn" * 4_000)

    async with asyncio.timeout(WITHIN_S), await opened(archive) as index:
        with monkeypatch.context() as tearing:
            tearing.setattr(helping.Helper, "ended", tear)
            with pytest.raises(store.UnfitError):
                await index.catch_up()
        assert "what it was lent to left it so" in caplog.text
        await index.catch_up()
        assert not index.rebuilding
        assert await count(index) == 200


@pytest.mark.usefixtures("large")
async def test_a_node_that_stops_does_not_make_again_what_is_torn(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start does: this one is to end."""
    torn = asyncio.Event()

    def tear(self: helping.Helper) -> None:
        (archive.folder / store.REBUILD_NAME).write_bytes(b"torn" * 4_000)
        torn.set()

    monkeypatch.setattr(helping.Helper, "begin", tear)
    monkeypatch.setattr(helping.Helper, "finish", lambda self: None)
    index = await opened(archive, follow=True)
    await index.follow(None)
    async with asyncio.timeout(WITHIN_S):
        await torn.wait()
        await index.close()
    assert index.rebuilding


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["let_go", "take_back"])
async def test_a_reindex_that_is_interrupted_is_gone_on_with(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By the node, when its operator's terminal no longer waits for it; whatever it was about to do."""
    async with asyncio.timeout(WITHIN_S), await opened(archive, follow=True) as index:
        await index.follow(None)
        await _rebuilt(index)
        loop, there, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        really = getattr(Keeper, name)

        def slowly(self: Keeper) -> object:
            loop.call_soon_threadsafe(there.set)
            go_on.wait(WITHIN_S)
            return really(self)

        with monkeypatch.context() as slow:
            slow.setattr(Keeper, name, slowly)
            asked = asyncio.create_task(index.reindex())
            await there.wait()
            asked.cancel()
            go_on.set()
            await asyncio.wait([asked])
        assert asked.cancelled()
        await _rebuilt(index)
        assert await count(index) == 200


@pytest.mark.usefixtures("large")
async def test_an_old_file_that_cannot_be_read_is_made_again_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many questions fail on it until the new one takes its place."""
    made: list[int] = []
    really_rebuild, really_ended = Keeper.rebuild, helping.Helper.ended

    def rebuild(self: Keeper, horizon: Horizon) -> None:
        made.append(1)
        really_rebuild(self, horizon)

    def unreadable(db: sqlite3.Connection) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorname = "SQLITE_CORRUPT"
        raise error

    async def ask(index: Index) -> None:
        with pytest.raises(sqlite3.DatabaseError):
            await index.ask(unreadable)

    async with asyncio.timeout(WITHIN_S), await opened(archive) as index:

        async def ended(self: helping.Helper) -> None:
            await ask(index)
            await really_ended(self)

        await index.catch_up()
        monkeypatch.setattr(Keeper, "rebuild", rebuild)
        monkeypatch.setattr(helping.Helper, "ended", ended)
        await ask(index)
        await index.catch_up()
        await index.catch_up()
        assert made == [1]
        await ask(index)
        await index.catch_up()
        assert made == [1, 1]


async def _rebuilt(index: Index) -> None:
    while index.rebuilding:  # noqa: ASYNC110 - nothing tells from outside
        await asyncio.sleep(0.01)
