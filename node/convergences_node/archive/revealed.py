# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much of one's own log may be shown. The writer raises it once the guard is durable; every reader looks at it."""

from __future__ import annotations


class Revealed:
    """The revealed size of each log of one's own that is being written; a log that is not in it is shown whole.

    One thread writes, any number read: a dictionary's single item is read and replaced at once in CPython.
    """

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}

    def size(self, log: int) -> int | None:
        """What may be shown of that log; None: all of it."""
        return self._sizes.get(log)

    def hold(self, log: int, size: int) -> None:
        """Show that log up to `size`."""
        self._sizes[log] = size

    def release(self, log: int) -> None:
        """Show all of it, from now on: it is closed, and nothing unrevealed is left in it."""
        self._sizes.pop(log, None)
