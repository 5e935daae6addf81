# SPDX-License-Identifier: AGPL-3.0-or-later
"""The scripts of the pages are built from locked packages, carried by sdist and wheel, and missed by nobody."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from convergences_node.web.static_files import address_if_built

ROOT = Path(__file__).resolve().parents[1]
FRONT = ROOT / "front"
BUILT = {
    "map.js",
    "map.css",
    "tiles.js",
    "drawing.js",
    "drawing.css",
    "graph.js",
    "away.js",
    "away_worker.js",
    "passkeys.js",
    "licences.txt",
    "built.json",
}
_BUILD = "import sys, hatchling.build as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"


def build(what: str, folder: Path, cwd: Path, path: str | None = None) -> Path:
    """Build an sdist or a wheel; returns the file."""
    environment = None if path is None else {"PATH": path}
    command = [sys.executable, "-c", _BUILD, f"build_{what}", str(folder)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return folder / done.stdout.split()[-1]


@pytest.mark.skipif(
    address_if_built("map.js") is None, reason="the pages' scripts are not built: make front (needs node and npm)"
)
def test_whoever_installs_an_sdist_or_a_wheel_needs_no_node(tmp_path: Path) -> None:
    sdist = build("sdist", tmp_path, ROOT)
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    wheel = build("wheel", tmp_path, source, path=str(tmp_path))
    with zipfile.ZipFile(wheel) as packed_wheel:
        names = {Path(name).name for name in packed_wheel.namelist() if "/web/built/" in name}
        licences = packed_wheel.read("convergences_node/web/built/licences.txt").decode()
    assert names == BUILT
    for package in ("leaflet ", "leaflet.markercluster ", "cytoscape ", "cytoscape-fcose ", "protomaps-leaflet "):
        assert f"\n{package}" in licences
    assert "esbuild" not in licences, "what only builds is not in the pages"


def test_without_node_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    shutil.copytree(FRONT, tmp_path / "front", ignore=shutil.ignore_patterns("node_modules"))
    command = [sys.executable, str(tmp_path / "front" / "hatch_build.py")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "node and npm not found" in line


def test_the_lock_holds_digests_and_no_address() -> None:
    lock = json.loads((FRONT / "package-lock.json").read_text("utf-8"))
    packages = {path: about for path, about in lock["packages"].items() if path}
    assert packages
    for path, about in packages.items():
        assert "resolved" not in about, path
        assert about["integrity"].startswith("sha512-"), path
