# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is no backup of this town is refused, and what goes wrong half way leaves the others whole."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.reader import ArchiveReader
from convergences_node.backup import contents, making, shelf, verb
from convergences_node.backup.container import DamagedBackup, Member
from convergences_node.backup.rebuilding import Left, rebuild
from convergences_node.backup.restoring import restore, verify
from convergences_node.backup.sealing import WrongSheet
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.errors import LocalError
from convergences_protocol.keys import SigningKey

from .making_backups import Made, ask, found, seed_of

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "cut at its end": lambda data: data[:-1],
    "altered": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "empty": lambda data: b"",
    "something else": lambda data: b"not an age file\n" * 100,
}


def _damage(path: Path, damage: str) -> None:
    path.write_bytes(DAMAGES[damage](path.read_bytes()))


async def test_pipes_on_a_stick_keep_nobody_waiting(town: Made, tmp_path: Path) -> None:
    """To open one waits for who would write to it: each backup would have kept a thread of the node for ever."""
    folder, founded, stick = town
    path = stick / "convergences-FR-93066-000007.age"
    for each in (path, path.with_suffix(".json"), path.with_name("convergences-FR-93066-000008.age.part")):
        os.mkfifo(each)
    assert [(each.number, each.note) for each in shelf.kept(stick)] == [(7, None)]
    for read in (lambda: shelf.read_back(path), lambda: verify(path, seed_of(founded))):
        with pytest.raises((OSError, LocalError), match=r"[Nn]ot a regular file"):
            read()
    made = Path((await ask(folder, target=str(stick)))["path"])
    verify(made, seed_of(founded))
    assert [each.number for each in shelf.kept(stick)] == [7, 8]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_written(
    town: Made, tmp_path: Path, damage: str
) -> None:
    """The note beside it tells without the sheet; the sheet tells too; and no folder is left."""
    folder, founded, stick = town
    path = Path((await ask(folder, target=str(stick)))["path"])
    _damage(path, damage)
    with pytest.raises(DamagedBackup):
        shelf.check(shelf.kept(stick)[0])
    with pytest.raises(DamagedBackup):
        verify(path, seed_of(founded))
    with pytest.raises(DamagedBackup):
        restore(path, seed_of(founded), tmp_path / "again")
    assert not (tmp_path / "again").exists() and not (tmp_path / "again.part").exists()


def test_a_backup_that_cannot_be_opened_is_not_called_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """It was on a stick, and the stick is gone: who reads that the card takes no write looks at the wrong place."""
    with pytest.raises(LocalError, match=r"convergences-FR-93066-000001\.age cannot be read") as refused:
        restore(tmp_path / "convergences-FR-93066-000001.age", bytes(32), tmp_path / "again")
    assert refused.value.fault is not None and refused.value.fault.code == "backup_unread"
    assert not (tmp_path / "again").exists()


async def test_a_wrong_sheet_opens_nothing(town: Made, tmp_path: Path) -> None:
    """Another town's: refused with a sentence, and nothing is written."""
    folder, _, stick = town
    other = await found(tmp_path / "other", "FR-93031")
    path = Path((await ask(folder, target=str(stick)))["path"])
    with pytest.raises(WrongSheet, match="this recovery sheet does not open"):
        restore(path, seed_of(other), tmp_path / "again")
    assert not (tmp_path / "again").exists()


