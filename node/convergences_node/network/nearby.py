# SPDX-License-Identifier: AGPL-3.0-or-later
"""Being found on the local network for as long as the node runs, though the network comes and goes.

A Pi's node is up before its Wi-Fi, and the router may give it another address, or be switched off for a night. So the
address is looked at now and then, and zeroconf begins again where it is a new one. Nothing is sent by looking.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from convergences_node.network.addresses import LOOPBACK, local_ip
from convergences_node.network.discovery import Discovery, Seen
from convergences_node.network.transport import PeerKey

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0


class Nearby:
    """`addresses()` are this node's own, asked for anew wherever it is."""

    def __init__(
        self, key: PeerKey, seen: Seen, addresses: Callable[[], Sequence[str]], here: Callable[[], str] = local_ip
    ) -> None:
        self._key = key
        self._seen = seen
        self._addresses = addresses
        self._where = here
        self._here = LOOPBACK
        self._discovery: Discovery | None = None

    @property
    def name(self) -> str | None:
        """What this machine is called on its network; None where nobody says so."""
        return self._discovery.name if self._discovery is not None else None

    async def run(self) -> None:
        """For as long as the node runs."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Begin again if this machine has another address by now. Whether it is found on a network."""
        here = self._where()
        if here != self._here:
            await self.stop()
            if here != LOOPBACK:
                await self._begin(here)
        return self._discovery is not None

    async def _begin(self, here: str) -> None:
        discovery = Discovery(self._key, self._seen, [here])
        try:
            await discovery.start(self._addresses())
        except OSError as error:
            log.warning("nobody can be looked for on the local network yet: %s", error)
            await discovery.stop()
            return
        self._here, self._discovery = here, discovery

    async def stop(self) -> None:
        """Take the announcement back."""
        discovery, self._discovery, self._here = self._discovery, None, LOOPBACK
        if discovery is not None:
            await discovery.stop()
