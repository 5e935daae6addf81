# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every released version's node starts under this program and under the next one, and comes back to where it was; with
the power cut at every step of it, nothing that anybody was told is lost, and no start is refused.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from convergences_node.accounts import Accounts
from convergences_node.archive.lock import LOCK_NAME
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.verifying import verify_folder
from convergences_node.index.query import Query
from convergences_node.town import Town
from convergences_node.updates.before import FOLDER, files
from convergences_node.updates.places import ROOT_VARIABLE

from tests.drills.disk import Disk, Op, ops
from tests.drills.power import compiled, compiler

from . import migrating_work
from .making_golden import OPERATOR, PASSWORD, goldens, unpack
from .migrating_work import NOW, OPTIONS, be, live, prepare
from .pretending import put_state

CUTS_MAX = int(os.environ.get("UPDATE_CUTS", "10"))
"""Cuts of each of the four stretches; with UPDATE_CUTS=100000, at every step of them."""
ROOT = Path(__file__).parents[2]
GOLDENS = pytest.mark.parametrize("golden", goldens(), ids=lambda path: path.name.removesuffix(".tar.xz"))
RECORDED = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here to record a node with")


@pytest.fixture(autouse=True)
def this_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Whatever a test pretends to be, the next one is this program again."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "nowhere"))
    yield
    be("returned")


async def judge(node: Path, told: dict[str, Any], is_next: bool) -> None:
    """All that was told is there, and found, and the node goes on."""
    async with Town.open(node, clock=lambda: NOW, options=OPTIONS) as town:
        # A record that was written when the power went, and that nobody was told of, is shown.
        assert {finding.code for finding in town.archive.findings} <= {"archive.revealed"}, town.archive.findings
        for digest in told["digests"]:
            found = await town.archive.read(partial(ArchiveReader.locate, header_digest=bytes.fromhex(digest)))
            assert found is not None, f"record {digest[:12]} is lost"
        assert await town.archive.read(lambda reader: reader.choice("golden")) == "kept"
        await town.index.catch_up()
        assert await named(town, told["names"][-1])
        for name in told["gone"]:
            assert not await named(town, name), f"{name} was erased, and is found"
    # The next version calls a column of the private file otherwise; this one's accounts are for its own.
    if not is_next:
        accounts = Accounts(node, lambda: NOW)
        try:
            assert await accounts.log_in(OPERATOR, PASSWORD, "browser") is not None
            assert await accounts.note("golden") == "kept"
        finally:
            accounts.close()
    assert verify_folder(node).sound


async def named(town: Town, name: str) -> bool:
    answer = await town.index.search(Query.from_params({"q": name}))
    return name in [item.name for item in answer.items]


def test_every_database_with_steps_is_kept() -> None:
    """Whoever adds one adds it to `before.files` too."""
    texts = "".join(path.read_text("utf-8") for path in ROOT.glob("node/convergences_node/**/*.py"))
    assert len(re.findall(r"^LAYOUT = Layout\(", texts, re.MULTILINE)) == len(files())


def test_this_version_has_its_golden_node() -> None:
    """Before a release is made: python -m tests.updates.making_golden."""
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"{version}.tar.xz" in [path.name for path in goldens()]


@GOLDENS
async def test_a_released_version_s_node_starts_under_this_program(golden: Path, tmp_path: Path) -> None:
    told = unpack(golden, tmp_path / "node")
    await judge(tmp_path / "node", told, is_next=False)
    await live(tmp_path / "node", "returned")


