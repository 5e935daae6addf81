# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is said where there should be an archive and is none: a question for a person, never a new log by itself."""

from __future__ import annotations

from pathlib import Path

from convergences_protocol import checkpoint
from convergences_protocol.errors import LocalError, RemoteError

from .connection import ARCHIVE_NAME
from .guard import Guard, GuardTorn
from .keys import keys_in


def no_archive(folder: Path) -> LocalError:
    """Nothing was ever here; or the archive is gone, and what is left says which log has to be brought back.

    A new log under the same key is not begun by itself: its first record would have to name the recovery key, which
    stood in the archive and is on the sheet. Without sheet and backup, a person at the agglomeration has to decide.
    """
    if not keys_in(folder):
        return LocalError(f"no archive in {folder}", hint="convergences init makes one")
    try:
        known = Guard(folder, None).read()
        origin = checkpoint.parse(known.note).origin if known else "<its log>"
    except (GuardTorn, RemoteError):
        origin = "<its log>"
    return LocalError(
        f"the archive {folder / ARCHIVE_NAME} is gone, though the node's keys are here; nothing was changed",
        hint="put a backup of it back, and peers give what came after; without one, found a node in another folder and"
        f" let it go on from there: convergences charter end {origin} --recovery-sheet … --why … --at http://…",
    )
