# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town made again from a stick that breaks off or fails half way: said in words, nothing half is left, and the whole
stick brings the town back."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.verifying import verify_folder
from convergences_node.backup import sealing, shelf
from convergences_node.backup.container import DamagedBackup
from convergences_node.backup.rebuilding import Left, from_sheet, rebuild
from convergences_node.backup.restoring import restore, verify
from convergences_node.control import _call_offline
from convergences_node.fault_sentences import hint_sentence, said_in
from convergences_node.founding import Founded
from convergences_node.index.index import Index
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.recovery import read_sheet

from ..awkward.cluster import Cluster, Node
from ..awkward.torn_stick import TornStick
from ..bundles.impatient import cluster
from .making_backups import NAMES, Made, ask, seed_of

__all__ = ["cluster"]


def quiet(event: dict[str, Any]) -> None:
    """Nobody looks at the progress."""


def cut(path: Path, share: float) -> bytes:
    """Leave so much of a file; all that was in it."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return data


def mended(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def of_town(bundle: Path, name: str) -> Path:
    return next(path for path in bundle.rglob(name) if "FR-93066" in str(path))


def whole_again(path: Path, founded: Founded, folder: Path) -> None:
    """Put back from the same file; a restored town has no guard until it is started."""
    assert restore(path, seed_of(founded), folder).records == len(NAMES) + 1
    assert [fault.code for fault in verify_folder(folder).faults] == ["verify.guard_missing"]


def nothing_left(folder: Path) -> None:
    assert not folder.exists() and not folder.with_name(folder.name + ".part").exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
async def test_a_backup_that_breaks_off(town: Made, tmp_path: Path, share: float) -> None:
    """Wherever it does; put back whole, it is the town."""
    folder, founded, stick = town
    path, again = Path((await ask(folder, target=str(stick)))["path"]), tmp_path / "again"
    data = cut(path, share)
    with pytest.raises(DamagedBackup) as refused:
        restore(path, seed_of(founded), again)
    assert f"{path.name} est coupée" in said_in(refused.value, "fr")
    nothing_left(again)
    mended(path, data)
    whole_again(path, founded, again)


class Failing:
    """The stick's file, until so many bytes were read of it."""

    def __init__(self, file: Any, left: int) -> None:
        self._file, self._left = file, left

    def __enter__(self) -> Failing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, count: int = -1) -> bytes:
        data: bytes = self._file.read(min(count, self._left) if count >= 0 else self._left)
        self._left -= len(data)
        if not data:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return data


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
async def test_a_stick_that_fails_while_a_backup_is_read(
    town: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """It is not said to be altered, nor the card to refuse what is written: the stick may only be loose."""
    folder, founded, stick = town
    path, again = Path((await ask(folder, target=str(stick)))["path"]), tmp_path / "again"
    before, opened = shelf.read_back(path), sealing._open
    with monkeypatch.context() as failing:
        left = int(before[0] * share)
        failing.setattr(sealing, "_open", lambda path: Failing(opened(path), left))
        for reading in (lambda: restore(path, seed_of(founded), again), lambda: verify(path, seed_of(founded))):
            with pytest.raises(LocalError, match=r"cannot be read: Input/output error") as refused:
                reading()
            assert not isinstance(refused.value, DamagedBackup)
            assert refused.value.fault is not None and refused.value.fault.code == "backup_unread"
            assert "n’a pas pu être lue" in said_in(refused.value, "fr")
            assert "clé" in (hint_sentence(refused.value.fault, "fr") or "")
    nothing_left(again)
    assert shelf.read_back(path) == before
    whole_again(path, founded, again)


async def dead(cluster: Cluster, stick: Path) -> tuple[Node, bytes, str, int]:
    """A town whose card is dead and whose agglomeration cannot be reached; a stick has its backup, and a bundle of what
    came after it. The node, the sheet, the log, and how many records it had."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before the backup")
    await town.ask("backup", target=str(stick))
    await town.write(*[f"after {number}" for number in range(300)])
    await agglomeration.until_finds("after 299")
    await town.ask("bundle_write", path=str(stick / "logs"))
    origin, size = town.origin, await town.size(town.origin)
    await cluster.stop(town, agglomeration)
    shutil.rmtree(town.folder)
    return town, read_sheet("\n".join(town.founded.recovery_sheet)), origin, size


@pytest.mark.parametrize("after", [0, 5, 8])
async def test_the_backup_is_back_also_where_the_bundle_fails(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """What the bundle did not give is said, and read later: the town is not in the way of its own rebuilding."""
    (stick := tmp_path / "stick").mkdir()
    town, seed, old, size = await dead(cluster, stick)
    left = Left(backup=stick, recovery_seed=seed, bundle=stick / "logs")
    with monkeypatch.context() as failing:
        torn = TornStick(stick / "logs", after, failing)
        answer = await rebuild(town.folder, left, 0, quiet)
    assert torn.failed and answer["how"] == "backup"
    assert (answer["bundle"]["sound"], answer["bundle"]["fault"]["code"]) == (False, "bundle_unread")
    assert verify_folder(town.folder).sound
    for _ in range(2):
        read = await _call_offline(town.folder, "bundle_read", {"path": str(stick / "logs")}, quiet)
        assert read["sound"] and {log["origin"]: log["after"] for log in read["logs"]}[old] == size
    assert verify_folder(town.folder).sound
    await cluster.start(town)
    await town.until_finds("before the backup", "after 0", "after 299")


@pytest.mark.parametrize("after", [0, 2, 5, 9])
async def test_the_sheet_and_a_stick_that_fails_leave_nothing(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """It is the stick that failed, and not the sheet that belongs to nobody; whole, it brings the town."""
    (stick := tmp_path / "stick").mkdir()
    town, seed, _, size = await dead(cluster, stick)
    with monkeypatch.context() as failing:
        torn = TornStick(stick / "logs", after, failing)
        with pytest.raises(ConvergencesError) as refused:
            await from_sheet(town.folder, seed, [str(stick / "logs")], None, quiet)
    assert torn.failed
    assert refused.value.fault is not None and refused.value.fault.code == "bundle_unread", refused.value
    assert "La clé ne rend pas" in said_in(refused.value, "fr")
    nothing_left(town.folder)
    answer = await from_sheet(town.folder, seed, [str(stick / "logs")], None, quiet)
    assert answer["size"] == size and verify_folder(town.folder).sound


@pytest.fixture
def written_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node writes until it is closed: SQLite makes a file beside its index when it pleases."""
    really_close = Index.close

    async def close(index: Index) -> None:
        index.folder.mkdir(exist_ok=True)
        (index.folder / "late").touch()
        await really_close(index)

    monkeypatch.setattr(Index, "close", close)


@pytest.mark.usefixtures("written_to_the_end")
@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/000", "bodies/001.p/*", "tile/0/001.p/*"])
async def test_the_sheet_and_a_bundle_that_breaks_off_leave_nothing(
    cluster: Cluster, tmp_path: Path, name: str
) -> None:
    """Of its head, its records or its tree."""
    (stick := tmp_path / "stick").mkdir()
    town, seed, _, _ = await dead(cluster, stick)
    torn = of_town(stick / "logs", name)
    data = cut(torn, 0.6)
    with pytest.raises(ConvergencesError) as refused:
        await from_sheet(town.folder, seed, [str(stick / "logs")], None, quiet)
    assert refused.value.fault is not None and refused.value.fault.code == "bundle_damaged", refused.value
    nothing_left(town.folder)
    mended(torn, data)
    await from_sheet(town.folder, seed, [str(stick / "logs")], None, quiet)
    assert verify_folder(town.folder).sound
