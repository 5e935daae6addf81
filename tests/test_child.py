# SPDX-License-Identifier: AGPL-3.0-or-later
"""A process that a node starts is ours, whatever lies in the folder that the command was given in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import convergences_node
import pytest
from convergences_node.child import command_of

STARTED = ("convergences_node.index", "convergences_node.checker", "convergences_node.linked.following")


@pytest.mark.parametrize("module", STARTED)
def test_a_file_of_somebody_elses_is_not_run(tmp_path: Path, module: str) -> None:
    for name in ("array", "json", "msgspec", "sqlite3", "convergences_node"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else')", encoding="utf-8")
    ran = subprocess.run(
        command_of(module, str(tmp_path)), cwd=tmp_path, input=b"", capture_output=True, check=False, timeout=300
    )
    assert b"somebody else" not in ran.stderr


def test_every_process_of_ours_is_started_so() -> None:
    (source,) = convergences_node.__path__
    by_hand = [
        path.name
        for path in Path(source).rglob("*.py")
        if '"-m"' in path.read_text(encoding="utf-8") and path.name != "child.py"
    ]
    assert by_hand == []
