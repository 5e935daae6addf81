# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whole towns of one process, linked by a network in memory, and what is asked of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from convergences_node.clock import BUILT_AT
from convergences_node.founding import Settings, create_town
from convergences_node.network.memory import MemoryNet, MemoryTransport
from convergences_node.network.network import Network
from convergences_node.town import Town
from convergences_node.verbs import perform

PLAINE_COMMUNE, SAINT_DENIS, PIERREFITTE = "FR-200057867", "FR-93066", "FR-93059"
NAMES = {PLAINE_COMMUNE: "Plaine Commune", SAINT_DENIS: "Saint-Denis", PIERREFITTE: "Pierrefitte-sur-Seine"}
WITHIN = 60.0
"""Only a test that fails takes so long, or one on a machine that does much else."""


class Territory:
    """Towns and what links them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.net = MemoryNet()
        self._stacks: dict[str, AsyncExitStack] = {}

    async def found(self, code: str) -> Town:
        kind = "agglomeration" if code == PLAINE_COMMUNE else "town"
        facts = {"name": NAMES[code], "code": code, "type": "ept" if kind == "agglomeration" else "commune"}
        settings: Settings = {"http": {"port": 0}, "discovery": {"zeroconf": False}}
        await create_town(self.folder / code, code, kind, NAMES[code], facts=facts, settings=settings)
        return await self.start(code)

    async def start(self, code: str, clock: Callable[[], float] = lambda: BUILT_AT + 1000.0) -> Town:
        stack = self._stacks[code] = AsyncExitStack()
        town = await stack.enter_async_context(Town.open(self.folder / code, clock=clock))
        network = Network(town)
        await town.start(network, MemoryTransport(town.membership.own.key, self.net))
        stack.push_async_callback(town.stop)
        await network.settled_p2p()
        return town

    async def stop(self, code: str) -> None:
        await self._stacks.pop(code).aclose()

    async def join(self, agglomeration: Town, town: Town) -> None:
        address = f"/ip4/192.0.2.1/tcp/1/p2p/{agglomeration.membership.own.key.hex()}"
        invitation = await ask(agglomeration, "invite", territory=town.config.node.territory, addresses=[address])
        await ask(town, "join", invitation=invitation["invitation"])
        # An address in memory is the key itself, which is not what invitations carry.
        transport = self.net.transports[town.membership.own.key]
        transport.reach({agglomeration.membership.own.key: [address]})
        await until(lambda: linked(town))

    async def close(self) -> None:
        for code in list(self._stacks):
            await self.stop(code)


async def linked(town: Town) -> bool:
    assert town.network is not None
    return bool(town.network.driver.links)


async def ask(town: Town, verb: str, **params: Any) -> Any:
    return await perform(town, verb, params, lambda event: None)


async def add(town: Town, name: str) -> str:
    answer = await ask(town, "add", kind="actor", fields={"name": name, "type": "association"})
    return str(answer["element"])


async def until(true: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(WITHIN):
        while not (answer := await true()):  # noqa: ASYNC110 - what is awaited has no one event
            await asyncio.sleep(0.01)
    return answer


async def found(town: Town, words: str) -> list[dict[str, Any]]:
    return list((await ask(town, "search", query={"q": words}))["items"])
