# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which logs count for a simulated node, by the charter that is on its card, and which of them it keeps.

As a real node derives it (`membership.py`); begun again from the card whenever what it read no longer stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convergences_protocol.charter import Charter
from convergences_protocol.origin import LogIdentity
from convergences_protocol.replication.views import End, Identity

from .archive import SimLog

if TYPE_CHECKING:
    from .node import Node


class Belonging:
    """What one node has read of its charter in one life."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.charter: Charter
        self.candidates: dict[str, LogIdentity] = {}
        """What may be new epochs of logs that are kept, by their origins."""
        self._turn = 0
        self._identities: list[Identity] = []
        self._identities_of: object = None

    def begin(self, pinned: LogIdentity) -> None:
        """Know the agglomeration's log alone."""
        self.charter = Charter(pinned)

    def identities(self) -> list[Identity]:
        """As the driver of a real node derives them; made anew when the charter, or what we write in, has changed."""
        state = (self.charter, self._turn, len(self.candidates), len(self._node.archive.own))
        if self._identities_of != state:
            self._identities_of, self._identities = state, self._derive_identities()
        return self._identities

    def kept(self) -> set[str]:
        """The origins of the logs that are kept."""
        return {identity.origin for identity in self.identities() if identity.keep}

    def _derive_identities(self) -> list[Identity]:
        node, ours = self._node, self.logs_of_ours()
        agglomeration = self.charter.territory
        found = [
            Identity(
                log.origin,
                log.identity.key,
                keep=node.keeps_all
                or log.territory in node.keeps
                or log.territory == agglomeration
                or log.territory == node.territory,
                end=End(log.end.last.size, log.end.last.root) if log.end else None,
                past_end=log.origin in ours[:-1] or self.charter.continued(log),
            )
            for log in self.charter.enrolments
        ]
        named = {identity.origin for identity in found}
        found += [
            Identity(log.origin, log.key, guessed=True) for log in self.candidates.values() if log.origin not in named
        ]
        return found

    def logs_of_ours(self) -> list[str]:
        """The logs that were written under our key for our territory, the one that is written in last.

        Not only those that this card remembers: it may be older than an epoch, and the charter names that one.
        """
        own = self._node.archive.own
        forgotten = [
            log.origin
            for log in self.charter.enrolments
            if log.territory == self._node.territory
            and log.identity.key == self._node.key.public
            and log.origin not in own
        ]
        return [*forgotten, *own]

    def mentioned(self, origins: tuple[str, ...]) -> bool:
        """Look at what may be a new epoch of a log that is kept. True if there is one that was not known."""
        known = len(self.candidates)
        for origin in origins:
            candidate = self.charter.candidate(origin)
            if candidate and (self._node.keeps_all or candidate.territory == self.charter.territory):
                self.candidates.setdefault(origin, candidate)
        return len(self.candidates) > known

    def apply(self, log: SimLog, start: int) -> bool:
        """Read a log's records from one on. True if they change the charter."""
        changed = False
        if log.origin.split("/")[1] != self.charter.territory:
            return False
        for at in range(start, log.size):
            reading = log.readings[at]
            if reading and reading.element is None and log.flags[at] is None:
                changed = self.charter.apply(log.origin, at, reading) or changed
        self._turn += changed
        return changed
