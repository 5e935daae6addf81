# SPDX-License-Identifier: AGPL-3.0-or-later
"""Releases for a drill: the drilled package again under later versions, signed by a key that is drawn for the drill.

The one that is good differs in its version alone. In the one that is bad the node ends as soon as it is started.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RELEASE = Path(__file__).resolve().parents[1] / "package" / "release.py"
LIBRARIES = "usr/lib/convergences"
BAD, GOOD = "99.1.0", "99.2.0"
"""Later than any version that is drilled."""


@dataclass(frozen=True, slots=True)
class Key:
    """A release key: what signs, and the line by which a machine knows it."""

    file: Path
    line: str


def key(folder: Path, name: str) -> Key:
    """Draw one."""
    file = folder / f"{name}.key"
    file.unlink(missing_ok=True)
    return Key(file, _tool("key", f"convergences.example/{name}", str(file)))


def repacked(package: Path, version: str, keys: str, folder: Path) -> Path:
    """The same package as another version, which knows these keys."""
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    libraries = tree / LIBRARIES
    facts = json.loads((libraries / "package.json").read_text("utf-8"))
    (libraries / "package.json").write_text(json.dumps(facts | {"version": version}) + "\n", "utf-8")
    (libraries / "release-keys").write_text(keys, "utf-8")
    if version == BAD:
        (libraries / "common/convergences_node/serve.py").write_text('raise SystemExit("a bad day")\n', "utf-8")
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text("utf-8")), "utf-8")
    _count(tree)
    target = folder / f"convergences_{version}_{facts['architecture']}.deb"
    pack = ["dpkg-deb", "--root-owner-group", "--no-uniform-compression", "-Zzstd", "-z1", "-b"]
    subprocess.run([*pack, str(tree), str(target)], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return target


def _count(tree: Path) -> None:
    """The sums that `dpkg --verify` goes by."""
    paths = sorted(path for path in (tree / "usr").rglob("*") if path.is_file() and not path.is_symlink())
    lines = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in paths]  # noqa: S324 - deb(5) has no other
    (tree / "DEBIAN/md5sums").write_text("".join(lines), "utf-8")


def signed(folder: Path, version: str, by: Key) -> Path:
    """Sign the packages of a version in a folder; the release's file."""
    _tool("sign", "--key", str(by.file), "--dist", str(folder), "--version", version)
    return folder / f"convergences-{version}.release"


def alter(package: Path) -> None:
    """Turn one bit in its middle: neither the name nor the length tells."""
    with package.open("r+b") as file:
        file.seek(package.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


def _tool(*arguments: str) -> str:
    done = subprocess.run([sys.executable, str(RELEASE), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
