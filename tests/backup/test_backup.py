# SPDX-License-Identifier: AGPL-3.0-or-later
"""A backup: what is in it, who can open it, what is left of it when something goes wrong half way."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord, SourceRow
from convergences_node.archive.verifying import verify_folder
from convergences_node.backup import contents, making, shelf
from convergences_node.backup.container import DamagedBackup, Member
from convergences_node.backup.recipient import identity_of, recipient_of
from convergences_node.backup.restoring import restore, verify
from convergences_node.backup.schedule import Nightly
from convergences_node.backup.sealing import WrongSheet
from convergences_node.backup.stick import usual_target
from convergences_node.config import load_config
from convergences_node.founding import Founded, create_town
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.errors import LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.recovery import read_sheet

NAMES = [f"association {number}" for number in range(300)]


async def found(folder: Path, territory: str = "FR-93066") -> Founded:
    """A town with more than one bundle of records, the memory of an import, and private data."""
    founded = await create_town(folder, territory, "town", "Saint-Denis")
    async with await Archive.open(folder) as archive:
        records = [
            NewRecord("actor", {"name": name, "type": "association"}, source=SourceRow("list", name, bytes(32)))
            for name in NAMES
        ]
        await archive.append(records)
    with closing(sqlite3.connect(folder / "private.db")) as private:
        private.execute("CREATE TABLE accounts (name TEXT)")
        private.execute("INSERT INTO accounts VALUES ('Amina')")
        private.commit()
    (folder / "blobs").mkdir()
    (folder / "blobs" / "ab").write_bytes(bytes(range(256)) * 1000)
    return founded


def seed_of(founded: Founded) -> bytes:
    return read_sheet("\n".join(founded.recovery_sheet))


async def ask(folder: Path, **params: Any) -> Any:
    async with Town.open(folder) as town:
        return await perform(town, "backup", params, lambda event: None)


@pytest.fixture
async def town(tmp_path: Path) -> tuple[Path, Founded, Path]:
    """A town's folder, how it was founded, and a stick."""
    stick = tmp_path / "stick"
    stick.mkdir()
    return tmp_path / "town", await found(tmp_path / "town"), stick


Made = tuple[Path, Founded, Path]


def test_the_sheet_opens_what_its_public_key_in_the_log_has_sealed() -> None:
    """A fixed vector, and age's own tools agree about which recipient belongs to which identity."""
    import pyrage

    seed = bytes(range(32))
    identity = identity_of(seed)
    assert str(pyrage.x25519.Identity.from_str(identity).to_public()) == recipient_of(SigningKey.from_seed(seed).public)
    assert (
        recipient_of(SigningKey.from_seed(seed).public)
        == "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2"
    )


async def test_a_town_is_put_back_as_it_was(town: Made, tmp_path: Path) -> None:
    """The same log to the same root, settings, keys, private data, memory of imports; and no guard."""
    folder, founded, stick = town
    made = await ask(folder, target=str(stick))
    assert made["records"] == len(NAMES) + 1
    restored = restore(Path(made["path"]), seed_of(founded), tmp_path / "again")
    assert (restored.opening.origin, restored.records) == (founded.origin, len(NAMES) + 1)
    assert not (tmp_path / "again" / "head.guard").exists()
    for name in ("convergences.toml", "node.secret", "keys/node.key", "blobs/ab"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name
    with closing(sqlite3.connect(tmp_path / "again" / "private.db")) as private:
        assert private.execute("SELECT name FROM accounts").fetchall() == [("Amina",)]
    async with await Archive.open(folder) as old, await Archive.open(tmp_path / "again") as new:
        assert [finding.params["reason"] for finding in new.findings] == ["guard_missing"]
        was = await old.read(lambda reader: reader.log(founded.origin))
        now = await new.read(lambda reader: reader.log(founded.origin))
        assert was is not None and now is not None and (was.size, was.root) == (now.size, now.root)
        assert now.wanted == 0
        for name in (NAMES[0], NAMES[-1]):
            assert await new.read(lambda reader, name=name: reader.source("list", name)) == await old.read(  # type: ignore[misc]
                lambda reader, name=name: reader.source("list", name)  # type: ignore[misc]
            )
    assert verify_folder(tmp_path / "again").sound


async def test_what_was_erased_is_not_in_the_backup_and_does_not_come_back(town: Made, tmp_path: Path) -> None:
    """Hidden before it was made: its body is not carried, and is not asked for again by who is put back."""
    folder, founded, stick = town
    async with Town.open(folder) as opened:
        placed = await opened.archive.append([NewRecord("actor", {"name": "to be forgotten", "type": "association"})])
        await perform(opened, "erase", {"element": str(placed[0].element), "reason": "asked"}, lambda event: None)
        made = await perform(opened, "backup", {"target": str(stick)}, lambda event: None)
    restore(Path(made["path"]), seed_of(founded), tmp_path / "again")
    assert b"to be forgotten" not in (tmp_path / "again" / "archive.db").read_bytes()
    async with Town.open(tmp_path / "again") as opened:
        await opened.erasures.drop_due()
        own = await opened.archive.read(lambda reader: reader.log(founded.origin))
        rows = await opened.archive.read(lambda reader: reader.erasures())
        assert own is not None and own.wanted == 0
        assert [row.state for row in rows] == ["hidden"]


async def test_only_the_newest_are_kept_and_another_town_s_are_left_alone(town: Made, tmp_path: Path) -> None:
    """Numbers grow; a stick may be shared."""
    folder, founded, stick = town
    await found(tmp_path / "other", "FR-93031")
    await ask(tmp_path / "other", target=str(stick))
    for _ in range(4):
        made = await ask(folder, target=str(stick), keep=2)
    assert made["removed"] == ["convergences-FR-93066-000002.age"]
    assert [each.number for each in shelf.kept(stick, "FR-93066")] == [3, 4]
    assert [each.number for each in shelf.kept(stick, "FR-93031")] == [1]
    for each in shelf.kept(stick):
        shelf.check(each)
    with pytest.raises(WrongSheet):
        verify(shelf.kept(stick, "FR-93031")[0].path, seed_of(founded))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "cut at its end": lambda data: data[:-1],
    "altered": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "empty": lambda data: b"",
    "something else": lambda data: b"not an age file\n" * 100,
}


