# SPDX-License-Identifier: AGPL-3.0-or-later
"""The package's script that looks after a stick that is plugged in, with the system's programs pretended."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

FILES = Path(__file__).parents[2] / "deploy" / "package" / "files"
NODE_PLACE = "/media/stick"


def plugged(tmp_path: Path, mounted: bool = False, other: bool = False, swapped: str = "") -> list[str]:
    """Plug `/dev/sda1` in; what the script asked the system for. `mounted`: the machine itself uses it."""
    programs = {
        "findmnt": f"exit {0 if mounted else 1}",
        "swapon": f"echo '{swapped}'",
        "systemctl": f'[ "$1" = is-active ] && exit {0 if other else 3}; echo "systemctl $*" >>"$TOLD"',
        "systemd-mount": 'echo "systemd-mount $*" >>"$TOLD"',
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    told = tmp_path / "told"
    told.touch()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TOLD": str(told)}
    lock = tmp_path / "lock"
    subprocess.run(["sh", str(FILES / "stick"), "/dev/sda1", str(lock)], check=True, env=environment, timeout=20)
    assert lock.stat().st_mode & 0o777 == 0o600, "the node could hold it, and no stick would be mounted"
    return told.read_text().splitlines()


def test_a_stick_is_mounted_harmless_and_gets_a_backup(tmp_path: Path) -> None:
    """Nothing on it is run, it is let go of by itself, and the backup goes where it is mounted."""
    mount, backup = plugged(tmp_path)
    words = mount.split()
    assert words[0] == "systemd-mount" and words[-2:] == ["/dev/sda1", NODE_PLACE]
    (options,) = (word.removeprefix("--options=") for word in words if word.startswith("--options="))
    assert {"nosuid", "nodev", "noexec", "uid=convergences"} <= set(options.split(","))
    assert "--bind-device" in words and any(word.startswith("--timeout-idle-sec=") for word in words)
    assert backup.split()[-1] == "convergences-stick-backup.service"
    unit = (FILES / "convergences-stick-backup.service").read_text("utf-8")
    assert f" backup {NODE_PLACE} --folder /var/lib/convergences" in unit


def test_what_the_machine_uses_is_left_alone(tmp_path: Path) -> None:
    """A machine that starts from a USB disk; memory that is swapped to one; a second stick."""
    assert plugged(tmp_path, mounted=True) == []
    assert plugged(tmp_path, swapped="/dev/sda1") == []
    assert plugged(tmp_path, other=True) == []


def test_two_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    """Nobody else comes in between the question whether there is a stick and the answer's mount, which would fail."""
    lock = tmp_path / "lock"
    alone = f'flock --nonblock {lock} true && echo "not alone: $0 $*" >>"$TOLD"\n'
    programs = {
        "findmnt": "exit 1",
        "swapon": "true",
        "systemctl": f'[ "$1" = is-active ] || exit 0\n{alone}[ -d "$MOUNTED" ]',
        "systemd-mount": f'{alone}mkdir "$MOUNTED" && echo mounted >>"$TOLD"',
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    told = tmp_path / "told"
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "TOLD": str(told),
        "MOUNTED": str(tmp_path / "mounted"),
    }
    command = ["sh", str(FILES / "stick")]
    sticks = [subprocess.Popen([*command, f"/dev/sd{letter}1", str(lock)], env=environment) for letter in "abcd"]
    assert [stick.wait(60) for stick in sticks] == [0] * 4
    assert told.read_text().splitlines() == ["mounted"]


def test_the_rule_asks_for_units_that_are_there() -> None:
    """udev names the unit, the unit starts the script: with a letter wrong, nothing happens."""
    rule = (FILES / "80-convergences-stick.rules").read_text("utf-8")
    assert 'ENV{SYSTEMD_WANTS}+="convergences-stick@%k.service"' in rule
    unit = (FILES / "convergences-stick@.service").read_text("utf-8")
    assert "ExecStart=/usr/lib/convergences/stick /dev/%I\n" in unit and "BindsTo=dev-%i.device\n" in unit


def test_its_place_is_made_with_the_package() -> None:
    """A card that has turned read-only makes no folder for the first stick any more."""
    assert f"mkdir -p {NODE_PLACE}\n" in (FILES / "postinst").read_text("utf-8")
