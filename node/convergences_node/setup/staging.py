# SPDX-License-Identifier: AGPL-3.0-or-later
"""Making the town in one go: beside its place first, then moved there, so that a power cut leaves none or a whole one.

The town is founded in `setup.part` inside its folder. Its settings are the last file to be written there, and mean that
the rest is whole; moving the files up begins then, the settings last again. A start finds either no settings anywhere,
and throws the part away, or settings in the part, and goes on moving.

A town that is put back from a backup stands apart, in `.rebuild`, for as long as that takes; whole, it is renamed to
`setup.part`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from convergences_node.archive.durable import sync_folder
from convergences_node.archive.lock import LOCK_NAME
from convergences_node.config import CONFIG_NAME

STAGE_NAME = "setup.part"
AGAIN_NAME = ".rebuild"
AGAIN_TOWN = "town"
NOT_OURS = frozenset({"lost+found", LOCK_NAME, STAGE_NAME})
"""What an empty folder may have in it: a file system's own, and what an unfinished setup left."""


def is_blank(folder: Path) -> bool:
    """Whether there is no node in this folder, nor anything that might be a part of one."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(path.name in NOT_OURS or path.name.startswith(".") for path in folder.iterdir())


def is_unfinished(folder: Path) -> bool:
    """Whether a setup has left something here that `finish` looks at."""
    return any((folder / name).is_dir() for name in (STAGE_NAME, AGAIN_NAME))


def finish(folder: Path) -> bool:
    """Go on with a town that was made and not moved yet, or throw away what was not made; whether there is a town."""
    shutil.rmtree(folder / AGAIN_NAME, ignore_errors=True)
    stage = folder / STAGE_NAME
    if not stage.is_dir():
        return False
    if (stage / CONFIG_NAME).exists():
        _move(stage, folder)
        return True
    if not (folder / CONFIG_NAME).exists():
        shutil.rmtree(stage)
    else:
        stage.rmdir()  # everything was moved, and the power went
    return False


def stage_in(folder: Path) -> Path:
    """An empty place to found the town in."""
    finish(folder)
    stage = folder / STAGE_NAME
    stage.mkdir(mode=0o700, parents=True)
    return stage


def again_in(folder: Path) -> Path:
    """A path where a town may be put back, where nothing is yet; `take_over` when it is whole."""
    apart = folder / AGAIN_NAME
    apart.mkdir(mode=0o700)
    return apart / AGAIN_TOWN


def take_over(folder: Path) -> None:
    """The town that was put back is whole: make it the one of this folder."""
    sync_folder(folder / AGAIN_NAME / AGAIN_TOWN)
    (folder / AGAIN_NAME / AGAIN_TOWN).rename(folder / STAGE_NAME)
    sync_folder(folder)
    finish(folder)


def _move(stage: Path, folder: Path) -> None:
    (stage / LOCK_NAME).unlink(missing_ok=True)
    for path in sorted(stage.iterdir(), key=lambda path: (path.name == CONFIG_NAME, path.name)):
        if path.name == CONFIG_NAME:
            sync_folder(folder)  # the settings say that all the rest is there
        path.rename(folder / path.name)
    sync_folder(folder)
    stage.rmdir()
