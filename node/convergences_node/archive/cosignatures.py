# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lines by which heads are cosigned, on their way into the archive: many of them cost one sync of the card.

What this node has signed is written at once, all lines in one transaction, and told to nobody before. What others have
signed waits here, and is the first thing that any next transaction writes: a head that was cosigned is then not taken
for an old one by what follows it. Until then it is in memory alone; lost with it, it is told again, for whoever signed
it signs anew every ten minutes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from .model import CosignatureRow

PUT = (
    "INSERT INTO cosignatures SELECT log, ?, ?, ?, ? FROM logs WHERE origin = ? ON CONFLICT DO UPDATE"
    " SET size = excluded.size, time = excluded.time, line = excluded.line"
    " WHERE excluded.time > time OR (excluded.time = time AND excluded.size > size)"
)
"""A later one of the same cosigner takes the place of an earlier; of a log that is not here nothing is kept."""


class WaitingCosignatures:
    """Those that the next transaction writes. Used by the writer's thread."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], CosignatureRow] = {}
        """By log and cosigner, so that there are never more than nodes that the charter knows, squared."""

    def __bool__(self) -> bool:
        return bool(self._latest)

    def add(self, rows: Iterable[CosignatureRow]) -> None:
        """To be written with what is written next."""
        for row in rows:
            known = self._latest.get((row.origin, row.cosigner))
            if known is None or (known.time, known.size) < (row.time, row.size):
                self._latest[row.origin, row.cosigner] = row

    def put(self, db: sqlite3.Connection) -> None:
        """At the beginning of a transaction."""
        rows = self._latest.values()
        db.executemany(PUT, ((row.cosigner, row.size, row.time, row.line, row.origin) for row in rows))

    def origins(self) -> set[str]:
        """The logs that something waits for."""
        return {origin for origin, _ in self._latest}

    def clear(self) -> None:
        """That transaction is durable."""
        self._latest.clear()
