# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the parts of an update stand, and what the installed package says of itself.

<folder>/update/release, package.deb     staged by the node, of one release
/run/convergences/update-…               wishes and words of the node for root's installer: short files
/var/lib/convergences-update/state.json  how far the installer has come; only root writes there
/usr/lib/convergences/release-keys       whose word is taken; package.json: version and machine of this package
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.release import KEYS_BYTES_MAX, KnownKeys, read_keys

ROOT_VARIABLE = "CONVERGENCES_UPDATE_ROOT"
"""Where the system begins, for a test that pretends to be an installed package."""
LIBRARIES = "usr/lib/convergences"
STATE = "var/lib/convergences-update/state.json"
STAGING_NAME = "update"
OFFERED_NAME = "update-offered"
"""The release that an agglomeration offers to its towns."""
RELEASE_NAME, PACKAGE_NAME = "release", "package.deb"
FACTS_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Installed:
    """The package that this program was installed by."""

    version: str
    architecture: str
    keys: KnownKeys

    @property
    def python(self) -> str:
        """The Python that runs it."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"


def system_root() -> Path:
    """`/`, but in a test."""
    return Path(os.environ.get(ROOT_VARIABLE, "/"))


def installed(root: Path | None = None) -> Installed:
    """What is installed here. Raises `LocalError` where this is no package: it is updated as it was installed."""
    libraries = (root or system_root()) / LIBRARIES
    try:
        facts = json.loads(_read(libraries / "package.json", FACTS_BYTES_MAX))
        keys = read_keys(_read(libraries / "release-keys", KEYS_BYTES_MAX))
        return Installed(str(facts["version"]), str(facts["architecture"]), keys)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LocalError(
            f"this program was not installed by its package: {error}",
            hint="update it the way it was installed",
            fault=Fault("", "update_no_package"),
        ) from error


def runtime_folder() -> Path | None:
    """Where systemd lets this service leave short-lived files; None where nobody would look for them."""
    named = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(named) if named else None


def _read(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        return file.read(bytes_max + 1)
