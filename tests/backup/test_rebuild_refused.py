# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town that cannot be made again, for want of room or because another process is at it: a sentence, and nothing is
left half made."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.keys import Keyring
from convergences_node.archive.lock import FolderLock
from convergences_node.archive.writer import ArchiveWriter
from convergences_node.backup import rebuilding, restoring
from convergences_node.backup.rebuilding import Left, from_nothing, rebuild
from convergences_node.backup.restoring import restore
from convergences_node.founding import Founded, create_town
from convergences_protocol.errors import LocalError

from .making_backups import NAMES, Made, ask, seed_of

CODE = "FR-93066"


def quiet(*_: object) -> None:
    """Nobody looks at the progress."""


def no_space(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_pages(*_: object, **__: object) -> Any:
    raise sqlite3.OperationalError("database or disk is full")


async def test_a_folder_that_cannot_be_made_is_said(town: Made, tmp_path: Path) -> None:
    """With a backup, and without anything."""
    folder, founded, stick = town
    await ask(folder, target=str(stick))
    (tmp_path / "file").write_text("a file")
    again = tmp_path / "file" / "town"
    for left in (Left(backup=stick, recovery_seed=seed_of(founded)), Left(territory=CODE)):
        with pytest.raises(LocalError, match="could not be written") as refused:
            await rebuild(again, left, 0, quiet)
        assert refused.value.fault is not None and refused.value.fault.code == "rebuild_unwritable"


@pytest.mark.parametrize(
    ("owner", "name", "fails"),
    [
        (ArchiveWriter, "__init__", no_pages),
        (restoring._Filling, "_file", no_space),
        (restoring._Filling, "_rows", no_pages),
        (rebuilding, "_know", no_space),
    ],
)
async def test_a_card_that_is_full_while_a_backup_comes_back_leaves_nothing(
    town: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fails: Callable[..., Any]
) -> None:
    """The same command goes through on a larger one."""
    folder, founded, stick = town
    await ask(folder, target=str(stick))
    again, left = tmp_path / "card" / "again", Left(backup=stick, recovery_seed=seed_of(founded))
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails)
        with pytest.raises(LocalError) as refused:
            await rebuild(again, left, 0, quiet)
    assert refused.value.fault is not None and refused.value.fault.code == "rebuild_unwritable"
    assert not list((tmp_path / "card").iterdir())
    assert restore(next(stick.glob("*.age")), seed_of(founded), again).records == len(NAMES) + 1


@pytest.mark.parametrize(("owner", "name"), [(Archive, "choose"), (rebuilding, "create_town"), (Keyring, "create")])
async def test_a_card_that_is_full_while_a_town_is_founded_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """Least of all a town whose new sheet nobody has seen."""
    again = tmp_path / "card" / "again"
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, no_space)
        with pytest.raises(LocalError, match="could not be written"):
            await rebuild(again, Left(territory=CODE), 0, quiet)
    assert not again.exists()
    assert (await rebuild(again, Left(territory=CODE), 0, quiet))["recovery_sheet"]


async def test_a_town_that_another_process_has_made_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second is refused, and takes nothing away from the first."""
    again = tmp_path / "again"
    first: list[Founded] = []

    async def made_by_another(folder: Path, *given: Any, **named: Any) -> Founded:
        first.append(await create_town(folder, CODE, "town", "Saint-Denis"))
        return await create_town(folder, *given, **named)

    monkeypatch.setattr(rebuilding, "create_town", made_by_another)
    with pytest.raises(LocalError, match="already has a node"):
        await from_nothing(again, CODE, None, ())
    async with await Archive.open(again) as there:
        assert (await there.read(lambda reader: reader.own_log())).origin == first[0].origin


async def test_two_that_put_back_at_once_are_in_nobody_s_way(
    town: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who thinks that the first one hangs, and asks again, is refused; and the first one's town is whole."""
    folder, founded, stick = town
    path = Path((await ask(folder, target=str(stick)))["path"])
    waits, goes_on = threading.Event(), threading.Event()
    take = restoring._Filling.take

    def slow(filling: restoring._Filling, name: str, size: int, pieces: Iterator[bytes]) -> None:
        if name.startswith("tables/") and not waits.is_set():
            waits.set()
            goes_on.wait()
        take(filling, name, size, pieces)

    monkeypatch.setattr(restoring._Filling, "take", slow)
    first = asyncio.create_task(asyncio.to_thread(restore, path, seed_of(founded), tmp_path / "again"))
    await asyncio.to_thread(waits.wait)
    try:
        with pytest.raises(LocalError, match="in use by process"):
            await asyncio.to_thread(restore, path, seed_of(founded), tmp_path / "again")
    finally:
        goes_on.set()
    assert (await first).records == len(NAMES) + 1
    async with await Archive.open(tmp_path / "again") as there:
        state = await there.read(lambda reader: reader.log(founded.origin))
        assert state is not None and (state.size, state.wanted) == (len(NAMES) + 1, 0)


async def test_what_a_killed_one_has_left_goes(town: Made, tmp_path: Path) -> None:
    """Its lock went with it."""
    folder, founded, stick = town
    path = Path((await ask(folder, target=str(stick)))["path"])
    (tmp_path / "again.part" / "keys").mkdir(parents=True)
    (tmp_path / "again.part" / "keys" / "node.key").write_bytes(b"half")
    FolderLock(tmp_path / "again.part").release()
    assert restore(path, seed_of(founded), tmp_path / "again").records == len(NAMES) + 1
