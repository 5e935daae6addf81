# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town whose card died is made again: the same log to the same root, private data back, and the charter names it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.connection import ARCHIVE_NAME
from convergences_node.archive.verifying import verify_folder
from convergences_node.backup.rebuilding import Left, from_backup, from_nothing, from_sheet, newest, rebuild
from convergences_node.backup.settling import settled
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.recovery import read_sheet

from ..awkward.cluster import Cluster, Node


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    await cluster.close()


def quiet(event: dict[str, Any]) -> None:
    """Nobody looks at the progress."""


def seed_of(node: Node) -> bytes:
    return read_sheet("\n".join(node.founded.recovery_sheet))


def private(node: Node, word: str) -> None:
    with closing(sqlite3.connect(node.folder / "members.db")) as db:
        db.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
        db.execute("INSERT INTO words VALUES (?)", (word,))
        db.commit()


def private_words(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "members.db")) as db:
        return [word for (word,) in db.execute("SELECT word FROM words")]


async def wiped(cluster: Cluster, node: Node) -> None:
    """The card is dead."""
    await cluster.stop(node)
    shutil.rmtree(node.folder)


async def test_a_dead_card_with_backup_and_sheet_costs_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """What was in the backup, and what came after it from the agglomeration, to the root that it cosigned."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write(*[f"before {number}" for number in range(300)])
    private(town, "members only")
    stick = tmp_path / "stick"
    stick.mkdir()
    await town.ask("backup", target=str(stick))
    await town.write("after the backup")
    await agglomeration.until_finds("before 0", "after the backup")
    await agglomeration.town._clockwork.cosign()
    old, before = town.origin, await agglomeration.log(town.origin)
    assert before is not None

    async def cosigned() -> bool:
        rows = await town.town.archive.read(lambda reader: reader.cosignatures(old))
        return any(row.cosigner == agglomeration.origin and row.size == before.size for row in rows)

    await town.until(cosigned)
    await wiped(cluster, town)

    restored = from_backup(town.folder, newest(stick, seed_of(town)), seed_of(town), ["http://127.0.0.1:9"], quiet)
    assert restored.records == 301
    assert "http://127.0.0.1:9" in (town.folder / "convergences.toml").read_text()
    await cluster.start(town)
    answer = await settled(town.town, 40, quiet)
    assert answer["state"] == "settled", answer
    (log,) = [log for log in answer["logs"] if log["origin"] == old]
    assert (log["size"], log["root"], log["wanted"]) == (before.size, before.root.hex(), 0)
    assert log["cosigned"]["by"] == agglomeration.origin and log["cosigned"]["size"] == before.size
    assert private_words(town.folder) == ["members only"]
    assert town.key == town.founded.key
    await town.until_finds("before 299", "after the backup")
    await town.write("and goes on")
    await agglomeration.until_finds("before 0", "after the backup", "and goes on")
    await cluster.stop(town)
    assert verify_folder(town.folder).sound


async def test_the_same_old_backup_put_back_twice_is_taken_in_twice(cluster: Cluster, tmp_path: Path) -> None:
    """Older than an epoch that the charter names: what was written in that epoch comes back, and a third goes on."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before the backup")
    stick = tmp_path / "stick"
    stick.mkdir()
    await town.ask("backup", target=str(stick))
    await wiped(cluster, town)
    from_backup(town.folder, newest(stick, seed_of(town)), seed_of(town), [], quiet)
    await cluster.start(town)
    await agglomeration.until_enrolled(town.origin)
    await town.write("in the second epoch")
    await agglomeration.until_finds("in the second epoch")
    second, size = town.origin, await town.size(town.origin)
    await wiped(cluster, town)

    from_backup(town.folder, newest(stick, seed_of(town)), seed_of(town), [], quiet)
    await cluster.start(town)
    await town.write("written at once")
    answer = await settled(town.town, 40, quiet)
    assert answer["state"] == "settled", answer
    assert {log["origin"]: log["size"] for log in answer["logs"]}[second] == size
    await agglomeration.until_enrolled(town.origin)
    everything = ("before the backup", "in the second epoch", "written at once")
    await town.until_finds(*everything)
    await agglomeration.until_finds(*everything)


async def test_without_peers_the_backup_is_what_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    """A town that belongs to nobody: it writes on at once, and the answer says that nothing more can come."""
    town = await cluster.start(await cluster.found("saint-denis"))
    await town.write("alone")
    stick = tmp_path / "stick"
    stick.mkdir()
    await town.ask("backup", target=str(stick))
    await wiped(cluster, town)
    _quiet_p2p(town)
    left = Left(backup=stick, recovery_seed=seed_of(town))
    answer = await rebuild(town.folder, left, 20, quiet)
    assert (answer["how"], answer["state"], answer["records"]) == ("backup", "alone", 2)
    await cluster.start(town)
    await town.until_finds("alone")


def _quiet_p2p(town: Node) -> None:
    """Nothing to do: the settings in the backup are those of the test."""


