# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 of real processes at random moments, writing and replicating: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.verifying import verify_folder
from convergences_protocol.errors import ConvergencesError

from .cluster import actor
from .processes import Process

BACKLOG = 4_000
ROUNDS = 3


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    """An agglomeration and a town, founded and not started."""
    agglomeration = Process(tmp_path / "agglomeration", "FR-200057867", "agglomeration")
    town = Process(tmp_path / "town", "FR-93066", "town")
    yield agglomeration, town
    town.stop()
    agglomeration.stop()


def join(agglomeration: Process, town: Process) -> str:
    invitation = agglomeration.ask("invite", territory=town.territory)
    town.ask("join", invitation=invitation["invitation"])
    return str(town.ask("status")["log"]["origin"])


def headers(process: Process, origin: str) -> list[bytes]:
    """A stopped node's copy of a log, from its file."""
    reader = ArchiveReader.open(process.folder)
    try:
        state = reader.log(origin)
        assert state is not None
        found: list[bytes] = []
        while len(found) < state.size:
            found += reader.headers(origin, len(found), state.size)
        return found
    finally:
        reader.close()


class Resident:
    """Someone who writes one record after another, and keeps what was acknowledged."""

    def __init__(self, town: Process) -> None:
        self.acknowledged: list[str] = []
        self._town = town
        self._number = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        while not self._stop.is_set():
            self._number += 1
            fields = {"name": f"resident {self._number}", "type": "association"}
            try:
                # Asked of the process alone: with none running, `call` would open the folder itself.
                if not (self._town.folder / "node.sock").exists():
                    raise ConvergencesError("not running")
                self.acknowledged.append(self._town.ask("add", kind="actor", fields=fields)["digest"])
            except ConvergencesError:
                self._stop.wait(0.05)

    def until_acknowledged(self, more: int) -> None:
        goal = len(self.acknowledged) + more
        self._town.until(lambda: len(self.acknowledged) >= goal, f"{more} more acknowledged")

    def stop(self) -> list[str]:
        self._stop.set()
        self._thread.join(30)
        return self.acknowledged


@pytest.mark.slow
def test_a_town_killed_while_its_residents_write_loses_nothing_that_was_acknowledged(
    pair: tuple[Process, Process],
) -> None:
    """Killed again and again, restarted, and its agglomeration ends with the very same log."""
    agglomeration, town = pair
    dice = random.Random(5)
    agglomeration.start()
    town.start()
    origin = join(agglomeration, town)
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        resident = Resident(town)
        resident.until_acknowledged(dice.randrange(5, 60))
        town.kill()
        (town.folder / "node.sock").unlink()
        acknowledged += resident.stop()
        town.start()
    status = town.ask("status")
    assert (status["log"]["origin"], status["doubts"]) == (origin, [])
    size = town.size(origin)
    agglomeration.until(lambda: agglomeration.size(origin) == size, "the whole log")
    town.stop()
    agglomeration.stop()
    mine, theirs = headers(town, origin), headers(agglomeration, origin)
    assert mine == theirs
    assert set(acknowledged) <= _digests(mine)
    assert verify_folder(town.folder).sound and verify_folder(agglomeration.folder).sound
    assert "Traceback" not in town.said() + agglomeration.said()


@pytest.mark.slow
def test_an_agglomeration_killed_while_it_takes_in_a_backlog_goes_on_where_it_was(
    pair: tuple[Process, Process],
) -> None:
    """Killed wherever it happens to be; what was durable is not asked for again; then the town is killed too."""
    agglomeration, town = pair
    dice = random.Random(6)
    asyncio.run(_fill(town))
    agglomeration.start()
    town.start()
    origin = join(agglomeration, town)
    before = 0
    for _ in range(ROUNDS):
        goal = min(before + dice.randrange(1, BACKLOG // 6), BACKLOG)  # a fast machine may have it all at once
        agglomeration.until(lambda goal=goal: agglomeration.size(origin) >= goal, "some of the backlog")  # type: ignore[misc]
        agglomeration.kill()
        agglomeration.start()
        kept = agglomeration.size(origin)
        assert kept >= goal, "what was durable is there"
        before = kept
    town.kill()
    town.start()
    agglomeration.until(lambda: agglomeration.size(origin) == BACKLOG + 1, "the whole backlog")
    found = agglomeration.ask("search", query={"q": f"backlog {BACKLOG - 1}"})
    agglomeration.until(
        lambda: any(
            item["name"] == f"backlog {BACKLOG - 1}"
            for item in agglomeration.ask("search", query={"q": f"backlog {BACKLOG - 1}"})["items"]
        ),
        f"the last one is found: {found['items'][:1]}",
    )
    agglomeration.stop()
    town.stop()
    assert headers(town, origin) == headers(agglomeration, origin)
    assert verify_folder(agglomeration.folder).sound
    assert "Traceback" not in town.said() + agglomeration.said()


async def _fill(town: Process) -> None:
    async with await Archive.open(town.folder) as archive:
        await archive.append([actor(f"backlog {number}") for number in range(BACKLOG)])


def _digests(raws: list[bytes]) -> set[str]:
    from hashlib import sha256

    return {sha256(raw).hexdigest() for raw in raws}


@pytest.mark.slow
def test_a_disk_that_takes_no_more_refuses_in_a_sentence_and_keeps_what_it_said(
    pair: tuple[Process, Process],
) -> None:
    """No file may grow past a bound, as on a full card: the write is refused, reading goes on, a restart is clean."""
    _, town = pair
    town.start(file_bytes_max=1_500_000)
    kept: list[str] = []
    refusal = ""
    for number in range(4_000):
        fields = {"name": f"fits {number}", "type": "association", "description": "y" * 4000}
        try:
            kept.append(town.ask("add", kind="actor", fields=fields)["digest"])
        except ConvergencesError as error:
            refusal = str(error)
            break
    assert kept and refusal
    assert "archive" in refusal and "nothing was written" in refusal
    assert town.ask("status")["log"]["size"] == len(kept) + 1
    town.stop()
    town.start()
    status = town.ask("status")
    assert status["doubts"] == [] and status["log"]["size"] == len(kept) + 1
    town.ask("add", kind="actor", fields={"name": "there is room again", "type": "association"})
    origin = status["log"]["origin"]
    town.stop()
    assert set(kept) <= _digests(headers(town, origin))
    assert verify_folder(town.folder).sound
