# SPDX-License-Identifier: AGPL-3.0-or-later
"""A running node looks after itself: what feeds the watchdog, and what is written when nothing happens."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from pathlib import Path

import pytest
from convergences_node.archive.guard import Guard
from convergences_node.archive.model import Halted, LogState, NewRecord
from convergences_node.checkup import machine, self_check, sentence, signs
from convergences_node.checkup.self_check import SCRATCH_NAME, SelfCheck
from convergences_node.checkup.sign import BAD
from convergences_node.founding import Settings, create_town
from convergences_node.town import Town

from .processes import Process

SETTLED_S = 20.0
"""After a start: the first index, the first cosignature, the first look at itself."""
WATCHED_S = 130.0
SMALL_BYTES = 64 * 1024
FAILING = "The card returns errors (it is a folder): what is on it is searched and read, and nothing can be added."
LOOPBACK: Settings = {
    "p2p": {"listen": ["/ip4/127.0.0.1/tcp/0"]},
    "discovery": {"zeroconf": False},
    "http": {"port": 0},
}


async def saint_denis(folder: Path) -> Path:
    await create_town(folder, "FR-93066", "town", "Saint-Denis", facts=None, settings=LOOPBACK)
    return folder


async def test_a_node_that_works_is_well(tmp_path: Path) -> None:
    async with Town.open(await saint_denis(tmp_path / "sd")) as town:
        assert await SelfCheck(town).is_well()
        assert (town.folder / SCRATCH_NAME).stat().st_size == 1


async def test_a_part_that_hangs_is_not_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search, the archive's writer, the card, the network thread: each by itself is enough."""
    monkeypatch.setattr(self_check, "ANSWER_SECONDS_MAX", 0.1)

    async def hangs(*_: object) -> None:
        await asyncio.sleep(3_600)

    async with Town.open(await saint_denis(tmp_path / "sd")) as town:
        for part in ("_search", "_append", "_write", "_network"):
            with monkeypatch.context() as patched:
                patched.setattr(SelfCheck, part, hangs)
                assert not await SelfCheck(town).is_well(), part
        assert await SelfCheck(town).is_well()


async def test_an_archive_whose_writing_thread_hangs_is_not_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save would wait for ever, while pages are read and files written as before. Nothing is appended to find out."""
    monkeypatch.setattr(self_check, "ANSWER_SECONDS_MAX", 0.5)
    seconds = [0.0]
    async with Town.open(await saint_denis(tmp_path / "sd")) as town:
        check, size = SelfCheck(town, lambda: seconds[0]), (await own_log(town)).size
        assert await check.is_well()
        let_go = threading.Event()
        hanging = asyncio.create_task(town.archive.write(lambda writer: let_go.wait()))
        try:
            await asyncio.sleep(0)
            assert await check.is_well(), "it may have much to do"
            seconds[0] += self_check.WRITER_SECONDS_MAX + 1
            assert not await check.is_well()
        finally:
            let_go.set()
        assert await hanging
        assert await check.is_well(), "its turn has come after all"
        town.archive.held = True  # as while a version is on trial: refused at once, which is an answer
        assert await check.is_well()
        assert (await own_log(town)).size == size


async def test_an_archive_that_a_failure_has_halted_is_started_again_once_the_card_takes_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`head.guard` could not be put in its place, say: every save would be refused until somebody comes by."""
    folder = await saint_denis(tmp_path / "sd")

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with Town.open(folder) as town:
        with monkeypatch.context() as failing:
            failing.setattr(Guard, "settle", fails)
            with pytest.raises(Halted):
                await town.archive.append([NewRecord("actor", {"name": "Amicale", "type": "association"})])
        (folder / SCRATCH_NAME).mkdir()
        assert await SelfCheck(town).is_well(), "a new start would mend nothing: the card takes no write"
        (folder / SCRATCH_NAME).rmdir()
        assert not await SelfCheck(town).is_well()
    async with Town.open(folder) as town:
        assert await SelfCheck(town).is_well()
        assert (await own_log(town)).size == 2, "and what was durable is shown"


async def own_log(town: Town) -> LogState:
    return await town.archive.read(lambda reader: reader.own_log())


async def test_a_card_that_takes_no_write_is_no_reason_to_start_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting again would mend nothing, and residents can still read. The log has it once, the operator as it is."""
    seconds = [0.0]
    monkeypatch.setattr(machine, "FREE_BAD_MIB", 0)  # a machine that is full says that instead
    async with Town.open(await saint_denis(tmp_path / "sd")) as town:
        await town.index.catch_up()
        (town.folder / SCRATCH_NAME).mkdir()
        check = SelfCheck(town, lambda: seconds[0])
        for _ in range(3):
            assert await check.is_well()
            seconds[0] += self_check.WRITE_EVERY_S
        assert (town.status().state, town.status().read_only) == ("degraded", "Is a directory")
        (told,) = [each for each in await signs(town) if each.name == "card"]
        assert (told.level, sentence(told, "en")) == (BAD, FAILING)
        (town.folder / SCRATCH_NAME).rmdir()
        assert await check.is_well()
        assert (town.status().state, town.status().read_only) == ("well", None)
        assert "failing" not in [each.form for each in await signs(town)]
    assert caplog.text.count("takes no write") == 1


async def test_the_network_thread_is_asked(tmp_path: Path) -> None:
    """libp2p's own thread answers; one that hangs does not."""
    from convergences_node.network.libp2p_transport import Libp2pSettings, Libp2pTransport, _Deaf

    transport = Libp2pTransport(Libp2pSettings(bytes(32), ["/ip4/127.0.0.1/tcp/0"]))
    await transport.answers()  # before it runs there is nothing to wait for
    await transport.start(_Deaf())
    try:
        async with asyncio.timeout(120):
            await transport.answers()
        transport._in_thread(time.sleep, 1.5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await transport.answers()
    finally:
        await transport.stop()


@pytest.mark.slow
async def test_a_node_at_rest_writes_once_a_minute_at_most(tmp_path: Path) -> None:
    """Every file of its folder is looked at ten times a second for two minutes; what the kernel counted is small."""
    folder = await saint_denis(tmp_path / "sd")
    process = Process(folder)
    try:
        await asyncio.to_thread(process.address)
        await asyncio.sleep(SETTLED_S)
        before, counted = files_of(folder), written_by(process.pid)
        writes, deadline = [], time.monotonic() + WATCHED_S
        while time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            now = files_of(folder)
            if now != before:
                writes.append(sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name)))
                before = now
        assert len(writes) <= WATCHED_S / 60, writes
        assert written_by(process.pid) - counted <= SMALL_BYTES
    finally:
        assert await asyncio.to_thread(process.stop) == 0


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file."""
    found = {}
    for path in folder.rglob("*"):
        try:
            stat = path.lstat()
        except FileNotFoundError:
            continue
        if not path.is_dir():
            found[path.name] = (stat.st_size, stat.st_mtime_ns)
    return found


def written_by(pid: int) -> int:
    """Bytes that a process has had written to storage (proc(5), /proc/pid/io)."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    values = dict(line.split(": ") for line in lines)
    assert os.access(f"/proc/{pid}/io", os.R_OK)
    return int(values["write_bytes"]) - int(values["cancelled_write_bytes"])
