# SPDX-License-Identifier: AGPL-3.0-or-later
"""The installed version as a package again, from its own files: it may have come from anywhere, and must be able to
come back.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from debian_system import PACKAGE
from plain_files import NoRelease, digest_of, sync_file, sync_folder
from update_attempt import Attempt


def keep_old(attempt: Attempt) -> None:
    """Have a package of the installed version, whole; else the update is refused, and nothing was changed."""
    version = attempt.state["from"]
    old = attempt.debian(version)
    try:
        if attempt.kept_version != version or digest_of(old) != attempt.state["kept"]["sha256"]:
            _pack(attempt, old)
    except NoRelease as error:
        attempt.save("refused", reason=error.reason)
        return
    except OSError as error:
        # Tried again by nobody but the operator: else "under way" would stand in the way of all that comes after.
        attempt.clear()
        reason = error.strerror or str(error)
        attempt.save("refused", reason=NoRelease("update_old_uncopied", reason=reason).reason)
        return
    attempt.save("kept", kept={"version": version, "sha256": digest_of(old)})


def _pack(attempt: Attempt, target: Path) -> None:
    run = attempt.machine.run
    if run("dpkg", "--verify", PACKAGE).stdout.strip():
        raise NoRelease("update_old_altered")  # of a card that loses files, nothing is kept
    tree = attempt.home / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for name in run("dpkg-query", "-L", PACKAGE).stdout.splitlines():
        _link(attempt.machine.root / name.lstrip("/"), tree / name.lstrip("/"))
    _put_control(attempt, tree / "DEBIAN")
    part = target.with_suffix(".part")
    done = run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(part))
    shutil.rmtree(tree, ignore_errors=True)
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        raise NoRelease("update_old_unkept")
    sync_file(part)
    part.rename(target)
    sync_folder(attempt.home)


def _put_control(attempt: Attempt, control: Path) -> None:
    """What dpkg remembers of the package besides its files (deb-control(5))."""
    run = attempt.machine.run
    control.mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in run("dpkg-query", "--control-path", PACKAGE).stdout.split():
        # dpkg keeps each as <package>.<name>; under any other name than its own nothing is a script of the package.
        shutil.copy(name, control / Path(name).suffix.removeprefix("."))
    stanza = run("dpkg", "-s", PACKAGE).stdout.splitlines()
    (control / "control").write_text("".join(f"{line}\n" for line in stanza if not line.startswith("Status:")))


def _link(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