@GOLDENS
async def test_a_trial_that_ends_well(golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written before the new version is confirmed, and everything after; then no copy is left."""
    node = tmp_path / "node"
    told = unpack(golden, node)
    for act in ("trial", "trial", "confirmed"):
        start(tmp_path, act, monkeypatch)
        await live(node, act)
        assert (node / FOLDER).is_dir() is (act == "trial")
        await judge(node, told, is_next=True)


@GOLDENS
async def test_a_trial_that_ends_in_a_return(golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old version finds its own databases, whatever the new one has done to them; and may be updated again."""
    node = tmp_path / "node"
    told = unpack(golden, node)
    for broken in (False, True):
        start(tmp_path, "trial", monkeypatch)
        await live(node, "trial")
        if broken:
            (node / "archive.db").write_bytes(b"not a database, after a very bad migration" * 1000)
        start(tmp_path, "returned", monkeypatch)
        await judge(node, told, is_next=False)
        assert not (node / FOLDER).exists()
        await live(node, "returned")


async def test_a_version_that_is_not_on_trial_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed by hand, after an update to it was refused."""
    told = unpack(goldens()[-1], tmp_path / "node")
    for phase in ("refused", "confirmed"):
        start(tmp_path, "confirmed", monkeypatch)
        put_state(tmp_path / "system", phase)
        await live(tmp_path / "node", "confirmed")
        await judge(tmp_path / "node", told, is_next=True)


async def test_a_migration_without_room_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convergences_node.updates import before
    from convergences_protocol.errors import LocalError

    told = unpack(goldens()[-1], tmp_path / "node")
    start(tmp_path, "trial", monkeypatch)
    monkeypatch.setattr(before, "SPARE_BYTES", 1 << 60)
    with pytest.raises(LocalError, match="no room"):
        await live(tmp_path / "node", "trial")
    start(tmp_path, "returned", monkeypatch)
    await judge(tmp_path / "node", told, is_next=False)


def start(root: Path, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process becomes the program of that moment."""
    prepare(root, act)
    monkeypatch.setenv(ROOT_VARIABLE, str(root / "system"))
    be(act)


# ------------------------------------------------------------------------------------- cuts
@dataclass
class Stretch:
    """What one program did, from what was there."""

    root: Path
    before: dict[str, bytes]
    done: list[Op]


def record(root: Path, act: str, library: Path) -> Stretch:
    """Let the program of that moment open the node, and take down what it does to the files."""
    prepare(root, act)
    before = {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file() and path.name != LOCK_NAME}
    log = root.parent / f"{root.name}.{act}"
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "RECORD_ROOT": str(root),
        "RECORD_LOG": str(log),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "tests.updates.migrating_work", str(root), act]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    return Stretch(root, before, list(ops(log)))


def cuts(stretch: Stretch, image: Path, dice: Random) -> Iterator[tuple[str, set[str]]]:
    """What a plug that is pulled leaves, in `image`, time and again; and the records that had been told by then."""
    moments = range(len(stretch.done) + 1)
    chosen = set(moments) if len(moments) <= CUTS_MAX else set(dice.sample(moments, CUTS_MAX))
    disk = Disk()
    for path, data in stretch.before.items():
        disk.put(path, data)
    for moment in moments:
        if moment in chosen:
            shutil.rmtree(image, ignore_errors=True)
            disk.cut(stretch.root, image, dice)
            told = [json.loads(line) for line in disk.acknowledged]
            op = stretch.done[moment] if moment < len(stretch.done) else None
            what = f"before {moment}: {op.kind} {Path(op.path).name}" if op else "at the end"
            yield what, {each["digest"] for each in told if each["what"] == "appended"}
        if moment < len(stretch.done):
            disk.do(stretch.done[moment])


@GOLDENS
@RECORDED
@pytest.mark.slow
async def test_the_power_may_go_at_every_step(golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the copy and the migration; of the return; of the confirmation."""
    library = compiled(tmp_path)
    dice, image = Random(11), tmp_path / "image"
    monkeypatch.setattr(migrating_work, "say", lambda what, **more: None)
    for ending in ("returned", "confirmed"):
        root = tmp_path / ending
        told = unpack(golden, root / "node")
        trial = record(root, "trial", library)
        await judge_cuts(trial, "trial", ending, told, image, dice, monkeypatch)
        await judge_cuts(record(root, ending, library), ending, ending, told, image, dice, monkeypatch)


async def judge_cuts(
    stretch: Stretch,
    act: str,
    ending: str,
    told: dict[str, Any],
    image: Path,
    dice: Random,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, (what, digests) in enumerate(cuts(stretch, image, dice)):
        try:
            if number % 2 and act == "trial":  # the machine comes back in the middle of the trial; else only after it
                start(image, "trial", monkeypatch)
                await live(image / "node", "trial")
            start(image, ending, monkeypatch)
            known = {**told, "digests": [*told["digests"], *digests]}
            await judge(image / "node", known, is_next=ending == "confirmed")
            await live(image / "node", ending)
        except Exception as error:
            raise AssertionError(f"{act}, then {ending}; cut {what}: {error!r}") from error
