# SPDX-License-Identifier: AGPL-3.0-or-later
"""The package that root's installer makes of the installed version, by a real dpkg in a root of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .machine import debian_system, load

keeping, attempts = load("update_keeping"), load("update_attempt")
VERSION = "1.0.0"
SCRIPTS = ("postinst", "prerm", "postrm")
CONTROL = f"""\
Package: convergences
Version: {VERSION}
Architecture: all
Maintainer: Convergences maintainers <maintainers@convergences.invalid>
Description: town's own archive
 of who does what
"""
TOLD = """\
#!/bin/sh
echo "$(basename "$0") $*" >>"$DPKG_ROOT/told"
"""

pytestmark = pytest.mark.skipif(shutil.which("dpkg") is None, reason="there is no dpkg here")


class Apart(debian_system.Machine):  # type: ignore[misc]
    """A machine below `root`, whose packages are dpkg's to look after."""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        program, *rest = command
        where = [f"--root={self.root}"] if program in ("dpkg", "dpkg-query") else []
        done: subprocess.CompletedProcess[str] = super().run(program, *where, *rest)
        return done

    def install(self, package: Path) -> None:
        """As nobody in particular, with no root of its own for the scripts."""
        forced = "--force-not-root,script-chrootless,downgrade,bad-path"
        done = self.run("dpkg", forced, f"--log={self.root / 'log'}", "--install", str(package))
        assert done.returncode == 0, done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Apart:
    """With a package installed that has scripts."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(CONTROL)
    for name in SCRIPTS:
        (tree / "DEBIAN" / name).write_text(TOLD)
        (tree / "DEBIAN" / name).chmod(0o755)
    (tree / "usr/lib/convergences").mkdir(parents=True)
    (tree / "usr/lib/convergences/package.json").write_text("{}\n")
    for folder in ("info", "updates", "triggers"):
        (tmp_path / "root/var/lib/dpkg" / folder).mkdir(parents=True)
    for name in ("status", "available"):
        (tmp_path / "root/var/lib/dpkg" / name).touch()
    package = tmp_path / "first.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(package)], check=True)
    found = Apart(tmp_path / "root")
    found.install(package)
    return found


def test_the_package_that_is_kept_is_whole(machine: Apart) -> None:
    """With what dpkg runs when it comes and goes: without it, a version that came back would leave no bytecode, stop
    nothing when it is removed, and clean up nothing when it is purged."""
    attempt = attempts.Attempt(machine)
    attempt.home.mkdir(parents=True)
    attempt.state = {"phase": "taken", "from": VERSION}
    keeping.keep_old(attempt)
    assert attempt.state["phase"] == "kept", attempt.state
    kept = attempt.debian(VERSION)
    before = {path.name for path in (machine.root / "var/lib/dpkg/info").glob("convergences.*")}

    (machine.root / "told").unlink()
    machine.install(kept)
    told = (machine.root / "told").read_text().splitlines()
    assert f"convergences.prerm upgrade {VERSION}" in told
    assert f"convergences.postinst configure {VERSION}" in told
    after = {path.name for path in (machine.root / "var/lib/dpkg/info").glob("convergences.*")}
    assert after == before
    assert not machine.run("dpkg", "--verify", "convergences").stdout
