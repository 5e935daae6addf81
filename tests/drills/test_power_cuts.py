# SPDX-License-Identifier: AGPL-3.0-or-later
"""The power cut drill in short (`python -m tests.drills` is the whole), and that its disk forgets what it should."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from convergences_node.archive import migrations

from .disk import Disk, Op
from .power import compiler, drill

CUTS = 40
ROOT = Path("/root/of/it")


def _op(kind: str, name: str, data: bytes = b"", offset: int = 0) -> Op:
    return Op(kind, f"{ROOT}/{name}" if name else str(ROOT), offset, data)


def _left(tmp_path: Path, ops: list[Op], seed: int) -> dict[str, bytes]:
    disk = Disk()
    for op in ops:
        disk.do(op)
    image = tmp_path / str(seed)
    image.mkdir()
    disk.cut(ROOT, image, Random(seed))
    return {path.name: path.read_bytes() for path in image.iterdir()}


def test_the_disk_keeps_what_was_synced_and_may_forget_the_rest(tmp_path: Path) -> None:
    """Over many dice: the synced bytes always, the others sometimes, and never a rename without its folder's sync."""
    ops = [
        _op("C", "kept"),
        _op("W", "kept", b"a" * 5000),
        _op("S", "kept"),
        _op("W", "kept", b"b" * 5000, 5000),
        _op("C", "loose"),
        _op("W", "loose", b"c"),
        _op("R", "kept", f"{ROOT}/renamed".encode()),
    ]
    seen = [_left(tmp_path, ops, seed) for seed in range(60)]
    assert all((left.get("kept") or left["renamed"])[:5000] == b"a" * 5000 for left in seen)
    assert {len(left.get("kept") or left["renamed"]) > 5000 for left in seen} == {True, False}
    assert {"renamed" in left for left in seen} == {True, False} == {"loose" in left for left in seen}
    assert any(left.get("loose") == b"" for left in seen), "a name without its bytes"
    synced = [_left(tmp_path, [*ops, _op("S", "")], 100 + seed) for seed in range(20)]
    assert all("renamed" in left and "kept" not in left for left in synced)


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler here to record a node with")
@pytest.mark.slow
async def test_a_plug_pulled_anywhere_loses_nothing_that_anybody_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it appends, imports, erases, backs up, writes bundles, migrates, opens epochs, stops and starts."""
    monkeypatch.setattr(migrations, "STEPS", migrations.STEPS)  # the drill knows more of them; the next test does not
    done = await drill(CUTS, seed=7, recordings=2)
    assert done.cuts == CUTS and done.kills == 2
    assert {"appended", "erased", "backed_up"} <= done.acts.keys(), json.dumps(dict(done.acts))
    assert not done.wrong, "\n".join(done.wrong)
