# SPDX-License-Identifier: AGPL-3.0-or-later
"""The room that a node keeps for its own start: made where there is plenty, lent where there is none, taken back.

On a file system that is really full: `tests/awkward/test_full_card.py`.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from convergences_node import read_only
from convergences_node.archive import spare
from convergences_node.archive.archive import Archive
from convergences_node.archive.lock import FolderLock
from convergences_node.archive.model import CARD_FULL, ArchiveFull
from convergences_node.archive.options import Options
from convergences_node.backup import contents
from convergences_node.founding import create_town
from convergences_node.index import store
from convergences_node.index.query import Query
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.errors import LocalError

from .making import NOW, key_of

OPTIONS = Options(clock=lambda: NOW, machine=lambda: "board 1")
WHOLE = 1 << 20
SETTINGS: dict[str, dict[str, Any]] = {"p2p": {"enabled": False}, "discovery": {"zeroconf": False}, "http": {"port": 0}}

Free = Callable[[int], None]


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    """How many bytes the card has free is what a test says; plenty, to begin with."""
    monkeypatch.setattr(spare, "SPARE_BYTES", WHOLE)

    def say(count: int) -> None:
        monkeypatch.setattr(spare, "free_bytes", lambda folder: count)

    say(1 << 30)
    return say


def allowed(monkeypatch: pytest.MonkeyPatch, bytes_max: int, number: int = errno.ENOSPC) -> None:
    """The card has room for a spare file of so many bytes."""
    really = os.posix_fallocate

    def allocate(descriptor: int, start: int, length: int) -> None:
        if start + length > bytes_max:
            raise OSError(number, os.strerror(number))
        really(descriptor, start, length)

    monkeypatch.setattr(os, "posix_fallocate", allocate)


def size(folder: Path) -> int:
    return (folder / spare.SPARE_NAME).stat().st_size


async def created(folder: Path) -> None:
    key, recovery = key_of("n"), key_of("r").public
    async with await Archive.create(folder, "FR-93066", key, recovery, options=OPTIONS):
        pass


def test_room_is_set_aside_where_there_is_plenty(tmp_path: Path, free: Free) -> None:
    free(spare.AMPLE_BYTES - 1)
    spare.make(tmp_path)
    assert not list(tmp_path.iterdir())
    free(spare.AMPLE_BYTES)
    spare.make(tmp_path)
    found = (tmp_path / spare.SPARE_NAME).stat()
    assert (found.st_size, found.st_mode & 0o777) == (WHOLE, 0o600)
    assert found.st_blocks * 512 >= WHOLE, "a hole is nobody's room"


def test_it_is_lent_where_next_to_nothing_is_left_and_taken_back(
    tmp_path: Path, free: Free, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare.make(tmp_path)
    free(spare.SCARCE_BYTES)
    assert spare.lend(tmp_path) == 0 and size(tmp_path) == WHOLE
    free(spare.SCARCE_BYTES - 1)
    with spare.room(tmp_path):
        assert size(tmp_path) == 0
    assert size(tmp_path) == WHOLE
    with pytest.raises(RuntimeError), spare.room(tmp_path):
        raise RuntimeError
    assert size(tmp_path) == WHOLE, "what fails gives it back, too"
    with monkeypatch.context() as patch, spare.room(tmp_path):
        assert size(tmp_path) == 0
        patch.setattr(spare, "why_read_only", lambda folder: "Read-only file system")
        spare.take_back(tmp_path)
        with spare.room(tmp_path):
            assert size(tmp_path) == WHOLE, "nothing is written to a card that takes no write"
    assert spare.lend(tmp_path) == WHOLE


def test_what_is_left_is_taken_back_and_the_rest_another_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short file, as a start that was cut off leaves it, is one: no ample room is asked for to lengthen it."""
    (tmp_path / spare.SPARE_NAME).touch()
    left = WHOLE - 50_000
    monkeypatch.setattr(spare, "AMPLE_BYTES", 1 << 40)
    with monkeypatch.context() as patch:
        allowed(patch, left)
        spare.make(tmp_path)
        assert left - spare.PIECE_BYTES <= size(tmp_path) <= left
    spare.make(tmp_path)
    assert size(tmp_path) == WHOLE


