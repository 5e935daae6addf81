# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an archive takes from the world around it: clock, dice, machine, bounds. A test gives others."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .authoring import RandomBytes
from .guard import Step, no_step
from .machine import machine_identity


def as_the_update_stands(folder: Path) -> bool:
    """A new version on trial keeps what it is about to migrate; another finds its own files again."""
    from convergences_node.updates.before import settle

    return settle(folder)


@dataclass(frozen=True, slots=True)
class Options:
    """What an archive takes from the world around it. The defaults are the real ones."""

    clock: Callable[[], float] = time.time
    random_bytes: RandomBytes = secrets.token_bytes
    machine: Callable[[], str | None] = machine_identity
    step: Step = no_step
    prepare: Callable[[Path], bool] = as_the_update_stands
    """Done once the folder is locked, before anything in it is opened. Whether the archive is held: see `held`."""
    pages_max: int | None = None
    """Bound on the archive's file, in pages of 4 KiB; None leaves it to the disk."""
