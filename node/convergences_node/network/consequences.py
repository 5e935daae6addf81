# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the driver leaves to the town: everything that is not moving logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from convergences_protocol.replication.views import Held

from convergences_node.network.transport import PeerKey


class Consequences(Protocol):
    """Asked of the town by the driver, in the event loop."""

    async def join_answer(self, data: bytes) -> bytes:
        """Answer someone who takes up an invitation; raises `ConvergencesError`."""

    def peer_dropped(self, key: PeerKey, reason: str, seconds: float) -> None:
        """A peer lied: to be remembered, and refused for so long."""

    def origins_mentioned(self, origins: Sequence[str]) -> None:
        """A peer says which logs it follows: one may be a new epoch that nobody here has heard of."""

    def head_contested(self, origin: str, head: Held) -> None:
        """A validly signed head that our copy of that log does not extend."""

    async def own_head_doubted(self, origin: str, head: Held) -> None:
        """A validly signed head of our own log that our tree does not extend."""

    async def rewind(self, origin: str, size: int) -> None:
        """Set the records of a log from `size` on aside."""
