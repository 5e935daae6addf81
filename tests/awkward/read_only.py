# SPDX-License-Identifier: AGPL-3.0-or-later
"""A folder that takes no write, for one process: by a mount of its own or, for who may not mount, by rights."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def skip_unless_mountable() -> None:
    """Rights say nothing to root, and not every container lets root mount."""
    if os.getuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("SKIPPED: this system lets nobody mount a folder read-only")


def to_whom_it_is_read_only(folder: Path, command: Sequence[str]) -> list[str]:
    """The command, to whose process the folder is read-only; for who may not mount, inside `rights_taken`."""
    return ["unshare", "--mount", "sh", "-c", MOUNTED, str(folder), *command] if os.getuid() == 0 else [*command]


@contextmanager
def rights_taken(folder: Path) -> Iterator[None]:
    """For who may not mount."""
    if os.getuid():
        _set_rights(folder, 0o400)
    try:
        yield
    finally:
        if os.getuid():
            _set_rights(folder, 0o600)


def _set_rights(folder: Path, mode: int) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(mode if path.is_file() else mode | 0o100)


def content(folder: Path) -> dict[str, str]:
    """What is in the folder, to be compared."""
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}
