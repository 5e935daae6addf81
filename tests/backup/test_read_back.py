# SPDX-License-Identifier: AGPL-3.0-or-later
"""A backup counts only once the stick has given back what was written to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from convergences_node.backup import making, shelf
from convergences_node.backup.container import DamagedBackup
from convergences_node.checkup.backups import backup_signs
from convergences_node.checkup.wording import sentence
from convergences_node.faults import reason_of

from .making_backups import Made, ask


async def test_a_stick_that_gives_back_something_else_has_no_backup(
    town: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took every byte and synced them; one of them is another one now. What was there before stays whole."""
    folder, _, stick = town
    first = Path((await ask(folder, target=str(stick)))["path"])
    encrypt = making._encrypt

    def lying(order: making.Order, part: Path, recipient: str) -> tuple[int, str]:
        meant = encrypt(order, part, recipient)
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
        return meant

    monkeypatch.setattr(making, "_encrypt", lying)
    with pytest.raises(DamagedBackup) as refused:
        await ask(folder, target=str(stick))
    assert sorted(path.name for path in stick.iterdir()) == [first.name, first.with_suffix(".json").name]
    shelf.check(shelf.kept(stick)[0])
    (told,) = backup_signs({"made_at": 0, **reason_of(refused.value)}, {}, 600)
    assert "ne se relit pas pareil" in sentence(told, "fr")


def test_it_is_read_from_the_stick_and_not_from_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is asked to forget the pages first, or it would show what it still has of what was written."""
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda descriptor, start, length, advice: asked.append(advice))
    (tmp_path / "written").write_bytes(b"a" * 10)
    assert shelf.read_back(tmp_path / "written")[0] == 10
    assert asked == [os.POSIX_FADV_DONTNEED]
