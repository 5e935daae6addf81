# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the node has staged is copied, the copy is checked, and what will go on without this package is planted.

From here on only the copy counts, and only a copy of this program, started by a unit that no package owns.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from plain_files import PIECE_BYTES, NoRelease, open_plain, read_small, replace, sync_folder
from update_attempt import RESUME, Attempt

RELEASE_BYTES_MAX = 8_192
SPARE_BYTES = 50 << 20
OWN = Path(__file__).parent
"""This program: a folder of files that import nothing but Python's own."""

UNIT = """\
# Left by the installer of the version before, and taken away by it: see /usr/share/doc/convergences.
[Unit]
Description=Convergences, its update is watched and taken back if need be
After=local-fs.target

[Service]
Type=exec
ExecStart=/usr/bin/python3 -I -B {installer} resume
Restart=on-failure
RestartSec=30
PrivateNetwork=yes
ProtectHome=yes

[Install]
WantedBy=multi-user.target
"""


def take(attempt: Attempt) -> bool:
    """Begin with what is staged. Whether there is something to go on with."""
    if attempt.is_busy:
        return True
    begun = {"id": os.urandom(8).hex(), "from": "", "to": "", "starts": 0, "installs": 0, "reason": None}
    try:
        found = _checked(attempt)
        begun |= {"from": found["from"], "to": found["version"], "sha256": found["sha256"]}
        _copy_package(attempt, found)
    except NoRelease as error:
        return _refuse(attempt, begun, error)
    except OSError as error:
        reason = error.strerror or str(error)
        return _refuse(attempt, begun, NoRelease("update_uncopied", version=begun["to"] or "release", reason=reason))
    _plant(attempt)
    attempt.save("taken", **begun)
    return True


def _refuse(attempt: Attempt, begun: dict[str, Any], why: NoRelease) -> bool:
    attempt.clear()
    attempt.save("refused", **{**begun, "reason": why.reason})
    return False


def _checked(attempt: Attempt) -> dict[str, Any]:
    """What the signed release says of this machine's package, by the keys and the program installed here."""
    copied = attempt.home / "release"
    replace(copied, read_small(attempt.staged / "release", RELEASE_BYTES_MAX), 0o600)
    done = attempt.machine.run(str(attempt.libraries / "verify-release"), str(copied))
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise NoRelease("update_verifier_failed") from None
    if not isinstance(found, dict):
        raise NoRelease("update_verifier_failed")
    if done.returncode != 0 or "refused" in found:
        refused = found.get("refused", {})
        raise NoRelease(str(refused.get("code", "update_verifier_failed")), **refused.get("params", {}))
    return found


def _copy_package(attempt: Attempt, found: dict[str, Any]) -> None:
    """The package, into a folder where nobody else writes; it is what was signed, or nothing."""
    free, size = attempt.machine.free(attempt.home), int(found["size"])
    wanted = size + 2 * int(found["installed"]) + SPARE_BYTES  # itself, what is unpacked, and the old one kept
    if free < wanted:
        raise NoRelease("update_no_room", wanted=wanted >> 20, free=free >> 20)
    target = attempt.debian(found["version"])
    part = target.with_suffix(".part")
    digest, count = hashlib.sha256(), 0
    with open_plain(attempt.staged / "package.deb") as source, part.open("wb") as copy:
        while piece := source.read(min(PIECE_BYTES, size + 1 - count)):
            copy.write(piece)
            digest.update(piece)
            count += len(piece)
        copy.flush()
        os.fsync(copy.fileno())
    if (count, digest.hexdigest()) != (size, found["sha256"]):
        part.unlink()
        raise NoRelease("update_damaged", version=found["version"])
    part.rename(target)
    sync_folder(attempt.home)


def _plant(attempt: Attempt) -> None:
    """Leave what will go on after a power cut, whatever the new package does to the files of this one."""
    own = attempt.home / "installer"
    own.mkdir(mode=0o700, exist_ok=True)
    for path in OWN.glob("*.py"):
        replace(own / path.name, path.read_bytes(), 0o600)
    attempt.units.mkdir(parents=True, exist_ok=True)
    unit = UNIT.format(installer=Path("/", own.relative_to(attempt.machine.root)))
    replace(attempt.units / RESUME, unit.encode(), 0o644)
    wants = attempt.units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    link = wants / RESUME
    if not link.is_symlink():
        link.symlink_to(f"../{RESUME}")
    for folder in (attempt.home, wants, attempt.units):
        sync_folder(folder)
    attempt.machine.run("systemctl", "daemon-reload")
