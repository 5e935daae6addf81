# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an agglomeration remembers of the backups that it keeps: `vault.json`, replaced as a whole, durably.

Which of them stay is decided here, without a disk: the newest two, the newest that has stood for a week, and the one
that will be that next. So who steals a town's card, and leaves rubbish in its name, has to go on unnoticed for a week
before the last good one goes; and what was erased at the town is gone from here after two weeks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from convergences_protocol.errors import LocalError

from convergences_node.archive.durable import replace_durably

NAME = "vault.json"
NOTES_BYTES_MAX = 16 * 1024 * 1024
NEWEST_KEPT = 2
WEEK_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup that is here, and was read back."""

    territory: str
    origin: str
    recovery_key: str
    """Of the log's enrolment, in hex: whose sheet opens it."""
    digest: str
    size: int
    made_at: int
    """By the town's clock."""
    kept_at: int
    """By ours, and never before the one that was kept before it."""


class Notes:
    """The file. For one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self.kept: tuple[Kept, ...] = self._read()
        """Oldest first."""

    def of_territory(self, territory: str) -> list[Kept]:
        """What is kept for one territory, newest first."""
        return [each for each in reversed(self.kept) if each.territory == territory]

    def of_sheet(self, recovery_key: bytes) -> list[Kept]:
        """What that sheet opens, newest first."""
        return [each for each in reversed(self.kept) if each.recovery_key == recovery_key.hex()]

    def add(self, new: Kept) -> list[Kept]:
        """Note one that is here. Returns those that are to go, and are noted no more."""
        others = [each for each in self.kept if each.territory != new.territory]
        mine = [each for each in self.kept if each.territory == new.territory and each.digest != new.digest]
        stay = staying([*mine, new], new.kept_at)
        self._write([*others, *stay])
        return [each for each in mine if each not in stay]

    def forget(self, territory: str) -> list[Kept]:
        """Note nothing more of a territory. Returns what was kept for it."""
        gone = self.of_territory(territory)
        if gone:
            self._write([each for each in self.kept if each.territory != territory])
        return gone

    def _read(self) -> tuple[Kept, ...]:
        try:
            with self._path.open("rb") as file:
                return tuple(Kept(**each) for each in json.loads(file.read(NOTES_BYTES_MAX)))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError) as error:
            raise LocalError(f"{NAME} cannot be read: {error}", hint="move it away: towns leave new backups") from error

    def _write(self, kept: Iterable[Kept]) -> None:
        noted = tuple(sorted(kept, key=lambda each: each.kept_at))
        replace_durably(self._path, json.dumps([asdict(each) for each in noted], indent=1).encode())
        self.kept = noted  # only now: who is told that a backup is kept lets go of its own


def staying(kept: Sequence[Kept], now: int) -> list[Kept]:
    """Of one town's backups, oldest first, those that stay, in the same order."""
    rest, newest = kept[:-NEWEST_KEPT], kept[-NEWEST_KEPT:]
    old = [each for each in rest if each.kept_at <= now - WEEK_S]
    growing = [each for each in rest if each.kept_at > now - WEEK_S]
    return [*old[-1:], *growing[:1], *newest]
