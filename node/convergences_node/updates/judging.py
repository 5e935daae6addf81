# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a release may be installed here: newer, within reach of the version here, for this machine, with room for it.

The node asks before it stages, to spare its operator the wait; root's installer asks again, of its own copy, by
`convergences_node.updates.verifying`, and that is the answer that counts.
"""

from __future__ import annotations

import os
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError, RemoteError
from convergences_protocol.release import Package, Release, Version, version_of

from .places import Installed

MIB = 1 << 20
SPARE_BYTES = 100 * MIB
"""Left free for what is written meanwhile."""


def judge(release: Release, here: Installed) -> Package:
    """The package for this machine. Raises `LocalError`, with a fault to be told, if it may not be installed."""
    _newer(release, here)
    if here.python not in release.pythons:
        needed = ", ".join(release.pythons)
        raise _refused("update_other_python", version=release.version, needed=needed, here=here.python)
    package = release.package_for(here.architecture)
    if package is None:
        machines = ", ".join(each.architecture for each in release.packages)
        raise _refused("update_other_machine", version=release.version, machines=machines, here=here.architecture)
    return package


def _newer(release: Release, here: Installed) -> None:
    ours = installed_version(here)
    if version_of(release.version) <= ours:
        raise _refused("update_not_newer", version=release.version, here=here.version)
    if ours < version_of(release.oldest):
        raise _refused("update_too_far", version=release.version, here=here.version, oldest=release.oldest)


def installed_version(here: Installed) -> Version:
    """What is installed, to be compared. A package that was built to try something may be called anything."""
    try:
        return version_of(here.version)
    except RemoteError:
        raise _refused("update_odd_version", here=here.version) from None


def wanted_bytes(package: Package, folder: Path) -> int:
    """Room that the update takes at most: two copies of the package, the old one and the new one unpacked, and the
    databases kept as they were."""
    databases = sum(path.stat().st_size for path in (folder / "archive.db", folder / "private.db") if path.exists())
    return 2 * package.size + 2 * package.installed + databases + SPARE_BYTES


def check_room(package: Package, folder: Path) -> None:
    """Raises `LocalError` if the card has too little room for it."""
    found = os.statvfs(folder)
    free, wanted = found.f_bavail * found.f_frsize, wanted_bytes(package, folder)
    if free < wanted:
        raise _refused("update_no_room", wanted=wanted // MIB, free=free // MIB)


def _refused(code: str, **params: object) -> LocalError:
    said = ", ".join(f"{name} {value}" for name, value in params.items())
    return LocalError(f"{code.replace('_', ' ')}: {said}", fault=Fault("", code, params))
