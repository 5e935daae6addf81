# SPDX-License-Identifier: AGPL-3.0-or-later
"""A card that takes no write: the node starts, answers its town, refuses every write with a sentence, and says it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from convergences_node.control import ControlServer, call, is_running
from convergences_node.founding import create_town
from convergences_node.read_only import (
    copy_in_memory,
    open_database,
    passing_path,
    passing_places,
    places_of_sockets,
)
from convergences_node.town import Town
from convergences_node.web.operator.log_in import LOG_IN
from convergences_protocol.errors import LocalError

from tests.awkward.read_only import content, rights_taken, skip_unless_mountable, to_whom_it_is_read_only

from .conftest import PATIENCE, Operator
from .processes import COMMAND, Process

UNITS = Path(__file__).parents[2] / "deploy" / "package" / "files"
KILLED = """
import asyncio, json, os, sys
from pathlib import Path
from convergences_node.founding import create_town
from convergences_node.town import Town
from convergences_node.verbs import perform

LOOPBACK = {"p2p": {"enabled": False}, "discovery": {"zeroconf": False}, "http": {"port": 0, "language": "fr"}}
FIELDS = {"name": "Amicale des riverains", "type": "association"}

async def live(folder):
    await create_town(folder, "FR-93066", "town", "Saint-Denis", facts=None, settings=LOOPBACK)
    async with Town.open(folder) as town:
        given = await perform(town, "operator", {}, lambda event: None)
        await perform(town, "add", {"kind": "actor", "fields": FIELDS}, lambda event: None)
        await town.index.catch_up()
        print(json.dumps(given), flush=True)
        os._exit(0)

asyncio.run(live(Path(sys.argv[1])))
"""
"""A town's life, cut: what it wrote last is in its write-ahead logs."""
UNREAD = """
import asyncio, os, sys
from pathlib import Path
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord

async def write(folder):
    archive = await Archive.open(folder)
    await archive.append([NewRecord("actor", {"name": "Amicale tardive", "type": "association"})])
    os._exit(0)

asyncio.run(write(Path(sys.argv[1])))
"""
"""What it wrote in its last second, which its index never read."""
LEAVE = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (n); PRAGMA wal_checkpoint(TRUNCATE)")
db.execute("INSERT INTO t VALUES (7)")
db.close() if sys.argv[2] == "closed" else os._exit(0)
"""


class OnACardThatTakesNoWrite(Process):
    """A node's process to which its folder is read-only: by a mount of its own or, for who may not mount, by rights."""

    @staticmethod
    def command(folder: Path, *words: str) -> list[str]:
        return to_whom_it_is_read_only(folder, [*COMMAND, *words, "--folder", str(folder)])

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder.with_name("read-only.log")
        with self._log.open("wb") as log:
            command = self.command(folder, "serve")
            self._process = subprocess.Popen(command, stderr=log, env=os.environ | {"LC_ALL": "C.UTF-8"})

    def said(self, *words: str) -> tuple[int, str]:
        """What a command of the operator's ends with, and says."""
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        command = self.command(self.folder, *words)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A town that was killed while it ran: what it wrote last is in its write-ahead logs."""
    skip_unless_mountable()
    folder = tmp_path / "node"
    given = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=True, capture_output=True).stdout
    (tmp_path / "given.json").write_bytes(given)
    assert (folder / "archive.db-wal").stat().st_size
    yield folder
    for place in passing_places(folder):
        shutil.rmtree(place, ignore_errors=True)


async def test_a_node_starts_on_a_card_that_takes_no_write(folder: Path, tmp_path: Path) -> None:
    given = json.loads((tmp_path / "given.json").read_text())
    before = content(folder)
    with rights_taken(folder):
        process = OnACardThatTakesNoWrite(folder)
        try:
            address = await asyncio.to_thread(process.address)
            async with aiohttp.ClientSession(timeout=PATIENCE, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                await _residents_read(session, address)
                await _the_operator_is_told(Operator(process, session), given)
            await asyncio.to_thread(_commands_say_it, process, tmp_path)
        finally:
            assert await asyncio.to_thread(process.stop) == 0
    assert "Traceback" not in process.log()
    assert content(folder) == before  # the log, the guard and all keys are as they were
    size = await asyncio.to_thread(call, folder, "status", {})
    assert (size["log"]["size"], size["doubts"]) == (2, [])


async def _residents_read(session: aiohttp.ClientSession, address: str) -> None:
    async with session.get(f"{address}api/v1/search?q=riverains") as answer:
        assert [item["name"] for item in (await answer.json())["items"]] == ["Amicale des riverains"]
    async with session.get(f"{address}?q=riverains") as answer:
        assert answer.status == 200 and "Amicale des riverains" in await answer.text()
    async with session.get(f"{address}healthz") as answer:
        health = await answer.json()
        assert (answer.status, health["status"], health["ready"], health["index_behind"]) == (200, "degraded", True, 0)
        assert health["read_only"]
    async with session.get(f"{address}metrics") as answer:
        assert "convergences_read_only 1.0" in await answer.text()


async def _the_operator_is_told(operator: Operator, given: dict[str, str]) -> None:
    status, where, _ = await operator.send(LOG_IN, name=given["name"], password=given["password"])
    assert (status, where) == (303, "/operateur")
    _, _, page = await operator.get("/operateur")
    assert "La carte refuse d’écrire" in page
    status, _, page = await operator.get("/operateur/compte")
    fields = {"old": given["password"], "password": "un autre mot de passe"}
    status, _, page = await operator.send("/operateur/compte/passe", **fields)
    assert status == 422 and "La carte refuse d’écrire" in page


def _commands_say_it(process: OnACardThatTakesNoWrite, elsewhere: Path) -> None:
    code, text = process.said("add", "actor", "name=Non", "type=association")
    assert code == 1 and "takes no write" in text and "Traceback" not in text
    code, text = process.said("status")
    assert code == 0 and "running" in text and "The card refuses to be written" in text
    stick = elsewhere / "stick"
    stick.mkdir()
    code, text = process.said("backup", str(stick))
    assert code == 0 and "read back and right" in text, text
    assert list(stick.glob("*-000001.age"))


async def test_a_node_under_which_the_card_turns_read_only_stops_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its operator, or for an update: its socket stays where it is, and the next start finds that it is nobody's."""
    folder = tmp_path / "node"
    await create_town(folder, "FR-93066", "town", "Saint-Denis", facts=None)
    async with Town.open(folder) as town:
        control = ControlServer(town)
        await control.start()
        with monkeypatch.context() as card:
            card.setattr(Path, "unlink", _read_only)
            await control.stop()
        assert not is_running(folder)
        again = ControlServer(town)
        await again.start()
        assert await asyncio.to_thread(is_running, folder)
        await again.stop()


