# SPDX-License-Identifier: AGPL-3.0-or-later
"""A folder that pretends to be the system of an installed package: its facts, its keys, the installer's state."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from convergences_protocol.keys import SigningKey
from convergences_protocol.release import Package, Release, ReleaseKey, sign_release

KEY, KEY_NAME = SigningKey(b"\x07" * 32), "convergences.example/release-1"
STRANGER = SigningKey(b"\x08" * 32)
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
OLD, NEW = "0.1.0", "0.2.0"
DEBIAN = b"!<arch>\n" + bytes(range(256)) * 4_096
"""What stands for a package: a megabyte, so that it can be cut."""


def put_system(root: Path, version: str = OLD, architecture: str = "amd64", keys: bool = True) -> Path:
    """What the package puts there, as far as an update looks at it."""
    libraries = root / "usr/lib/convergences"
    libraries.mkdir(parents=True, exist_ok=True)
    (libraries / "package.json").write_text(json.dumps({"version": version, "architecture": architecture}))
    known = [ReleaseKey(KEY_NAME, KEY.public).encode()] if keys else []
    (libraries / "release-keys").write_text("".join(f"{line}\n" for line in ("# keys", *known)))
    return root


def put_state(root: Path, phase: str, **more: object) -> None:
    """What root's installer has noted."""
    home = root / "var/lib/convergences-update"
    home.mkdir(parents=True, exist_ok=True)
    state = {"phase": phase, "id": "ab12", "from": OLD, "to": NEW, "starts": 1, "at": 1_800_000_000, "reason": None}
    (home / "state.json").write_text(json.dumps({**state, **more}))


def package(data: bytes = DEBIAN, architecture: str = "amd64", version: str = NEW) -> Package:
    name = f"convergences_{version}_{architecture}.deb"
    return Package(architecture, name, len(data), sha256(data).hexdigest(), 1_000_000)


RELEASE = Release(NEW, OLD, tuple(sorted({"3.11", "3.13", PYTHON})), (package(),))


def put_release(folder: Path, release: Release = RELEASE, data: bytes = DEBIAN, key: SigningKey = KEY) -> Path:
    """A release on a stick, with its packages."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in release.packages:
        (folder / each.name).write_bytes(data)
    path = folder / f"convergences-{release.version}.release"
    path.write_bytes(sign_release(release, [(KEY_NAME, key)]))
    return path


def release_of(version: str, data: bytes = DEBIAN) -> Release:
    """Another version."""
    return replace(RELEASE, version=version, packages=(package(data, version=version),))