async def test_without_peers_a_stick_brings_what_came_after_the_backup(cluster: Cluster, tmp_path: Path) -> None:
    """The bundle is the town's own: its tail is closed history, taken as from a peer."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before the backup")
    stick = tmp_path / "stick"
    stick.mkdir()
    await town.ask("backup", target=str(stick))
    await town.write("after the backup")
    await agglomeration.until_finds("after the backup")
    await town.ask("bundle_write", path=str(stick / "logs"))
    old, size = town.origin, await town.size(town.origin)
    await wiped(cluster, town)
    await cluster.stop(agglomeration)
    answer = await rebuild(
        town.folder, Left(backup=stick, recovery_seed=seed_of(town), bundle=stick / "logs"), 0, quiet
    )
    assert answer["bundle"]["sound"]
    (log,) = [log for log in answer["logs"] if log["origin"] == old]
    assert (log["size"], log["wanted"]) == (size, 0)
    await cluster.start(town)
    await town.until_finds("before the backup", "after the backup")
    await cluster.start(agglomeration)
    await agglomeration.until_enrolled(town.origin)


async def test_the_sheet_and_a_peer_bring_back_what_was_public_under_the_same_sheet(
    cluster: Cluster, tmp_path: Path
) -> None:
    """No backup: a new key, named by the recovery key; the sheet in the safe stays the right one."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("public")
    await agglomeration.until_finds("public")
    await cluster.stop(agglomeration)
    await cluster.start(agglomeration, pages=True)
    old, seed = town.origin, seed_of(town)
    await wiped(cluster, town)
    address = agglomeration.town.http_address
    assert address is not None
    invited = await agglomeration.ask("invite", territory="FR-93066", addresses=[address])
    answer = await from_sheet(town.folder, seed, [address], invited["invitation"], quiet)
    assert (answer["origin"], answer["told"], answer["territory"]) == (old, [address], "FR-93066")
    await cluster.start(town)
    assert town.key != town.founded.key
    state = await town.town.archive.read(lambda reader: reader.own_log())
    assert state.recovery_key is not None and state.recovery_key != state.key
    await town.until_finds("public")
    await agglomeration.until_enrolled(town.origin)
    await cluster.acquaint(town, agglomeration)
    await town.write("written after")
    await agglomeration.until_finds("public", "written after")
    with pytest.raises(LocalError, match="is not empty"):
        await from_sheet(town.folder, seed, [address], None, quiet)


async def test_the_sheet_and_a_stick_bring_back_what_was_public(cluster: Cluster, tmp_path: Path) -> None:
    """Neither backup nor network: the word to carry to the agglomeration is in the answer."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("public")
    await agglomeration.until_finds("public")
    await agglomeration.ask("bundle_write", path=str(tmp_path / "stick"))
    seed = seed_of(town)
    await wiped(cluster, town)
    answer = await from_sheet(town.folder, seed, [str(tmp_path / "stick")], None, quiet)
    assert answer["told"] == [] and answer["succession"].startswith("convs1")
    await cluster.start(town)
    await town.until_finds("public")
    await agglomeration.ask("join", invitation=answer["succession"])
    await agglomeration.until_enrolled(town.origin)


async def test_a_sheet_that_belongs_to_nobody_there_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """Another sheet, no address that answers: refused before anything is written."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await agglomeration.ask("bundle_write", path=str(tmp_path / "stick"))
    with pytest.raises(LocalError, match="keeps a log of this sheet"):
        await from_sheet(tmp_path / "new", bytes(range(32)), [str(tmp_path / "stick")], None, quiet)
    with pytest.raises(ConvergencesError):
        await from_sheet(tmp_path / "new", seed_of(town), ["http://127.0.0.1:9"], None, quiet)
    assert not (tmp_path / "new").exists()


async def test_without_the_sheet_people_decide_with_the_commands_that_are_given(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A new node; at the agglomeration somebody enrols it and ends the old log; what was public comes back."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("public")
    await agglomeration.until_finds("public")
    await agglomeration.ask("bundle_write", path=str(tmp_path / "stick"))
    old = town.origin
    await wiped(cluster, town)
    answer = await from_nothing(town.folder, "FR-93066", None, [str(tmp_path / "stick")])
    assert answer["origin"] == old and len(answer["recovery_sheet"]) == 4
    new = answer["successor"]
    await agglomeration.ask("enrol", origin=new, key=answer["key"], recovery_key=answer["recovery_key"])
    await agglomeration.ask("end", origin=old, why="rebuilt", successor=new)
    await cluster.start(town)
    await cluster.join(town, agglomeration)
    await town.until_finds("public")
    await town.write("goes on")
    await agglomeration.until_finds("public", "goes on")


async def test_of_several_towns_backups_the_sheet_says_which(cluster: Cluster, tmp_path: Path) -> None:
    """Where the notes are gone, the file has to be named; of an empty folder nothing can be made."""
    stick = tmp_path / "stick"
    stick.mkdir()
    with pytest.raises(LocalError, match="no backup in"):
        newest(stick, bytes(32))
    for name in ("saint-denis", "epinay"):
        node = await cluster.start(await cluster.found(name))
        await node.ask("backup", target=str(stick))
    assert newest(stick, seed_of(cluster.nodes["saint-denis"])).name == "convergences-FR-93066-000001.age"
    assert newest(stick, seed_of(cluster.nodes["epinay"])).name == "convergences-FR-93031-000001.age"
    with pytest.raises(LocalError, match="backups of FR-93031, FR-93066"):
        newest(stick, bytes(32))
    for note in stick.glob("*.json"):
        note.unlink()
    with pytest.raises(LocalError, match="backups of FR-93031, FR-93066"):
        newest(stick, seed_of(node))


async def test_an_archive_in_the_way_is_never_written_over(cluster: Cluster, tmp_path: Path) -> None:
    """Rebuilding into the folder of a living node is refused, and the node is as it was."""
    town = await cluster.start(await cluster.found("saint-denis"))
    stick = tmp_path / "stick"
    stick.mkdir()
    await town.ask("backup", target=str(stick))
    await cluster.stop(town)
    before = (town.folder / ARCHIVE_NAME).read_bytes()
    with pytest.raises(LocalError, match="is not empty"):
        from_backup(town.folder, newest(stick, seed_of(town)), seed_of(town), [], quiet)
    assert (town.folder / ARCHIVE_NAME).read_bytes() == before
