# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far the reading of the archive is: noted by the one who reads, asked by pages at any time without waiting."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Course:
    """One reading, from the entries that an earlier one had taken in to the last one that there was when it began."""

    done: int
    total: int
    began_at: float
    """By a clock that only goes forward, as `moved_at`."""
    began_with: int
    moved_at: float

    @classmethod
    def beginning(cls, done: int, total: int, now: float) -> Course:
        return cls(done, total, now, done, now)

    def move(self, entries: int, now: float) -> None:
        """Note that so many more have been taken in."""
        self.done += entries
        self.total = max(self.total, self.done)  # the archive grows meanwhile
        self.moved_at = now

    @property
    def seconds_left(self) -> int | None:
        """How long the rest takes if it goes on as it went; None before there is anything to judge by."""
        read, seconds = self.done - self.began_with, self.moved_at - self.began_at
        return math.ceil((self.total - self.done) * seconds / read) if read and seconds > 0 else None