def _read_only(*args: object, **options: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


def test_an_index_that_cannot_serve_there_is_made_in_memory(folder: Path) -> None:
    """A node whose index was being made again when the card failed is searched all the same."""
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (folder / name).unlink()
    with rights_taken(folder):
        done = OnACardThatTakesNoWrite.command(folder, "search", "riverains")
        text = subprocess.run(done, capture_output=True, text=True, timeout=60).stdout
        assert "Amicale des riverains" in text
        assert not (folder / "index.db").exists()


async def test_what_the_index_had_not_read_is_read_in_memory(folder: Path) -> None:
    """The node is well at once, and a moment later all that was acknowledged is found; the card is as it was."""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", UNREAD, str(folder)], check=True)
    before = content(folder)
    with rights_taken(folder):
        process = OnACardThatTakesNoWrite(folder)
        try:
            address = await asyncio.to_thread(process.address)
            found, health = await _found_when_all_is_read(address)
        finally:
            assert await asyncio.to_thread(process.stop) == 0
    assert health["status"] == "degraded"
    assert found == {"Amicale des riverains", "Amicale tardive"}
    assert content(folder) == before


async def _found_when_all_is_read(address: str) -> tuple[set[str], dict[str, object]]:
    found: set[str] = set()
    health: dict[str, object] = {"index_behind": None}
    async with aiohttp.ClientSession(timeout=PATIENCE) as session, asyncio.timeout(60):
        while len(found) < 2 or health["index_behind"] != 0:  # nothing tells from outside when it was read
            async with session.get(f"{address}api/v1/search?q=amicale") as answer:
                found = {item["name"] for item in (await answer.json())["items"]}
            async with session.get(f"{address}healthz") as answer:
                health = await answer.json()
    return found, health


@pytest.mark.parametrize("left", ["closed", "killed", "killed, and without the shared memory"])
def test_a_database_is_read_however_it_was_left(tmp_path: Path, left: str) -> None:
    """Also what only stands in the write-ahead log; by several connections; and none of them writes."""
    path = tmp_path / "a.db"
    subprocess.run([sys.executable, "-c", LEAVE, str(path), left], check=True)
    if "without" in left:
        path.with_name("a.db-shm").unlink()
    before = content(tmp_path)
    for db in [open_database(path) for _ in range(3)]:
        assert db.execute("SELECT n FROM t").fetchall() == [(7,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("INSERT INTO t VALUES (8)")
    copy = copy_in_memory(path)
    copy.execute("INSERT INTO t VALUES (8)")
    assert copy.execute("SELECT count(*) FROM t").fetchone() == (2,)
    assert content(tmp_path) == before


def test_who_may_write_nowhere_asks_the_node_all_the_same(folder: Path) -> None:
    """As the unit that asks for a backup when a stick is plugged in: to it alone the folder is read-only."""
    node = Process(folder)
    try:
        node.address()
        if os.getuid():
            folder.chmod(0o500)
        command = OnACardThatTakesNoWrite.command(folder, "add", "actor", "name=Amie", "type=association")
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        folder.chmod(0o700)
        node.stop()


def test_where_no_temporary_file_can_be_made_the_service_s_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Debian 12 the folder for temporary files is on the card, too, and Python then finds none at all."""

    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("convergences_node.read_only.RUNTIME_FOLDER", tmp_path)
    monkeypatch.setattr("tempfile.gettempdir", none)
    assert passing_path(tmp_path / "node").parent == tmp_path
    assert passing_path(tmp_path / "node") in places_of_sockets(tmp_path / "node")
    assert tmp_path in {place.parent for place in passing_places(tmp_path / "node")}


def test_a_stranger_s_folder_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the socket would be, anybody may have made a folder first."""
    monkeypatch.setattr("convergences_node.read_only.RUNTIME_FOLDER", tmp_path / "none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = passing_path(tmp_path)
    place.symlink_to(tmp_path)
    with pytest.raises(LocalError, match="not this node's own"):
        passing_path(tmp_path)
    place.unlink()
    place.mkdir(mode=0o755)
    with pytest.raises(LocalError, match="not this node's own"):
        passing_path(tmp_path)


# ------------------------------------------------------------------------------------- the package's units
@pytest.mark.parametrize("name", ["convergences", "convergences-https", "convergences-stick-backup"])
def test_a_unit_that_is_wanted_on_such_a_card_starts_on_debian_12(name: str) -> None:
    """Its systemd makes a folder in /tmp for PrivateDevices, which is on the card there, or starts nothing."""
    lines = (UNITS / f"{name}.service").read_text("utf-8").splitlines()
    assert "DevicePolicy=closed" in lines
    assert not [line for line in lines if line.startswith("PrivateDevices=")]
