# SPDX-License-Identifier: AGPL-3.0-or-later
"""A torn or flipped byte in each file, a disk that is full: found and said, and nothing else harmed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.connection import ARCHIVE_NAME
from convergences_node.archive.guard import GUARD_NAME
from convergences_node.archive.model import ArchiveFull, CosignatureRow, NewRecord
from convergences_node.archive.options import Options
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.verifying import verify_archive, verify_folder
from convergences_protocol.errors import LocalError

from .making import NOW, RemoteLog, Town, key_of

OPTIONS = Options(clock=lambda: NOW, machine=lambda: "board 1")


def actors(*names: str) -> list[NewRecord]:
    return [NewRecord("actor", {"name": name, "type": "association", "summary": "x" * 200}) for name in names]


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A node with two logs of some hundred records, closed."""
    folder = tmp_path / "node"
    async with await Archive.create(folder, "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS) as archive:
        await archive.append(actors(*(f"actor {at}" for at in range(300))))
        neighbour = Town("FR-93059")
        remote = RemoteLog(neighbour, neighbour.actors(*(f"theirs {at}" for at in range(300))))
        await archive.keep_log(neighbour.identity)
        await archive.keep_batch(*remote.batch(0))
        line = remote.cosigned("FR-93059", NOW)
        await archive.keep_cosignatures([CosignatureRow(neighbour.origin, "unknown", 301, NOW, line)])
    return folder


def codes(folder: Path) -> set[str]:
    return {fault.code for fault in verify_folder(folder).faults}


async def test_a_sound_archive_is_found_sound(folder: Path) -> None:
    told: list[dict[str, object]] = []
    report = verify_archive(folder, told.append)
    assert report["sound"] and report["faults"] == []
    assert (report["logs"], report["entries"], report["bodies"]) == (2, 602, 600)
    assert told[-1]["done"] == told[-1]["total"] == 602


TAMPERINGS: dict[str, tuple[str, str]] = {
    "a header": (
        "UPDATE entries SET header = CAST(x'00' || substr(header, 2) AS BLOB) WHERE place & 1023 = 7",
        "verify.frontier",
    ),
    "a signature": (
        "UPDATE entries SET header = CAST(substr(header, 1, length(header) - 1) || x'00' AS BLOB)"
        " WHERE place & 1023 = 9",
        "verify.record",
    ),
    "a body": (
        "UPDATE bodies SET body = CAST(substr(body, 1, length(body) - 1) || x'ff' AS BLOB) WHERE place & 1023 = 5",
        "verify.body",
    ),
    "a body taken away": ("DELETE FROM bodies WHERE place & 1023 = 5", "verify.slot"),
    "a body nobody named": ("INSERT INTO bodies VALUES (5, x'00')", "verify.bodies_count"),
    "a slot": ("UPDATE entries SET slot = 3 WHERE place & 1023 = 5", "verify.slot"),
    "a tile": ("UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 0", "verify.tile"),
    "a tile of the upper level": ("UPDATE tiles SET hashes = zeroblob(32) WHERE level = 1", "verify.tile"),
    "a tile taken away": ("DELETE FROM tiles WHERE level = 0", "verify.tile"),
    "a head": (
        "UPDATE heads SET note = CAST(replace(CAST(note AS TEXT), '301', '300') AS BLOB)",
        "verify.head_signature",
    ),
    "a head's size": ("UPDATE heads SET size = size - 1", "verify.head_root"),
    "a frontier": (
        "UPDATE logs SET frontier = CAST(substr(frontier, 1, length(frontier) - 32) || zeroblob(32) AS BLOB)",
        "verify.frontier",
    ),
    "a leaf taken away": ("DELETE FROM entries WHERE place & 1023 = 100", "verify.leaves_missing"),
    "a leaf too many": (
        "INSERT INTO entries SELECT place + 1, header, run, digest, element, body_key, 0, NULL FROM entries"
        " WHERE place & 1023 = 300",
        "verify.leaves_beyond",
    ),
    "a key of the tables": ("UPDATE entries SET element = 1 WHERE place & 1023 = 4", "verify.row"),
    "a mark": ("UPDATE entries SET unreadable = 'no' WHERE place & 1023 = 4", "verify.record"),
    "a count": ("UPDATE logs SET wanted = 3", "verify.wanted_count"),
    "a fork proof": ("INSERT INTO forks SELECT zeroblob(32), max(origin), x'00', 0 FROM logs", "verify.fork_proof"),
    "the node's key": ("UPDATE logs SET node_key = zeroblob(32) WHERE own", "verify.key_of_another_log"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_whatever_is_changed_in_the_tables_is_found(folder: Path, what: str) -> None:
    sql, code = TAMPERINGS[what]
    connection = sqlite3.connect(folder / ARCHIVE_NAME)
    assert connection.execute(sql).rowcount > 0
    connection.commit()
    connection.close()
    assert code in codes(folder)


async def test_a_flipped_byte_in_the_archive_is_found_or_changes_nothing(folder: Path) -> None:
    """At places all over the file: either it is reported, or it lay where nothing is kept."""
    dice = random.Random(5)
    path = folder / ARCHIVE_NAME
    whole = path.read_bytes()
    reader = ArchiveReader.open(folder)
    before = {log.origin: reader.entries(log.origin, 0) for log in reader.logs()}
    reader.close()
    found = 0
    for _ in range(60):
        at = dice.randrange(100, len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1 :])
        if verify_folder(folder).sound:
            reader = ArchiveReader.open(folder)
            assert {log.origin: reader.entries(log.origin, 0) for log in reader.logs()} == before
            reader.close()
        else:
            found += 1
    assert found > 30


async def test_an_archive_without_its_first_page_says_so(folder: Path) -> None:
    path = folder / ARCHIVE_NAME
    path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])
    with pytest.raises(LocalError, match=r"archive\.db is damaged") as refused:
        await Archive.open(folder, options=OPTIONS)
    assert refused.value.hint
    assert "verify.unreadable_file" in codes(folder)


