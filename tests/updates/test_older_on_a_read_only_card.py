# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every released version's node is served by a newer program on a card that takes no write: read from a migrated copy
in memory, the card as it was; or refused with what to do, where a copy has no room."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive import older
from convergences_node.archive.migrations import check_current
from convergences_node.archive.reader import ArchiveReader
from convergences_node.read_only import open_database, passing_places
from convergences_node.receipts import keys_of_archive
from convergences_node.town import Town
from convergences_protocol.errors import LocalError

from tests.awkward.read_only import content, rights_taken, skip_unless_mountable, to_whom_it_is_read_only

from .making_golden import goldens, unpack
from .migrating_work import NOW, OPTIONS, be, live

GOLDENS = pytest.mark.parametrize("golden", goldens(), ids=lambda path: path.name.removesuffix(".tar.xz"))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Beside a node, nothing is left."""
    skip_unless_mountable()
    (tmp_path / "stick").mkdir()
    yield tmp_path
    be("returned")
    for place in passing_places(tmp_path / "node"):
        shutil.rmtree(place, ignore_errors=True)


def unpacked(golden: Path, root: Path) -> dict[str, Any]:
    told = unpack(golden, root / "node")
    (root / "told.json").write_text(json.dumps(told))
    return told


def next_version(root: Path, bytes_max: int = older.BYTES_MAX) -> dict[str, Any]:
    """What it says of the node on that card."""
    node = root / "node"
    command = [sys.executable, "-m", "tests.updates.read_only_work", str(root), str(bytes_max)]
    with rights_taken(node):
        done = subprocess.run(to_whom_it_is_read_only(node, command), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@GOLDENS
async def test_it_is_served_from_a_copy_in_memory(golden: Path, root: Path) -> None:
    """Read, searched, backed up, verified, and every write refused; on a card that is written again, all goes on."""
    told = unpacked(golden, root)
    before = content(root / "node")
    for _ in range(2):
        said = next_version(root)
        assert said.pop("records") > len(told["digests"])
        assert said == {
            **dict.fromkeys(("read", "found", "gone", "refused", "sound"), True),
            "choice": "kept",
            "findings": [],
            "copied": 1,
            "left": 0,
        }
        assert content(root / "node") == before
    be("confirmed")
    await live(root / "node", "confirmed")


@GOLDENS
def test_where_a_copy_has_no_room_the_start_is_refused_with_what_to_do(golden: Path, root: Path) -> None:
    """Too large as it lies there; or too large once it is migrated: then nothing half is left in memory."""
    unpacked(golden, root)
    with closing(sqlite3.connect(root / "node/archive.db", isolation_level=None)) as db:
        db.execute("VACUUM")  # no page is free for what the migration adds
    before = content(root / "node")
    size = (root / "node/archive.db").stat().st_size
    for bytes_max in (size - 1, size):
        assert next_version(root, bytes_max) == {"fault": "archive_older", "left": 0}
    assert content(root / "node") == before


async def test_a_copy_that_was_left_is_believed_by_nobody(root: Path) -> None:
    """The machine was killed, its card repaired: what lies in memory is forgotten at the next start."""
    unpacked(goldens()[-1], root)
    node = root / "node"
    be("confirmed")
    older.make_up(node)
    assert [path for place in passing_places(node) for path in place.glob("archive.db")]
    assert older.path_to_read(node) == node / "archive.db", "it takes writes"
    async with Town.open(node, clock=lambda: NOW, options=OPTIONS):
        assert not [path for place in passing_places(node) for path in place.glob("archive*")]
    with closing(open_database(node / "archive.db")) as db:
        check_current(db)


def test_who_only_reads_an_older_archive_is_told_what_to_do(root: Path) -> None:
    """Without a node that runs: nobody guesses at columns."""
    unpacked(goldens()[-1], root)
    be("confirmed")
    for read in (ArchiveReader.open, keys_of_archive):
        with pytest.raises(LocalError) as refused:
            read(root / "node")
        assert refused.value.fault is not None and refused.value.fault.code == "database_older"
