# SPDX-License-Identifier: AGPL-3.0-or-later
"""A start on a card without one block left: the town is searched and read, says that it is full, and is backed up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORK = Path(__file__).with_name("full_card_work.py")
MOUNTED = 'mount -t tmpfs -o size=80m none "$0" && exec "$@"'
OWN = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
"""A mount that nobody else sees, and that goes with the process."""
MOST = 4 << 20


def lives(tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    card, stick = tmp_path / "card", tmp_path / "stick"
    card.mkdir()
    stick.mkdir()
    if subprocess.run([*OWN, "sh", "-c", MOUNTED, str(card), "true"], capture_output=True).returncode:
        pytest.skip("SKIPPED: this system lets nobody mount a file system of their own")
    command = [*OWN, "sh", "-c", MOUNTED, str(card), sys.executable, str(WORK), str(card), str(stick), *words]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    lived = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert lived.returncode == 0, lived.stderr
    assert not list(card.iterdir())
    return [json.loads(line) for line in lived.stdout.splitlines()]


def test_a_town_starts_on_a_full_card_again_and_again(tmp_path: Path) -> None:
    """Cut off while it runs, given room and filled again: at each start there is as much to start with."""
    begun, cut_off, got_room, once_more, served = lives(tmp_path)
    assert begun["spare"] == MOST
    for seen in (cut_off, got_room, once_more):
        assert seen["refused"] == ["ArchiveFull", "card_full"]
        assert seen["card"] == "bad"
        assert seen["found"] == 20
        assert MOST - 300_000 < seen["spare"] <= MOST and seen["free"] < 300_000
    assert got_room["after"] == 1
    assert served["log_in"] == 200 and served["spare"] > MOST - 300_000
    assert len({seen["backup"] for seen in (cut_off, got_room, once_more)}) == 3


def test_where_nothing_is_spare_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    assert lives(tmp_path, "without")[1:] == [{"refused": ["ArchiveFull", "card_full_at_start"]}]