async def test_an_archive_cut_short_says_so(folder: Path) -> None:
    path = folder / ARCHIVE_NAME
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not verify_folder(folder).sound


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        (GUARD_NAME, lambda data: data[:-1] + bytes([data[-1] ^ 1]), "verify.guard"),
        (GUARD_NAME, lambda data: data[: len(data) // 2], "verify.guard"),
        (GUARD_NAME, None, "verify.guard_missing"),
        ("node.secret", lambda data: b"zz" + data[2:], "verify.keys"),
        ("node.secret", lambda data: bytes([data[0] ^ 1]) + data[1:], "verify.keys"),
        ("node.secret", None, "verify.keys"),
        ("keys/node.key", lambda data: data[:-1] + bytes([data[-1] ^ 1]), "verify.keys"),
        ("keys/node.key", lambda data: data[:40], "verify.keys"),
        ("keys/node.key", None, "verify.keys"),
    ],
)
async def test_a_torn_or_flipped_byte_in_the_other_files_is_found(
    folder: Path, name: str, change: Callable[[bytes], bytes] | None, code: str
) -> None:
    path = folder / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    assert codes(folder) == {code}


async def test_a_damaged_author_key_is_named(folder: Path) -> None:
    (path,) = (folder / "keys").glob("author-*.key")
    path.write_bytes(path.read_bytes()[:-1])
    async with await Archive.open(folder, options=OPTIONS) as archive:
        with pytest.raises(LocalError, match="is damaged"):
            await archive.append(actors("a"))


