# SPDX-License-Identifier: AGPL-3.0-or-later
"""A backup: what is in it, who can open it, when it is made; it puts the town back as it was."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.archive.verifying import verify_folder
from convergences_node.backup import shelf
from convergences_node.backup.rebuilding import newest
from convergences_node.backup.recipient import identity_of, recipient_of
from convergences_node.backup.restoring import restore, verify
from convergences_node.backup.schedule import Nightly
from convergences_node.backup.sealing import WrongSheet
from convergences_node.backup.stick import usual_target
from convergences_node.certificate.reading import PUBLISHED, read_certificate
from convergences_node.certificate.root import make_root
from convergences_node.config import load_config
from convergences_node.town import Town
from convergences_node.updates.places import OFFERED_NAME
from convergences_node.verbs import perform
from convergences_protocol.keys import SigningKey

from .making_backups import NAMES, Made, ask, found, seed_of


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


async def test_what_an_agglomeration_offers_is_offered_anew(town: Made, tmp_path: Path) -> None:
    """Its packages are not in a backup: a release without them would be an update that no town can fetch."""
    folder, founded, stick = town
    (folder / OFFERED_NAME).write_bytes(b"a release, signed\n")
    made = await ask(folder, target=str(stick))
    restore(Path(made["path"]), seed_of(founded), tmp_path / "again")
    assert not (tmp_path / "again" / OFFERED_NAME).exists()


async def test_https_is_off_on_a_new_card(town: Made, tmp_path: Path) -> None:
    """The key of the certificate is in no backup. With its public half alone the town would give residents a
    certificate that opens nothing, and lead them to an address where nobody answers."""
    folder, founded, stick = town
    make_root(tmp_path, "stains", datetime.now(UTC))
    (folder / PUBLISHED).parent.mkdir()
    (tmp_path / "root.crt").rename(folder / PUBLISHED)
    made = await ask(folder, target=str(stick))
    restore(Path(made["path"]), seed_of(founded), tmp_path / "again")
    assert read_certificate(folder) is not None
    assert read_certificate(tmp_path / "again") is None


async def test_whatever_name_a_file_has_it_comes_back(town: Made, tmp_path: Path) -> None:
    """A person may put anything into the node's folder: a backup with it is no backup that no node has written."""
    folder, founded, stick = town
    names = ["x" * 240 + ".csv", "é" * 120 + ".csv", "ligne\nsuite.csv", os.fsdecode(b"latin\xe9.csv")]
    for name in names:
        (folder / "listes" / "à importer").mkdir(parents=True, exist_ok=True)
        (folder / "listes" / "à importer" / name).write_text(name, errors="surrogateescape")
    made = await ask(folder, target=str(stick))
    restore(Path(made["path"]), seed_of(founded), tmp_path / "again")
    for name in names:
        assert (tmp_path / "again" / "listes" / "à importer" / name).read_text(errors="surrogateescape") == name


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


async def test_backups_in_the_node_s_own_folder_do_not_hold_each_other(town: Made, tmp_path: Path) -> None:
    """Each was twice as large as the one before, until the card was full."""
    folder, founded, _ = town
    (folder / "backups").mkdir()
    (folder / "backups" / "convergences-notes.json").write_text("{}")
    for _ in range(3):
        made = await ask(folder, target=str(folder / "backups"))
    restore(Path(made["path"]), seed_of(founded), tmp_path / "again")
    assert [path.name for path in (tmp_path / "again" / "backups").iterdir()] == ["convergences-notes.json"]


async def test_a_town_that_was_set_up_anew_leaves_the_backups_of_the_one_before(town: Made, tmp_path: Path) -> None:
    """Another sheet opens those, and nobody could make them again: its own go, and those that no note describes."""
    folder, founded, stick = town
    older = [Path((await ask(folder, target=str(stick), keep=3))["path"]) for _ in range(3)]
    older[0].with_suffix(".json").unlink()
    await found(tmp_path / "anew")
    for _ in range(4):
        made = await ask(tmp_path / "anew", target=str(stick), keep=2)
    assert [each.path for each in shelf.kept(stick)][:2] == older[1:]
    assert len(shelf.kept(stick)) == 4 and made["removed"] == ["convergences-FR-93066-000005.age"]
    assert verify(newest(stick, seed_of(founded)), seed_of(founded)).members


async def test_a_stick_full_of_other_files_hides_no_backup(town: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of pictures whose names come first: else the next backup would take the number of the one before."""
    folder, _, stick = town
    monkeypatch.setattr(shelf, "LISTED_MAX", 3)
    for number in range(5):
        (stick / f"IMG_{number:04}.JPG").touch()
    made = [Path((await ask(folder, target=str(stick)))["path"]) for _ in range(5)]
    assert [path.name for path in made] == [f"convergences-FR-93066-{number:06}.age" for number in range(1, 6)]
    assert [each.path for each in shelf.kept(stick)] == made[-3:]


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


def test_a_note_says_nothing_of_anybody(tmp_path: Path) -> None:
    """Beside the encrypted file: whose, when, how long. No word of what is in it."""
    note = shelf.Note("FR-93066", "Saint-Denis", "convergences/FR-93066/00", 3, 0, "own", "age1x", 10, "00")
    shelf.write_note(tmp_path / "convergences-FR-93066-000001.age", note)
    assert set(json.loads((tmp_path / "convergences-FR-93066-000001.json").read_text())) == {
        "territory", "name", "origin", "size", "created_at", "archive", "recipient", "size_bytes", "sha256",
    }  # fmt: skip