def test_a_file_system_that_sets_nothing_aside_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed(monkeypatch, 0, errno.EOPNOTSUPP)
    spare.make(tmp_path)
    assert size(tmp_path) == WHOLE
    assert (tmp_path / spare.SPARE_NAME).stat().st_blocks * 512 >= WHOLE


def test_a_card_that_fails_is_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    allowed(monkeypatch, 0, errno.EIO)
    spare.make(tmp_path)
    assert "spare cannot be seen to" in caplog.text
    (tmp_path / spare.SPARE_NAME).unlink()
    (tmp_path / spare.SPARE_NAME).symlink_to(tmp_path / "elsewhere")
    spare.make(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


async def test_an_archive_is_opened_in_it(tmp_path: Path, free: Free) -> None:
    await created(tmp_path)
    seen: list[int] = []

    def prepare(folder: Path) -> bool:
        seen.append(size(folder))
        return False

    def step(name: str) -> None:
        seen.append(size(tmp_path))

    options = replace(OPTIONS, prepare=prepare, step=step)
    async with await Archive.open(tmp_path, options=options):
        assert set(seen) == {WHOLE}, "there was room enough"
    seen.clear()
    free(0)
    async with await Archive.open(tmp_path, options=options):
        assert set(seen) == {0} and len(seen) > 2
        assert size(tmp_path) == WHOLE
    spare.lend(tmp_path)
    (tmp_path / "archive.db").unlink()
    with pytest.raises(LocalError, match="is gone"):
        await Archive.open(tmp_path, options=OPTIONS)
    assert size(tmp_path) == WHOLE


async def test_a_folder_that_is_no_node_gets_none(tmp_path: Path) -> None:
    with pytest.raises(LocalError):
        await Archive.open(tmp_path, options=OPTIONS)
    assert not (tmp_path / spare.SPARE_NAME).exists()


async def test_a_start_without_any_room_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await created(tmp_path)
    (tmp_path / spare.SPARE_NAME).unlink()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveFull) as refused:
        await Archive.open(tmp_path, options=OPTIONS)
    assert refused.value.fault is not None and refused.value.fault.code == "card_full_at_start"
    assert "make room on that card" in (refused.value.hint or "")
    assert refused.value.__cause__ is not None and getattr(refused.value.__cause__, "fault", None) == CARD_FULL


def test_a_lock_without_room_for_a_number_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    lock = FolderLock(tmp_path)
    with pytest.raises(LocalError, match="in use"):
        FolderLock(tmp_path)
    lock.release()


async def test_it_is_in_no_backup(tmp_path: Path) -> None:
    await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis", settings=SETTINGS)
    assert size(tmp_path / "node") == WHOLE
    names = {path.name for path in contents._listed(tmp_path / "node")}
    assert "convergences.toml" in names and spare.SPARE_NAME not in names
    assert not contents.left_out("spare-time.toml")


async def test_an_index_for_which_the_card_has_no_room_is_made_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where nothing was ever spare. Nobody is told what SQLite calls it, and what comes later is found, too."""
    folder, memory = tmp_path / "node", tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(read_only, "_bases", lambda: [memory])
    await create_town(folder, "FR-93066", "town", "Saint-Denis", settings=SETTINGS)
    async with Town.open(folder) as town:
        await perform(town, "add", {"kind": "actor", "fields": {"name": "Chorale", "type": "association"}}, print)
    for path in folder.glob("index.*"):
        path.unlink()
    really_create = store.create

    def create(path: Path, bytes_max: int | None = None) -> sqlite3.Connection:
        if path.parent == folder or not memory.exists():
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
            raise error
        return really_create(path, bytes_max)

    monkeypatch.setattr(store, "create", create)
    async with Town.open(folder) as town:
        await perform(town, "add", {"kind": "actor", "fields": {"name": "Chorale bis", "type": "association"}}, print)
        await town.index.catch_up()
        assert len((await town.index.search(Query(text="chorale"))).items) == 2
    really_read_only = read_only.roomy_folder

    def nowhere(folder: Path) -> tuple[Path, int]:
        place, room = really_read_only(folder)
        memory.rename(tmp_path / "gone")
        return place, room

    monkeypatch.setattr("convergences_node.index.in_memory.roomy_folder", nowhere)
    with pytest.raises(ArchiveFull) as refused:
        async with Town.open(folder):
            pass
    assert refused.value.fault is not None and refused.value.fault.code == "card_full_at_start"
