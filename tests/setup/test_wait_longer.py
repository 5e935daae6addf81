# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node that systemd starts again and again is started later each time, on Debian 12 too."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "deploy" / "package" / "files"
DEBIAN_12, DEBIAN_13 = "systemd 252 (252.38-1~deb12u1)", "systemd 257 (257.8-1~deb13u2)"
SYSTEMCTL = """#!/bin/sh
case "$*" in
--version) printf '%s\\n+PAM +AUDIT\\n' "$VERSION" ;;
"show -P NRestarts convergences.service") [ -n "$RESTARTS" ] && echo "$RESTARTS" ;;
*) exit 2 ;;
esac
"""
SLEEP = '#!/bin/sh\necho "$1"\n'


def waited(folder: Path, version: str, restarts: str) -> int:
    """Seconds that the program would sleep, of a systemd that says this."""
    for name, text in (("systemctl", SYSTEMCTL), ("sleep", SLEEP)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    given = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "VERSION": version, "RESTARTS": restarts}
    command = ["sh", str(FILES / "wait-longer")]
    done = subprocess.run(command, env=given, check=True, capture_output=True, text=True, timeout=20)
    return int(done.stdout or 0)


def test_on_debian_12_it_waits_as_debian_13_does_by_itself(tmp_path: Path) -> None:
    """RestartSec=5, RestartSteps=6 and RestartMaxDelaySec=120 grow from 5 to 120 by the same factor in six steps."""
    for restarts in range(1, 10):
        steps = min(restarts - 1, 6)
        by_itself = 5 * (120 / 5) ** (steps / 6)
        assert abs(5 + waited(tmp_path, DEBIAN_12, str(restarts)) - by_itself) < 1, restarts


@pytest.mark.parametrize(("version", "restarts"), [(DEBIAN_13, "9"), (DEBIAN_12, "0"), (DEBIAN_12, ""), ("", "9")])
def test_it_waits_for_nothing_else(tmp_path: Path, version: str, restarts: str) -> None:
    """Not where systemd does it, nor when a person starts the node, nor where systemd says nothing."""
    assert waited(tmp_path, version, restarts) == 0


def test_a_start_lasts_longer_than_it_waits() -> None:
    """What is waited before a start is counted as a part of it (TimeoutStartSec, systemd.service(5))."""
    unit = (FILES / "convergences.service").read_text()
    assert "ExecStartPre=-/usr/lib/convergences/wait-longer\n" in unit
    (seconds,) = (int(line.split("=")[1]) for line in unit.splitlines() if line.startswith("TimeoutStartSec="))
    longest = max(map(int, re.findall(r"sleep (\d+)", (FILES / "wait-longer").read_text())))
    assert seconds - longest > 120