async def test_a_backup_that_a_stranger_made_for_this_sheet_is_refused(town: Made, tmp_path: Path) -> None:
    """Anyone knows the public key, and can encrypt to it: what is inside has to be this town's own."""
    _, founded, stick = town
    other = await found(tmp_path / "other", "FR-93031")
    async with Town.open(tmp_path / "other") as opened:
        own = await opened.archive.read(lambda reader: reader.log(other.origin))
        assert own is not None
        real = await opened.archive.read(lambda reader: reader.own_log())
        assert real.head_note is not None
        recovery = SigningKey.from_seed(seed_of(founded)).public.hex()
        facts = contents.Facts(
            1, "FR-93066", "x", "town", other.origin, own.key.hex(), recovery, own.size, real.head_note.decode(), 0,
            "own", "1",
        )  # fmt: skip
        from threading import Event

        order = making.Order(
            opened.folder,
            stick,
            facts,
            opened.archive.keys.node,
            opened.archive.revealed,
            7,
            lambda a, b: None,
            Event(),
        )
        made = making.make(order)
    with pytest.raises(LocalError):
        restore(made.path, seed_of(founded), tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("name", ["files/head.guard", "files/archive.db", "files/../outside", "odd"])
async def test_a_backup_that_brings_what_no_node_puts_into_it_is_refused(
    town: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Sealed for this sheet and signed by this very node: a guard in it would take away the doubt."""
    folder, founded, stick = town
    members = contents.members

    def more(source: contents.Source, facts: contents.Facts) -> Iterator[Member]:
        yield from members(source, facts)
        yield Member.of(name, b"from elsewhere")

    monkeypatch.setattr(contents, "members", more)
    path = Path((await ask(folder, target=str(stick)))["path"])
    with pytest.raises(DamagedBackup):
        restore(path, seed_of(founded), tmp_path / "again")
    assert not (tmp_path / "again").exists() and not (tmp_path / "outside").exists()


async def test_a_stick_that_is_full_leaves_the_older_ones_whole(town: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to look at, the attempt is remembered, nothing half stands there."""
    folder, _, stick = town
    await ask(folder, target=str(stick))

    def full(*_: object) -> tuple[int, str]:
        (stick / "convergences-FR-93066-000002.age.part").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "_encrypt", full)
    with pytest.raises(LocalError, match="the older ones are as they were"):
        await ask(folder, target=str(stick))
    monkeypatch.undo()
    assert sorted(path.name for path in stick.iterdir()) == [
        "convergences-FR-93066-000001.age",
        "convergences-FR-93066-000001.json",
    ]
    shelf.check(shelf.kept(stick)[0])
    async with Town.open(folder) as opened:
        last = (await perform(opened, "status", {}, lambda event: None))["backup"]
    assert last["reason"].startswith("the backup could not be written") and last["made_at"]


async def test_one_that_was_given_up_is_in_nobody_s_way(town: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its thread still waits for a slow stick, another one is refused; it leaves nothing, and then it may be."""
    folder, _, stick = town
    waits, goes_on, ended = threading.Event(), threading.Event(), threading.Event()
    read_back = shelf.read_back

    def slow(path: Path) -> tuple[int, str]:
        if not waits.is_set():
            waits.set()
            goes_on.wait()
        return read_back(path)

    class Working(set[Path]):
        def discard(self, folder: Any) -> None:
            super().discard(folder)
            ended.set()

    monkeypatch.setattr(verb, "_WORKING", Working())

    async with Town.open(folder) as opened:

        def asked() -> Awaitable[Any]:
            return perform(opened, "backup", {"target": str(stick)}, lambda event: None)

        monkeypatch.setattr(shelf, "read_back", slow)
        first = asyncio.ensure_future(asked())
        await asyncio.to_thread(waits.wait)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        try:
            with pytest.raises(LocalError, match="being made already"):
                await asked()
        finally:
            goes_on.set()
        await asyncio.to_thread(ended.wait)
        assert not list(stick.iterdir())
        monkeypatch.undo()
        await asked()
    shelf.check(shelf.kept(stick)[0])


async def test_a_folder_that_cannot_be_listed_is_not_passed_over(town: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup without the node's keys would be called whole, and bring nobody back."""
    folder, _, stick = town
    scandir = os.scandir

    def failing(path: Any) -> Any:
        if isinstance(path, str) and path.endswith("/keys"):
            raise OSError(5, "Input/output error", path)
        return scandir(path)

    async with Town.open(folder) as opened:
        monkeypatch.setattr(os, "scandir", failing)
        with pytest.raises(LocalError, match="keys of the node could not be read") as refused:
            await perform(opened, "backup", {"target": str(stick)}, lambda event: None)
        monkeypatch.undo()
    assert refused.value.fault is not None
    assert (refused.value.fault.code, refused.value.fault.params["file"]) == ("file_unreadable", "keys")
    assert not list(stick.iterdir())


async def test_an_archive_that_cannot_be_read_is_noted_for_the_operator(
    town: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, and not the stick's fault."""
    folder, _, stick = town

    def malformed(*_: object) -> Any:
        raise sqlite3.DatabaseError("database disk image is malformed")

    async with Town.open(folder) as opened:
        monkeypatch.setattr(ArchiveReader, "entries", malformed)
        with pytest.raises(LocalError, match=r"archive\.db of the node could not be read: .* malformed"):
            await perform(opened, "backup", {"target": str(stick)}, lambda event: None)
        monkeypatch.undo()
        last = (await perform(opened, "status", {}, lambda event: None))["backup"]
    assert last["fault"]["code"] == "file_unreadable"
    assert not list(stick.iterdir())


async def test_a_stick_that_is_not_there_is_said(town: Made) -> None:
    """And no folder is made in its place: it would be on the card."""
    folder, _, stick = town
    with pytest.raises(LocalError, match="there is no folder"):
        await ask(folder, target=str(stick / "absent"))
    assert not (stick / "absent").exists()


async def test_a_stick_that_gives_nothing_back_is_said(town: Made, tmp_path: Path) -> None:
    """Not even whether it is a folder: whoever makes a backup, or looks for one, is told of the stick."""
    folder, founded, stick = town
    with pytest.MonkeyPatch.context() as failing:
        for name in ("stat", "scandir", "listdir"):
            failing.setattr(os, name, _failing_below(stick, getattr(os, name)))
        with pytest.raises(LocalError, match=r"could not be written .* Input/output error") as unwritten:
            await ask(folder, target=str(stick))
        with pytest.raises(LocalError, match="cannot be read: Input/output error") as unread:
            await rebuild(tmp_path / "again", Left(backup=stick, recovery_seed=seed_of(founded)), 0, lambda event: None)
        with pytest.raises(LocalError, match="cannot be read: Input/output error"):
            shelf.found_at(stick)
    assert unwritten.value.fault is not None and unwritten.value.fault.code == "backup_unwritable"
    assert unread.value.fault is not None and unread.value.fault.code == "stick_absent"
    async with Town.open(folder) as opened:
        last = (await perform(opened, "status", {}, lambda event: None))["backup"]
    assert last["fault"]["params"]["folder"] == str(stick)


def _failing_below(stick: Path, real: Callable[..., Any]) -> Callable[..., Any]:
    def failing(path: Any, *args: Any, **named: Any) -> Any:
        if isinstance(path, str | Path) and Path(path).is_relative_to(stick):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *args, **named)

    return failing


KILLED = """
import asyncio, sys, os, signal
from pathlib import Path
from convergences_node.town import Town
from convergences_node.verbs import perform
left = [int(sys.argv[3])]
async def main():
    async with Town.open(Path(sys.argv[1])) as town:
        def tell(event):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        await perform(town, "backup", {"target": sys.argv[2]}, tell)
asyncio.run(main())
"""


async def test_a_backup_that_is_killed_half_way_leaves_the_one_before(town: Made, tmp_path: Path) -> None:
    """And the next one throws away what was left."""
    folder, founded, stick = town
    await ask(folder, target=str(stick))
    before = _digests(stick)
    assert await asyncio.to_thread(_killed, folder, stick) == -9
    assert before.items() <= _digests(stick).items()
    shelf.check(shelf.kept(stick)[0])
    await ask(folder, target=str(stick))
    assert not list(stick.glob("*.part")) and not (folder / making.SPOOL_NAME).exists()
    for each in shelf.kept(stick):
        shelf.check(each)
        verify(each.path, seed_of(founded))


def _killed(folder: Path, stick: Path) -> int:
    return subprocess.run([sys.executable, "-c", KILLED, str(folder), str(stick), "1"], timeout=60).returncode


def _digests(stick: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in stick.iterdir()}
