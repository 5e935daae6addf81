# SPDX-License-Identifier: AGPL-3.0-or-later
"""The package's script that puts the setup's code on the machine's screen."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "deploy" / "package" / "files"
BUSCTL = """#!/bin/sh
[ -s "$ANSWERS" ] || exit 1
while [ "${1#--}" != "$1" ]; do shift; done
[ "$*" = "call org.freedesktop.Avahi / org.freedesktop.Avahi.Server ${5-}" ] || exit 2
sed -n "s/^$5 //p" "$ANSWERS" | head -n 1
sed -i "0,/^$5 /{/^$5 /d}" "$ANSWERS"
"""
"""Says what avahi would, each answer once, in the order of a file: what was asked, and the answer."""


def told(tmp_path: Path, *answers: str) -> dict[str, str]:
    """An environment in which avahi says this; nothing, where it does not run."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    for name, text in (("busctl", BUSCTL), ("sleep", "#!/bin/sh\n"), ("uname", "#!/bin/sh\necho stains.example\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "answers").write_text("".join(f"{each}\n" for each in answers))
    return os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "ANSWERS": str(tmp_path / "answers")}


def local_name(tmp_path: Path, *answers: str) -> str:
    command = ["sh", str(FILES / "local-name")]
    done = subprocess.run(command, env=told(tmp_path, *answers), check=True, capture_output=True, text=True, timeout=20)
    return done.stdout.strip()


def shown(tmp_path: Path) -> Path:
    """Where agetty looks on every Debian: in a folder of /etc."""
    issue, link = tmp_path / "run" / "issue", tmp_path / "issue.d" / "convergences.issue"
    places = [tmp_path / "code", issue, link, FILES / "local-name"]
    subprocess.run(["sh", *map(str, [FILES / "console", *places])], env=told(tmp_path), check=True, timeout=20)
    return link


def test_the_code_is_shown_to_who_sits_at_the_machine_and_taken_away(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("7KQ2-M9XD-04TR\n")
    issue = shown(tmp_path)
    assert "http://stains.local/   code : 7KQ2-M9XD-04TR\n" in issue.read_text()
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


def test_the_name_is_the_one_that_avahi_has_come_to(tmp_path: Path) -> None:
    """Another device has `stains.local`: while avahi still asks the network, it would say so too."""
    answers = ["GetState i 1", "GetState i 1", "GetState i 2", 'GetHostNameFqdn s "stains-2.local"']
    assert local_name(tmp_path, *answers) == "stains-2.local"


@pytest.mark.parametrize("answer", [(), ("GetState i 2", 'GetHostNameFqdn s "a\x1b[2J.local"'), ("GetState i 2",)])
def test_without_avahi_the_machines_own_name_is_the_best_guess(tmp_path: Path, answer: tuple[str, ...]) -> None:
    assert local_name(tmp_path, *answer) == "stains.local"