def _damage(path: Path, damage: str) -> None:
    path.write_bytes(DAMAGES[damage](path.read_bytes()))


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


async def test_a_stick_that_is_not_there_is_said(town: Made) -> None:
    """And no folder is made in its place: it would be on the card."""
    folder, _, stick = town
    with pytest.raises(LocalError, match="there is no folder"):
        await ask(folder, target=str(stick / "absent"))
    assert not (stick / "absent").exists()


async def test_the_nightly_backup_is_made_when_it_is_due(town: Made) -> None:
    """At its hour, once; and at once when two nights were missed."""
    folder, _, stick = town
    path = folder / "convergences.toml"
    path.write_text(path.read_text().replace('folder = ""', f'folder = "{stick}"'))
    assert load_config(folder).backup.folder == str(stick)
    clock = [1_800_000_000.0]  # 2027-01-15, 9 in the morning in Paris
    async with Town.open(folder, clock=lambda: clock[0]) as opened:
        nightly = Nightly(opened)
        assert await nightly.look(), "there is none yet"
        assert not await nightly.look()
        clock[0] += 17 * 3600  # two in the morning
        assert not await nightly.look()
        clock[0] += 6 * 3600  # at three there was no power
        assert await nightly.look()
        clock[0] += 12 * 3600
        assert not await nightly.look(), "evening"
        clock[0] = 100.0
        assert not await nightly.look(), "1970, and it began a moment ago"
    assert len(shelf.kept(stick)) == 2


def test_a_stick_that_is_plugged_in_stands_for_an_unset_folder(tmp_path: Path) -> None:
    """A folder that is set comes first; a folder where no stick is mounted is on the card, and is none."""
    assert usual_target("", Path("/proc")) == "/proc", "something is mounted there"
    assert usual_target("/srv/backups", Path("/proc")) == "/srv/backups"
    assert usual_target("", tmp_path) == usual_target("", tmp_path / "absent") == ""


async def test_all_logs_are_in_it_if_asked_for(town: Made, tmp_path: Path) -> None:
    """A log that is kept for another town comes back with it."""
    folder, founded, stick = town
    other = await found(tmp_path / "other", "FR-93031")
    await _copy_log(tmp_path / "other", folder, other.origin)
    assert (await ask(folder, target=str(stick)))["archive"] == "own"
    path = Path((await ask(folder, target=str(stick), archive="all"))["path"])
    restored = restore(path, seed_of(founded), tmp_path / "again")
    assert restored.logs == 2
    async with await Archive.open(tmp_path / "again") as archive:
        log = await archive.read(lambda reader: reader.log(other.origin))
        assert log is not None and (log.own, log.size, log.wanted) == (False, len(NAMES) + 1, 0)
    assert verify_folder(tmp_path / "again").sound


async def _copy_log(source: Path, target: Path, origin: str) -> None:
    from convergences_node.archive.carrying import KeptLog, PuttingBack
    from convergences_protocol.origin import LogIdentity

    async with await Archive.open(source) as old, await Archive.open(target) as new:
        state = await old.read(lambda reader: reader.log(origin))
        entries = await old.read(lambda reader: reader.entries(origin, 0))
        assert state is not None and state.recovery_key is not None and state.head_note is not None
        kept = KeptLog(LogIdentity(origin, state.key, state.recovery_key), False, "open", state.head_note)

        def put(writer: Any) -> None:
            putting = PuttingBack(writer, kept)
            putting.take([entry.header for entry in entries], [entry.body or False for entry in entries])
            putting.finish()

        await new.write(put)


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


def test_a_note_says_nothing_of_anybody(tmp_path: Path) -> None:
    """Beside the encrypted file: whose, when, how long. No word of what is in it."""
    note = shelf.Note("FR-93066", "Saint-Denis", "convergences/FR-93066/00", 3, 0, "own", "age1x", 10, "00")
    shelf.write_note(tmp_path / "convergences-FR-93066-000001.age", note)
    assert set(json.loads((tmp_path / "convergences-FR-93066-000001.json").read_text())) == {
        "territory", "name", "origin", "size", "created_at", "archive", "recipient", "size_bytes", "sha256",
    }  # fmt: skip
