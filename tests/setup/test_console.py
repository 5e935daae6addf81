# SPDX-License-Identifier: AGPL-3.0-or-later
"""The package's script that puts the setup's code on the machine's screen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "package" / "files" / "console"


def shown(tmp_path: Path) -> Path:
    """Where agetty looks on every Debian: in a folder of /etc."""
    issue, link = tmp_path / "run" / "issue", tmp_path / "issue.d" / "convergences.issue"
    subprocess.run(["sh", str(SCRIPT), str(tmp_path / "code"), str(issue), str(link)], check=True, timeout=20)
    return link


def test_the_code_is_shown_to_who_sits_at_the_machine_and_taken_away(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("7KQ2-M9XD-04TR\n")
    issue = shown(tmp_path)
    assert "code : 7KQ2-M9XD-04TR\n" in issue.read_text()
    assert issue.stat().st_mode & 0o777 == 0o600
    assert issue.is_symlink(), "the code itself is in memory alone, and gone when the machine is switched off"
    (tmp_path / "code").unlink()
    assert not shown(tmp_path).is_symlink()
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("text", ["\x1b[2Jhello", "7KQ2-M9XD", "x" * 10_000, "7KQ2-M9XD-04TR; rm\n", ""])
def test_nothing_but_a_code_is_shown(tmp_path: Path, text: str) -> None:
    """The file is the node's: what a broken node writes there must not reach the screen of root's login."""
    (tmp_path / "code").write_text(text)
    assert not shown(tmp_path).exists()


def test_no_other_file_is_read_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("AAAA-BBBB-CCCC\n")
    (tmp_path / "code").symlink_to(tmp_path / "secret")
    assert not shown(tmp_path).exists()
