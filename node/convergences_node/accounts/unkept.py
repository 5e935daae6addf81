# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a card that refuses for now does not keep of `private.db`: the sessions that were to begin or to end there.

An operator has to be able to log in when a card is full, to read that it is. So a session that could not be written
down lasts as long as the process, and one that could not be deleted has ended all the same. A password that changes
ends the first sort, too, whoever changed it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from convergences_protocol.errors import Fault

from convergences_node.archive.connection import UNWRITABLE
from convergences_node.faults import NotNow
from convergences_node.read_only import refusal

SessionRow = tuple[bytes, int, str, str, int, int, str]
"""digest, operator, operator's name, token, began_at, seen_at, agent"""

FAULTS = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: "card_full",
        sqlite3.SQLITE_IOERR: "card_fails",
        sqlite3.SQLITE_CANTOPEN: "card_fails",
    }
)


@contextmanager
def writing() -> Iterator[None]:
    """Around what is written: a card that refuses is told as `NotNow`, in words that a page has."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_READONLY:  # the card has turned so under a node that runs
            raise refusal("read-only file system") from error
        if code not in FAULTS:
            raise
        fault = "card_full" if error.sqlite_errorcode in UNWRITABLE else FAULTS[code]
        raise NotNow(f"the node's card refuses: {error}", fault=Fault("", fault)) from error


@dataclass(slots=True)
class Unkept:
    """Sessions that the file does not have, and some that it should not have any more."""

    begun: dict[bytes, tuple[SessionRow, str]] = field(default_factory=dict)
    """By digest, with what was kept of the operator's password then."""
    ended: set[bytes] = field(default_factory=set)

    def begin(self, row: SessionRow, password: str, most: int) -> None:
        """Of too many sessions the oldest end."""
        self.begun[row[0]] = (row, password)
        while len(self.begun) > most:
            del self.begun[next(iter(self.begun))]

    def saw(self, digest: bytes, now: int) -> None:
        """It is still in use."""
        if digest in self.begun:
            row, password = self.begun[digest]
            self.begun[digest] = ((*row[:5], now, row[6]), password)
