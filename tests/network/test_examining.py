# SPDX-License-Identifier: AGPL-3.0-or-later
"""The signatures of a backlog are checked by processes: the same verdicts, whatever happens to the processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from convergences_node.checkers import PROCESSES
from convergences_node.network import examining
from convergences_node.network.examining import Examiners
from convergences_protocol.element import ElementId
from convergences_protocol.keys import SigningKey
from convergences_protocol.merkle import Frontier, leaf_hashes
from convergences_protocol.record import author_record
from convergences_protocol.replication.check import BAD_SIGNATURE, CheckedBatch, check_batch
from convergences_protocol.replication.messages import Batch
from convergences_protocol.replication.views import Held

SECONDS_MAX = 30
KEY = SigningKey.from_seed(bytes(32))
SOUND = tuple(
    author_record(
        KEY, ElementId.new("FR-93066", 1, number.to_bytes(10, "big")), "theme", {"name": "Eau"}, salt=bytes(16),
        previous=None, time=1,
    ).header
    for number in range(40)
)  # fmt: skip
FORGED = SOUND[0][:-1] + bytes([SOUND[0][-1] ^ 1])
HEADERS = (*SOUND, FORGED, b"no record", *SOUND[:2])


def _batch(*, still_to_come: int) -> CheckedBatch:
    frontier = Frontier()
    frontier.extend(leaf_hashes(HEADERS))
    head = Held(len(HEADERS), frontier.root(), b"a note")
    checked = check_batch(Frontier(), Batch(1, 0, HEADERS, (False,) * len(HEADERS), ()), head)
    return replace(checked, head=replace(head, size=len(HEADERS) + still_to_come))


BACKLOG, LAST = _batch(still_to_come=100_000), _batch(still_to_come=0)


@pytest.fixture
async def examiners() -> AsyncIterator[Examiners]:
    with ThreadPoolExecutor(1) as threads:
        examiners = Examiners(threads)
        yield examiners
        examiners.close()


def _process_ids(examiners: Examiners) -> list[int]:
    """The processes that there are; nobody else asks for them."""
    checkers = examiners._checkers
    return [] if checkers is None else [process.pid for process in checkers.processes]


async def _ready(examiners: Examiners) -> list[int]:
    """Let the first batch of a backlog start the processes, and wait for them; their process ids."""
    async with asyncio.timeout(SECONDS_MAX):
        while not (examiners._checkers and examiners._checkers.ready):
            await examiners.examine(BACKLOG)
    return _process_ids(examiners)


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


async def _gone(ids: list[int]) -> None:
    """Wait for the end of these processes."""
    loop = asyncio.get_running_loop()
    for each in ids:
        try:
            process = os.pidfd_open(each)
        except ProcessLookupError:
            continue
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(process, _settle, ended)
        async with asyncio.timeout(SECONDS_MAX):
            await ended
        loop.remove_reader(process)
        os.close(process)


def _judge(flags: tuple[str | None, ...]) -> None:
    assert flags[: len(SOUND)] == (None,) * len(SOUND)
    assert flags[len(SOUND)] == BAD_SIGNATURE
    assert flags[len(SOUND) + 1] not in (None, BAD_SIGNATURE)
    assert flags[-2:] == (None, None)


async def test_processes_and_threads_say_the_same(examiners: Examiners) -> None:
    _judge(await examiners.examine(LAST))
    assert not _process_ids(examiners), "a few records start no process"
    assert len(await _ready(examiners)) == PROCESSES
    _judge(await examiners.examine(BACKLOG))
    _judge(await examiners.examine(LAST))


async def test_a_batch_whose_process_dies_is_checked_here(examiners: Examiners) -> None:
    ids = await _ready(examiners)
    for each in ids:
        os.kill(each, signal.SIGKILL)
    for _ in range(3):
        _judge(await examiners.examine(BACKLOG))


async def test_processes_end_when_no_backlog_arrives(examiners: Examiners, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await _ready(examiners)
    with monkeypatch.context() as sooner:
        sooner.setattr(examining, "IDLE_SECONDS", 0.05)
        _judge(await examiners.examine(BACKLOG))
        await _gone(ids)
    assert len(await _ready(examiners)) == PROCESSES, "and come back with the next"


NODE = """
import asyncio, threading
from tests.network.test_examining import Examiners, ThreadPoolExecutor, _ready

async def main():
    examiners = Examiners(ThreadPoolExecutor(1))
    print(*await _ready(examiners), flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_a_killed_node_leaves_no_process_behind() -> None:
    node = await asyncio.create_subprocess_exec(sys.executable, "-c", NODE, stdout=asyncio.subprocess.PIPE)
    assert node.stdout is not None
    ids = list(map(int, (await node.stdout.readline()).split()))
    assert len(ids) == PROCESSES
    node.kill()
    await node.wait()
    await _gone(ids)
