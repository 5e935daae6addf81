# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real nodes in one process: real folders, archives, indexes and charters, on a network in memory that a test can cut.

With `over_libp2p` they speak over real libp2p streams on loopback. A node is started and stopped by its name. Its
folder may be copied, kept and put back while it is stopped, as people do with cards and backups. Nothing here sleeps: a
test waits until something holds, and is woken by what the archive tells.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from convergences_node.archive.guard import GUARD_NAME
from convergences_node.archive.model import Event, LogState, NewRecord, Placed
from convergences_node.archive.options import Options
from convergences_node.founding import Founded, create_town
from convergences_node.index.query import Query
from convergences_node.network.libp2p_settings import Libp2pSettings
from convergences_node.network.libp2p_transport import Libp2pTransport
from convergences_node.network.memory import MemoryNet, MemoryTransport
from convergences_node.network.network import Network
from convergences_node.network.transport import Transport
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_node.web.app import make_app, make_runner

WITHIN_S = 45.0
"""Nothing that these tests wait for takes so long unless it never comes."""

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "http": {"host": "127.0.0.1", "port": 0},
    "p2p": {"listen": ["/ip4/127.0.0.1/tcp/0"]},
    "discovery": {"zeroconf": False},
}

TERRITORIES = {
    "agglomeration": "FR-200057867",
    "saint-denis": "FR-93066",
    "pierrefitte": "FR-93059",
    "epinay": "FR-93031",
    "stains": "FR-93072",
}

Card = Callable[[], str | None]


@dataclass
class Node:
    """One node: its folder, and its town while it runs."""

    name: str
    folder: Path
    founded: Founded
    card: str | None = None
    clock: Callable[[], float] = time.time
    pages_max: int | None = None
    _town: Town | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def town(self) -> Town:
        assert self._town is not None, f"{self.name} is not running"
        return self._town

    @property
    def running(self) -> bool:
        return self._town is not None

    @property
    def key(self) -> bytes:
        return self.town.archive.keys.node.public

    @property
    def origin(self) -> str:
        """The log that it writes in."""
        return self.town.membership.own.origin

    async def ask(self, verb: str, **params: Any) -> Any:
        """Ask a verb of it, as the command line would."""
        return await perform(self.town, verb, params, lambda event: None)

    async def write(self, *names: str) -> list[Placed]:
        """A resident writes: one actor a name."""
        return await self.town.archive.append([actor(name) for name in names])

    async def log(self, origin: str) -> LogState | None:
        return await self.town.archive.read(lambda reader: reader.log(origin))

    async def size(self, origin: str) -> int:
        state = await self.log(origin)
        return state.size if state else 0

    async def headers(self, origin: str) -> list[bytes]:
        return await self.town.archive.read(lambda reader: reader.headers(origin, 0, 10_000))

    async def finds(self, *names: str) -> bool:
        """Whether a search here shows each of these names."""
        await self.town.index.catch_up()
        for name in names:
            answer = await self.town.index.search(Query.from_params({"q": name}))
            if name not in [item.name for item in answer.items]:
                return False
        return True

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str = "") -> None:
        """Wait until it holds, looking again whenever this node's archive has changed."""
        changed = asyncio.Event()

        def heard(event: Event) -> None:
            changed.set()

        unsubscribe = self.town.archive.subscribe(heard)
        try:
            async with asyncio.timeout(WITHIN_S):
                while not await holds():
                    # What a change brings about in the charter and the index comes a moment after the change.
                    try:
                        async with asyncio.timeout(0.5):
                            await changed.wait()
                    except TimeoutError:
                        continue
                    changed.clear()
        except TimeoutError:
            raise AssertionError(f"{self.name}: never came: {what or holds}") from None
        finally:
            unsubscribe()

    async def until_finds(self, *names: str) -> None:
        await self.until(lambda: self.finds(*names), f"finds {names}")

    async def until_holds(self, origin: str, size: int) -> None:
        async def whole() -> bool:
            return await self.size(origin) >= size

        await self.until(whole, f"{size} records of {origin}")

    async def until_enrolled(self, origin: str) -> None:
        async def enrolled() -> bool:
            found = self.town.membership.charter.enrolled(origin)
            return found is not None and not found.presumed and not found.disputed and found.end is None

        await self.until(enrolled, f"the charter names {origin}")


