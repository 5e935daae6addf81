# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node killed at any moment, and a plug pulled between any two writes: nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.connection import ARCHIVE_NAME
from convergences_node.archive.epochs import start
from convergences_node.archive.guard import GUARD_NAME, Guard
from convergences_node.archive.model import Entry
from convergences_node.archive.options import Options
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.revealed import Revealed
from convergences_node.archive.verifying import verify_folder
from convergences_node.archive.writer import ArchiveWriter
from convergences_protocol import checkpoint
from convergences_protocol.errors import LocalError

from .making import NOW, Town

OPTIONS = Options(machine=lambda: "board 1")
STEPS = ("guard.prepared", "archive.written", "archive.committed", "guard.renamed", "guard.durable", "head.revealed")
"""Every named point of an append, in order."""

ACKNOWLEDGED_BEFORE_KILL = 30
WAL = f"{ARCHIVE_NAME}-wal"


def start_node(folder: Path, *step: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("crashing.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), *step], stdout=subprocess.PIPE, text=True, env=environment
    )


def acknowledged(node: subprocess.Popen[str]) -> list[str]:
    """What the dead node had acknowledged: whole lines only."""
    assert node.stdout is not None
    lines = node.stdout.read().splitlines(keepends=True)
    node.wait(30)
    return [line.strip() for line in lines if line.endswith("\n")]


async def check_after(folder: Path, digests: list[str]) -> None:
    """The archive opens without a doubt, is sound, and holds all of `digests`."""
    async with await Archive.open(folder, options=OPTIONS) as archive:
        assert {finding.code for finding in archive.findings} <= {"archive.revealed"}
        origin = (await archive.read(lambda reader: reader.own_log())).origin
        held = await archive.read(lambda reader: {entry.digest.hex() for entry in all_of(reader, origin)})
        assert set(digests) <= held
    report = verify_folder(folder)
    assert report.sound, report.faults


def all_of(reader: ArchiveReader, origin: str) -> Iterator[Entry]:
    start = 0
    while entries := reader.entries(origin, start):
        yield from entries
        start = entries[-1].index + 1


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_named_point(tmp_path: Path, step: str) -> None:
    """The fourth time it is reached: an opening and two appends were acknowledged before."""
    node = start_node(tmp_path, step, "4")
    digests = acknowledged(node)
    assert node.returncode == -9
    assert digests
    await check_after(tmp_path, digests)


@pytest.mark.parametrize("step", STEPS)
async def test_killed_while_it_is_being_made(tmp_path: Path, step: str) -> None:
    """Nothing was acknowledged: the folder opens, at worst with a new epoch, or says that it has no log yet."""
    node = start_node(tmp_path, step, "1")
    assert acknowledged(node) == []
    try:
        async with await Archive.open(tmp_path, options=OPTIONS) as archive:
            assert {finding.code for finding in archive.findings} <= {"archive.doubt", "archive.revealed"}
    except LocalError as error:
        assert "has no log of its own" in str(error)


async def test_killed_at_random_moments_again_and_again(tmp_path: Path) -> None:
    """The same folder, killed wherever it happens to be, opened and killed again."""
    dice = random.Random(7)
    digests: list[str] = []
    for _ in range(4):
        node = start_node(tmp_path)
        assert node.stdout is not None
        for _ in range(dice.randrange(1, ACKNOWLEDGED_BEFORE_KILL)):
            digests.append(node.stdout.readline().strip())
        node.kill()
        digests += acknowledged(node)
        await check_after(tmp_path, digests)
    assert len(digests) > ACKNOWLEDGED_BEFORE_KILL


class PowerCuts:
    """Takes an image of the folder at each step, as the disk would be if the plug were pulled there.

    Of the write-ahead log only what a commit has synced is sure to be there: the rest is torn at random.
    """

    def __init__(self, folder: Path, images: Path) -> None:
        self.folder, self.images = folder, images
        self.acknowledged: list[bytes] = []
        self.taken: list[tuple[str, list[bytes], Path]] = []
        self.active = False
        self._durable = 0
        self._dice = random.Random(3)

    def step(self, name: str) -> None:
        wal = self.folder / WAL
        if name == "archive.committed":
            self._durable = wal.stat().st_size
        if self.active:
            self._image(name, wal)
        elif name == "guard.durable":
            self._guard = (self.folder / GUARD_NAME).read_bytes()

    def _image(self, name: str, wal: Path) -> None:
        image = self.images / str(len(self.taken))
        shutil.copytree(self.folder, image)
        (image / f"{ARCHIVE_NAME}-shm").unlink(missing_ok=True)
        size = wal.stat().st_size
        with (image / WAL).open("r+b") as file:
            torn = self._dice.randrange(self._durable, size + 1)
            file.seek(torn)
            file.write(self._dice.randbytes(min(size - torn, 600)))
            file.truncate(self._dice.randrange(torn, size + 1))
        self.taken.append((name, list(self.acknowledged), image))
        if name == "guard.renamed":
            # Before the folder is synced, the rename may be lost: the guard is still the one before.
            self.taken.append(
                (name, list(self.acknowledged), shutil.copytree(image, self.images / f"{image.name}-old"))
            )
            (self.taken[-1][2] / GUARD_NAME).write_bytes(self._guard)
        if name == "guard.durable":
            self._guard = (self.folder / GUARD_NAME).read_bytes()


def test_a_plug_pulled_between_any_two_writes(tmp_path: Path) -> None:
    """Whatever the power leaves of what was not yet synced, the node goes on in the same log with all that it said."""
    folder = tmp_path / "node"
    folder.mkdir()
    town = Town()
    cuts = PowerCuts(folder, tmp_path / "images")
    (tmp_path / "images").mkdir()
    writer = ArchiveWriter(folder, Guard(folder, None, cuts.step), Revealed(), tell=lambda e: None, step=cuts.step)
    writer.begin_log(town.identity, town.opening(), town.key)
    cuts.active = True
    for at in range(5):
        (actor,) = town.actors(f"actor {at}")
        writer.append([[actor]])
        cuts.acknowledged.append(actor.header.raw)
    writer.close()
    assert {name for name, _, _ in cuts.taken} == set(STEPS)
    for name, told, image in cuts.taken:
        again = ArchiveWriter(image, Guard(image, None), Revealed(), tell=lambda e: None)
        findings = start(again, town.key, town.dice.randbytes, NOW)
        assert {finding.code for finding in findings} <= {"archive.revealed"}, f"a doubt after a cut at {name}"
        state = again.reader.own_log()
        assert again.reader.headers(town.origin, 1, 1 + len(told)) == told, name
        assert state.size in (1 + len(told), 2 + len(told))
        guarded = again.guard.read()
        assert guarded is not None and checkpoint.parse(guarded.note).size == state.size
        (next_one,) = town.actors("written after the cut")
        assert isinstance(again.append([[next_one]])[0], list)
        again.close()
        report = verify_folder(image)
        assert {fault.code for fault in report.faults} <= {"verify.keys"}, report.faults


def test_a_disk_that_lied_about_syncing_is_a_doubt_and_not_a_fork(tmp_path: Path) -> None:
    """Some cards say that they wrote. The guard has a head that the archive lost: a new epoch, no second history."""
    town = Town()
    writer = ArchiveWriter(tmp_path, Guard(tmp_path, None), Revealed(), tell=lambda e: None)
    writer.begin_log(town.identity, town.opening(), town.key)
    lost = town.actors("acknowledged, then lost by the card")
    before = (tmp_path / WAL).stat().st_size
    writer.append([lost])
    image = tmp_path / "image"
    image.mkdir()
    for name in (ARCHIVE_NAME, WAL, "head.guard"):
        shutil.copy(tmp_path / name, image / name)
    os.truncate(image / WAL, before)
    writer.close()
    again = ArchiveWriter(image, Guard(image, None), Revealed(), tell=lambda e: None)
    (finding,) = start(again, town.key, town.dice.randbytes, NOW)
    assert (finding.code, finding.params["reason"]) == ("archive.doubt", "archive_behind_guard")
    assert again.reader.own_log().origin != town.origin
    again.close()
