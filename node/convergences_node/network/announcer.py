# SPDX-License-Identifier: AGPL-3.0-or-later
"""Gossip in moderation: the newest head, at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from convergences_node.network.transport import Transport

ANNOUNCE_EVERY_S = 1.0
"""Gossip costs 8 ms of CPU a message at every node; open links carry each head at once anyway."""


class Announcer:
    """Says to every transport what it was last given. An import gives ten heads a second; only the last is worth it."""

    def __init__(self, transports: Callable[[], Iterable[Transport]], monotonic: Callable[[], float]) -> None:
        self._transports = transports
        self._now = monotonic
        self._waiting: bytes | None = None
        self._said_at = -ANNOUNCE_EVERY_S

    def say(self, data: bytes) -> None:
        """Say this, now or as soon as it is time; in place of what was still waiting to be said."""
        already, self._waiting = self._waiting is not None, data
        if not already:
            due = max(0.0, self._said_at + ANNOUNCE_EVERY_S - self._now())
            asyncio.get_running_loop().call_later(due, self._say)

    def _say(self) -> None:
        data, self._waiting = self._waiting, None
        assert data is not None, "a call is due only while something waits"
        self._said_at = self._now()
        for transport in self._transports():
            transport.announce(data)