class Cluster:
    """Several nodes on one network: in memory, or over libp2p with so many seconds for one frame."""

    def __init__(self, folder: Path, *, over_libp2p: bool = False, frame_s: float = 60.0) -> None:
        self.folder = folder
        self.net = MemoryNet()
        self.nodes: dict[str, Node] = {}
        self._over_libp2p, self._frame_s = over_libp2p, frame_s
        self._ports: dict[str, int] = {}

    async def found(
        self, name: str, *, folder: Path | None = None, card: str | None = None, territory: str | None = None
    ) -> Node:
        kind = "agglomeration" if name.startswith("agglomeration") else "town"
        where = folder or self.folder / name
        options = Options(machine=lambda: card)
        code = territory or TERRITORIES[name]
        founded = await create_town(where, code, kind, name, settings=SETTINGS, options=options)
        node = self.nodes[name] = Node(name, where, founded, card)
        return node

    async def start(self, node: Node, *, pages: bool = False) -> Node:
        """Open the node and put it on the network; with `pages`, serve them and the API too."""
        assert not node.running
        options = Options(machine=lambda: node.card, clock=node.clock, pages_max=node.pages_max)
        stack = AsyncExitStack()
        try:
            town = await stack.enter_async_context(Town.open(node.folder, clock=node.clock, options=options))
            network = Network(town)
            transport = self._transport(node, town)
            town.network = network
            stack.push_async_callback(town.stop)
            await network.start(transport)
            town._clockwork.start()
            await network.settled_p2p()
            if pages:
                await _serve_pages(town, stack)
        except BaseException:
            await stack.aclose()
            raise
        node._town, node._stack = town, stack
        return node

    def _transport(self, node: Node, town: Town) -> Transport:
        if not self._over_libp2p:
            return MemoryTransport(town.archive.keys.node.public, self.net)
        port = self._ports.setdefault(node.name, free_port())  # the same after a restart: others remember it
        listen = (f"/ip4/127.0.0.1/tcp/{port}",)
        return Libp2pTransport(Libp2pSettings(town.archive.keys.node.seed, listen, frame_s=self._frame_s))

    def address(self, node: Node) -> str:
        """Where others reach the node."""
        if not self._over_libp2p:
            return f"memory:{node.key.hex()}"
        return f"/ip4/127.0.0.1/tcp/{self._ports[node.name]}"

    async def stop(self, *nodes: Node) -> None:
        for node in nodes:
            if node.running:
                node._town = None
                await node._stack.aclose()

    async def close(self) -> None:
        await self.stop(*self.nodes.values())

    async def cluster(self, *names: str, cards: Mapping[str, str] | None = None) -> list[Node]:
        """Found and start an agglomeration and towns, and have the towns join it."""
        nodes = [await self.found(name, card=(cards or {}).get(name)) for name in ("agglomeration", *names)]
        for node in nodes:
            await self.start(node)
        for town in nodes[1:]:
            await self.join(town, nodes[0])
        return nodes

    async def join(self, town: Node, agglomeration: Node) -> None:
        invitation = await agglomeration.ask(
            "invite", territory=town.founded.territory, addresses=[self.address(agglomeration)]
        )
        await town.ask("join", invitation=invitation["invitation"])
        await agglomeration.until_enrolled(town.origin)
        await town.until_enrolled(town.origin)

    async def acquaint(self, one: Node, other: Node) -> None:
        """Let a node know another's address, as the local network would."""
        await one.town.remember_peer(other.key, other.founded.territory, [self.address(other)])

    # ------------------------------------------------------------------------------------- cards and backups
    def backup(self, node: Node, *, name: str = "backup") -> Path:
        """What a careful operator keeps of a stopped node: everything but the guard."""
        assert not node.running
        kept = self.folder / f"{node.name}.{name}"
        shutil.copytree(node.folder, kept, ignore=shutil.ignore_patterns(GUARD_NAME, "node.lock", "node.sock"))
        return kept

    def image(self, node: Node, *, name: str = "image") -> Path:
        """What a cloned card holds: everything."""
        assert not node.running
        kept = self.folder / f"{node.name}.{name}"
        shutil.copytree(node.folder, kept, ignore=shutil.ignore_patterns("node.lock", "node.sock"))
        return kept

    def put_back(self, node: Node, kept: Path) -> None:
        """The folder as it was kept."""
        assert not node.running
        shutil.rmtree(node.folder)
        shutil.copytree(kept, node.folder)


async def _serve_pages(town: Town, stack: AsyncExitStack) -> None:
    """Its pages and its API, on a port of loopback."""
    runner = make_runner(make_app(town))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    town.http_address = f"http://{host}:{port}/"


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def actor(name: str) -> NewRecord:
    return NewRecord("actor", {"name": name, "type": "association"})


def warnings(records: Sequence[Any]) -> list[str]:
    """The lines that an operator would be woken by."""
    return [record.getMessage() for record in records if record.levelname in ("WARNING", "ERROR")]


__all__ = ["TERRITORIES", "Cluster", "Node", "actor", "partial", "warnings"]
