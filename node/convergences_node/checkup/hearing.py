# SPDX-License-Identifier: AGPL-3.0-or-later
"""At an agglomeration: what its towns have last said of their machines, in memory: each says it again within the hour.

Heard from whoever holds the key of a log that the charter names and that goes on, so that there are no more words than
towns; a word that is no later than the last one changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convergences_protocol import health
from convergences_protocol.errors import LocalError
from convergences_protocol.health import HEALTH, read_health

from convergences_node.checkup.sign import BAD, CARE

if TYPE_CHECKING:
    from convergences_node.town import Town

AHEAD_S = 3_600
"""A word that is so far ahead of our clock was dated by a wrong one: whatever comes after it is the later word."""
HEARD = b'{"state": "heard"}'
ENDED = b'{"state": "ended"}'
"""To a town whose log the charter has ended: it may have no other way to learn that."""
LEVELS = {health.CARE: CARE, health.BAD: BAD}


@dataclass(frozen=True, slots=True)
class Said:
    """What one town said."""

    said_at: int
    """By the town's clock."""
    heard_at: int
    """By ours."""
    signs: Sequence[tuple[str, str]]
    """Codes, perhaps of a newer program, and how grave they are; the gravest first."""


class Hearing:
    """The words of an agglomeration's towns. Used from the event loop alone."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._said: dict[str, Said] = {}

    @staticmethod
    def concerns(data: bytes) -> bool:
        """Whether a word that came by the door of invitations is about a town's machine."""
        return data.startswith(HEALTH)

    def of(self, origin: str) -> Said | None:
        """What the town of this log said last; None where it said nothing since this node started."""
        return self._said.get(origin)

    def answer(self, data: bytes) -> bytes:
        """Hear a word, and say so, or that the town's log is ended here. Raises what is refused."""
        signed = read_health(data)
        said = signed.health
        enrolled = self._town.membership.charter.enrolled(said.origin)
        if self._town.config.node.kind != "agglomeration":
            raise LocalError("this node is no agglomeration")
        if enrolled is None or enrolled.presumed or enrolled.disputed:
            raise LocalError(f"no town of this charter writes in {said.origin}")
        if not signed.signed_by(enrolled.identity.key):
            raise LocalError(f"the key of {said.origin} has not signed this")
        if enrolled.end is not None:
            return ENDED
        known, now = self._said.get(said.origin), self._town.now()
        if known is None or said.said_at > known.said_at or known.said_at > now + AHEAD_S:
            signs = sorted(said.signs, key=lambda each: -each[1])
            levels = tuple((code, LEVELS[level]) for code, level in signs)
            self._said[said.origin] = Said(said.said_at, now, levels)
        return HEARD
