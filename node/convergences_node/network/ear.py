# SPDX-License-Identifier: AGPL-3.0-or-later
"""One transport's own door to the driver, so that what comes over a link that another has replaced is not heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from convergences_node.network.transport import Link, PeerKey

if TYPE_CHECKING:
    from convergences_node.network.driver import Driver


class Ear:
    """The `Listener` of one transport: what it tells of a link that another transport holds now is not heard.

    A link that was replaced goes on talking for a moment. Its last frames would be taken for the first of the new link,
    and an honest peer blamed for them; its end would be taken for the end of the new one.
    """

    def __init__(self, driver: Driver, transport: str) -> None:
        self._driver = driver
        self._transport = transport
        self.heard = driver.heard
        self.misbehaved = driver.misbehaved
        self.join_asked = driver.join_asked

    def _holds(self, key: PeerKey) -> bool:
        link = self._driver.links.get(key)
        return link is not None and link.transport == self._transport

    def connected(self, link: Link) -> None:
        self._driver.connected(link)

    def disconnected(self, key: PeerKey) -> None:
        if self._holds(key):
            self._driver.disconnected(key)

    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None:
        if self._holds(key):
            self._driver.received(key, frame, consumed)
        else:
            consumed()

    def drained(self, key: PeerKey, frames: int) -> None:
        if self._holds(key):
            self._driver.drained(key, frames)
