# SPDX-License-Identifier: AGPL-3.0-or-later
"""A backup of a card that takes no write, or has no byte left: it is then that one is needed."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from convergences_node import read_only
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import CARD_FULL, ArchiveFull
from convergences_node.backup import contents, making
from convergences_node.backup.restoring import restore
from convergences_node.backup.schedule import Nightly
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.errors import LocalError

from tests.awkward.read_only import rights_taken, skip_unless_mountable, to_whom_it_is_read_only

from .making_backups import Made, ask, seed_of

NIGHTS = """
import asyncio, json, sys
from pathlib import Path
from convergences_node.backup.schedule import Nightly
from convergences_node.backup.verb import last_backup
from convergences_node.town import Town

async def live(folder, stick):
    async with Town.open(folder) as town:
        town.config.backup.folder = str(stick)
        nightly = Nightly(town)
        made = [await nightly.look() for _ in range(3)]
        print(json.dumps([town.read_only is not None, made, (await last_backup(town))["path"]]))

asyncio.run(live(*map(Path, sys.argv[1:])))
"""


def full(*_: object) -> None:
    raise ArchiveFull("the archive is full", fault=CARD_FULL)


async def test_a_card_that_takes_no_write_is_backed_up_once_a_night(town: Made) -> None:
    """Nothing can be noted on it; made again at each look, they would have pushed every older one off the stick."""
    skip_unless_mountable()
    folder, _, stick = town
    await ask(folder, target=str(stick))
    (stick / "convergences-FR-93066-000001.json").rename(stick / "convergences-FR-93066-000007.json")
    (stick / "convergences-FR-93066-000001.age").rename(stick / "convergences-FR-93066-000007.age")
    async with Town.open(folder) as opened:
        await opened.archive.choose("backup", None)
    command = [sys.executable, "-c", NIGHTS, str(folder), str(stick)]
    with rights_taken(folder):
        lived = await asyncio.to_thread(
            subprocess.run, to_whom_it_is_read_only(folder, command), capture_output=True, text=True, timeout=120
        )
    assert lived.returncode == 0, lived.stderr
    newest = str(stick / "convergences-FR-93066-000008.age")
    assert json.loads(lived.stdout) == [True, [True, False, False], newest]
    assert len(list(stick.glob("*.age"))) == 2


async def test_a_full_card_is_backed_up_once_a_night_and_it_is_not_called_a_failure(
    town: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it went cannot be noted, and is known until the node stops."""
    folder, _, stick = town
    async with Town.open(folder) as opened:
        opened.config.backup.folder = str(stick)
        monkeypatch.setattr(Archive, "choose", full)
        nightly = Nightly(opened)
        assert [await nightly.look() for _ in range(3)] == [True, False, False]
        made = await perform(opened, "backup", {"target": str(stick)}, lambda event: None)
        assert made["path"] == str(stick / "convergences-FR-93066-000002.age")
        with pytest.raises(LocalError, match="there is no folder"):
            await perform(opened, "backup", {"target": str(stick / "absent")}, lambda event: None)
        last = (await perform(opened, "status", {}, lambda event: None))["backup"]
        assert last["path"] == made["path"] and last["fault"]["code"] == "stick_absent"


async def test_private_databases_are_copied_where_there_is_room(
    town: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card without a byte left: in memory, and nothing of them stays there; nowhere, and it is said so."""
    folder, founded, stick = town
    memory = tmp_path / "memory"
    memory.mkdir()
    copied: list[Path] = []
    copy_database, disk_usage = contents._copy_database, shutil.disk_usage

    def copy(path: Path, copied_to: Path) -> None:
        copied.append(copied_to)
        copy_database(path, copied_to)

    def usage(path: Any) -> Any:
        found = disk_usage(path)
        return found._replace(free=0) if Path(path) == folder else found

    monkeypatch.setattr(contents, "_copy_database", copy)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr(read_only, "_bases", lambda: [memory])
    made = await ask(folder, target=str(stick))
    assert copied and all(path.is_relative_to(memory) for path in copied)
    assert not list(memory.rglob("*.db")) and not list(folder.rglob(making.SPOOL_NAME))
    restore(Path(made["path"]), seed_of(founded), tmp_path / "again")
    with closing(sqlite3.connect(tmp_path / "again" / "private.db")) as private:
        assert private.execute("SELECT name FROM accounts").fetchone() == ("Amina",)
    monkeypatch.setattr(read_only, "_free", lambda base: 1)
    with pytest.raises(LocalError) as refused:
        await ask(folder, target=str(stick))
    assert refused.value.fault == CARD_FULL


def test_a_database_that_nobody_has_open_is_read_where_there_is_no_room_beside_it(tmp_path: Path) -> None:
    """SQLite makes a shared memory of 32 KiB beside it, and a full card has none."""
    path = tmp_path / "closed.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (n); INSERT INTO t VALUES (7)")
    (tmp_path / "closed.db-shm").mkdir()  # in its place: it cannot be made
    contents._copy_database(path, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT n FROM t").fetchone() == (7,)
