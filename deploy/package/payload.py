# SPDX-License-Identifier: AGPL-3.0-or-later
"""The libraries of a package: every wheel of the lock for one machine, unpacked side by side, so that a Pi installs
without a compiler, without pip and without the internet.

What is the same for both Pythons (pure, or `abi3`) is in `common/`, the rest in a folder for each; a file of the second
that is one of the first's, byte for byte, is a link to it. Wheels are asked for by the machine they are meant for, not
by the one that builds; each is checked against the lock's hashes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import lean

PYTHONS = ("3.11", "3.13")
"""Of Debian 12 and 13."""
MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}
"""The machine of a wheel, by Debian's name for it."""
GLIBC_MINORS = (36, 35, 34, 31, 28, 27, 26, 24, 17)
"""Of manylinux tags; Debian 12 has 2.36."""
PURE_SOURCES = ("python-baseconv", "varint")
"""In the lock without a wheel, and pure Python: built here, for every machine."""
LEFT_OUT = (
    *("grpcio", "mypy-protobuf"),  # libp2p makes its files from their definitions with them
    "pip",  # for a command of sqlite-utils
    "pygments",  # rich colours source code with it
    *("rdflib", "pyparsing"),  # our tests read what a node writes with it
    *("types-protobuf", "types-requests"),  # for type checkers
)
"""In the lock, and never imported by a node: more than 50 MB of a card. `tests/setup/test_package_lean.py` and
`tests/network/test_libp2p_lean.py` do without them."""


def collect(lock: Path, own: Path, arch: str, cache: Path, target: Path) -> None:
    """Unpack the lock's libraries and the wheel `own` below `target`, for a Debian architecture."""
    wheels = {python: _wheels(lock, arch, python, cache / f"{arch}-{python}") for python in PYTHONS}
    first, *others = ({path.name: path for path in found} for found in wheels.values())
    shared = [path for name, path in first.items() if all(name in other for other in others)]
    sources = _build_sources(lock, cache / "sources")
    _unpack([*shared, *sources, own], arch, PYTHONS[0], target / "common")
    names = {path.name for path in shared}
    for python, found in wheels.items():
        _unpack([path for path in found if path.name not in names], arch, python, folder_of(target, python))
    for python in PYTHONS[1:]:
        lean.link_twins(folder_of(target, PYTHONS[0]), folder_of(target, python))


def folder_of(target: Path, python: str) -> Path:
    """Where the libraries are that only one Python can load."""
    return target / f"cpython-{python.replace('.', '')}"


def requirements(lock: Path) -> dict[str, str]:
    """The lock's requirements with their hashes, by name."""
    blocks = re.split(r"\n(?=[a-z0-9])", lock.read_text("utf-8"))
    return {name[1]: block for block in blocks if (name := re.match(r"([A-Za-z0-9._-]+)==", block))}


def _wheels(lock: Path, arch: str, python: str, folder: Path) -> list[Path]:
    """Every wheel of the lock for one machine and one Python, downloaded once."""
    wanted = {name: text for name, text in requirements(lock).items() if name not in (*PURE_SOURCES, *LEFT_OUT)}
    _download(wanted.values(), folder, ["--only-binary=:all:", *_platform(arch, python)])
    return _of_the_lock(folder, "".join(wanted.values()))


def _of_the_lock(folder: Path, wanted: str) -> list[Path]:
    """The wheels that are wanted now; what an earlier lock has left in the folder goes."""
    for path in folder.glob("*.whl"):
        if sha256(path.read_bytes()).hexdigest() not in wanted:
            path.unlink()
    return sorted(folder.glob("*.whl"))


def _build_sources(lock: Path, folder: Path) -> list[Path]:
    wanted = requirements(lock)
    _download((wanted[name] for name in PURE_SOURCES), folder, [])
    for source in sorted(folder.glob("*.tar.gz")):
        _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    return sorted(folder.glob("*.whl"))


def _download(blocks: Iterable[str], folder: Path, options: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "requirements.txt"
    listed.write_text("\n".join(blocks) + "\n", "utf-8")
    _pip("download", "--no-deps", "--require-hashes", *options, "-r", str(listed), "--dest", str(folder))


def _platform(arch: str, python: str) -> list[str]:
    machine = MACHINES[arch]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]
    return ["--python-version", python, "--implementation", "cp", *(f"--platform={tag}" for tag in tags)]


def _unpack(wheels: list[Path], arch: str, python: str, folder: Path) -> None:
    """What pip would install, without what it notes of this machine."""
    options = ["--no-deps", "--no-compile", "--only-binary=:all:", *_platform(arch, python)]
    _pip("install", "--target", str(folder), *options, *map(str, wheels))
    # Scripts would start with the path of the Python that built them; the package has its own command, and its manual.
    for name in ("bin", "share"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for noted in folder.glob("*.dist-info"):
        for name in ("direct_url.json", "RECORD", "INSTALLER", "REQUESTED"):
            (noted / name).unlink(missing_ok=True)
    lean.leave_out(folder)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    subprocess.run(command, check=True)