async def test_a_flipped_byte_in_the_log_of_writes_is_a_doubt(tmp_path: Path) -> None:
    """SQLite stops at the damage, as after a power cut; the guard knows that more was acknowledged."""
    live, image = tmp_path / "live", tmp_path / "image"
    async with await Archive.create(live, "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS) as archive:
        await archive.append(actors("a"))
        before = (live / f"{ARCHIVE_NAME}-wal").stat().st_size
        await archive.append(actors("b"))
        shutil.copytree(live, image)
    wal = image / f"{ARCHIVE_NAME}-wal"
    data = bytearray(wal.read_bytes())
    data[before + 200] ^= 1
    wal.write_bytes(data)
    (image / f"{ARCHIVE_NAME}-shm").unlink()
    async with await Archive.open(image, options=OPTIONS) as archive:
        assert [finding.params["reason"] for finding in archive.findings] == ["archive_behind_guard"]


# ------------------------------------------------------------------------------------------------- a full disk
async def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    """Refused with a sentence; what was acknowledged is there, can be read, and more fits once there is room."""
    options = replace(OPTIONS, pages_max=80)
    kept = 0
    async with await Archive.create(tmp_path, "FR-93066", key_of("n"), key_of("r").public, options=options) as archive:
        with pytest.raises(ArchiveFull, match="no room left, and nothing was written"):
            for _ in range(200):
                kept += len(await archive.append(actors("a", "b", "c")))
        neighbour = Town("FR-93059")
        remote = RemoteLog(neighbour, neighbour.actors(*(f"theirs {at}" for at in range(300))))
        with pytest.raises(ArchiveFull):
            await archive.keep_log(neighbour.identity)
            await archive.keep_batch(*remote.batch(0))
        state = await archive.read(lambda reader: reader.own_log())
        assert state.size == 1 + kept
    assert kept > 50
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        assert archive.findings == []
        (placed,) = await archive.append(actors("there is room again"))
        assert placed.index == 1 + kept
    assert verify_folder(tmp_path).sound


async def test_no_room_for_the_guard_refuses_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Archive.create(tmp_path, "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS) as archive:
        await archive.append(actors("an author's key is made"))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", no_space)
            with pytest.raises(ArchiveFull, match="nothing was appended"):
                await archive.append(actors("a"))
        (placed,) = await archive.append(actors("b"))
        assert placed.index == 2
    assert verify_folder(tmp_path).sound


async def test_a_guard_that_cannot_be_put_in_its_place_stops_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive has committed: nothing is acknowledged, nothing more is written, and the next start shows it."""
    async with await Archive.create(tmp_path, "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS) as archive:
        await archive.append(actors("an author's key is made"))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", no_space)
            with pytest.raises(LocalError, match=r"head\.guard could not be put in its place"):
                await archive.append(actors("a"))
        with pytest.raises(LocalError, match="stopped writing"):
            await archive.append(actors("b"))
        assert (await archive.read(lambda reader: reader.own_log())).size == 2
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        assert [finding.code for finding in archive.findings] == ["archive.revealed"]
        assert (await archive.read(lambda reader: reader.own_log())).size == 3


def no_space(*args: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_damaged_page_is_said_to_whoever_reads_there(tmp_path: Path) -> None:
    """A sentence with the next step, in the middle of the day; and the rest goes on."""
    async with await Archive.create(tmp_path, "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS) as archive:
        placed = await archive.append(actors(*(f"actor {at}" for at in range(600))))
        entry = await archive.read(lambda reader: reader.entry(placed[100].origin, placed[100].index))
        assert entry is not None
    path = tmp_path / ARCHIVE_NAME
    data = bytearray(path.read_bytes())
    page = data.index(entry.header) // 4096 * 4096
    data[page : page + 8] = b"\xff" * 8
    path.write_bytes(data)
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        with pytest.raises(LocalError, match="is damaged") as refused:
            await archive.read(lambda reader: reader.entries(placed[0].origin, 0))
        assert refused.value.hint and "convergences verify" in refused.value.hint
        await archive.append(actors("one more"))
    assert not verify_folder(tmp_path).sound
