# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far root's installer has come with the last update, and what the node has to tell it.

The state is root's file, read as it is; words to the installer are short files in the service's runtime folder, which
only say something about the attempt that they name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from convergences_protocol.errors import Fault, LocalError

from convergences_node.wishes import wished

from .places import STATE, runtime_folder, system_root

STATE_BYTES_MAX = 16_384
APPLY, WELL, UNWELL, RETURN = "update-apply", "update-well", "update-unwell", "update-return"
"""Wishes and words; the first is what systemd looks for."""
SEEN_NAME = "update-seen"
"""In the node's folder: the attempt whose end somebody has read."""
TRIAL, CONFIRMED, RETURNED, REFUSED = "trial", "confirmed", "returned", "refused"
WORKING = ("taken", "kept", "installing", "returning")
OPEN = ("installing", "trial", "returning")
"""The new version may be there, and may have to go again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One update, as the installer remembers it."""

    phase: str
    identifier: str
    old: str
    new: str
    starts: int
    at: int
    reason: Fault | None = field(default=None)

    @property
    def trial(self) -> str:
        """The name of this stretch of ten minutes: another one after every start of the machine."""
        return f"{self.identifier}-{self.starts}"


def last_attempt(root: Path | None = None) -> Attempt | None:
    """The last update, or the one that goes on; None if there never was one."""
    try:
        with ((root or system_root()) / STATE).open("rb") as file:
            value = json.loads(file.read(STATE_BYTES_MAX))
        reason = value.get("reason")
        return Attempt(
            str(value["phase"]),
            str(value["id"]),
            str(value["from"]),
            str(value["to"]),
            int(value["starts"]),
            int(value["at"]),
            _fault(reason) if reason else None,
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _fault(reason: Mapping[str, object]) -> Fault:
    params = reason.get("params")
    return Fault("", str(reason["code"]), params if isinstance(params, dict) else {})


def was_seen(attempt: Attempt, folder: Path) -> bool:
    """Whether somebody has read how it ended."""
    try:
        return (folder / SEEN_NAME).read_text("utf-8").strip() == attempt.identifier
    except (OSError, ValueError):
        return False


def say(name: str, words: str) -> None:
    """Tell the installer. Raises `LocalError` where nobody would hear it, or there is no room to say it."""
    folder = runtime_folder()
    if folder is None:
        raise LocalError(
            "this node is not run by the package's service: nobody here may install",
            fault=Fault("", "update_no_service"),
        )
    part = folder / f"{name}.part"
    with wished():
        part.write_bytes(f"{words}\n".encode())
        part.replace(folder / name)
