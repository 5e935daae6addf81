# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the network's tests share: keys from a number, a listener that remembers, transports that are always stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from convergences_node.control import call, is_running
from convergences_node.founding import Settings, create_town
from convergences_node.network.libp2p_transport import Libp2pSettings, Libp2pTransport
from convergences_node.network.transport import Link
from convergences_protocol.keys import SigningKey

from .whole_towns import Territory

LOOPBACK = "/ip4/127.0.0.1/tcp/0"
WITHIN = 120.0
"""No event of these tests takes so long unless it never comes, on a machine with ten others' work to do either."""


class Remembers:
    """A listener that keeps what it was told, and lets a test wait for it."""

    def __init__(self, *, consumes: bool = True) -> None:
        self.links: dict[bytes, Link] = {}
        self.frames: list[tuple[bytes, bytes]] = []
        self.announcements: list[bytes] = []
        self.misdeeds: list[tuple[bytes, str]] = []
        self.joins: list[bytes] = []
        self.drains: list[tuple[bytes, int]] = []
        self.connections = 0
        self.consumes = consumes
        self._changed = asyncio.Condition()

    def connected(self, link: Link) -> None:
        self.links[link.key] = link
        self.connections += 1
        self._tell()

    def disconnected(self, key: bytes) -> None:
        self.links.pop(key, None)
        self._tell()

    def misbehaved(self, key: bytes, reason: str) -> None:
        self.misdeeds.append((key, reason))
        self._tell()

    def received(self, key: bytes, frame: bytes, consumed: Callable[[], None]) -> None:
        self.frames.append((key, frame))
        if self.consumes:
            consumed()
        self._tell()

    def drained(self, key: bytes, frames: int) -> None:
        self.drains.append((key, frames))
        self._tell()

    def heard(self, data: bytes) -> None:
        self.announcements.append(data)
        self._tell()

    def join_asked(self, key: bytes, request: bytes, answer: Callable[[bytes], None]) -> None:
        self.joins.append(key)
        answer(b"welcome " + request)
        self._tell()

    def _tell(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._task = asyncio.get_running_loop().create_task(notify())

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN), self._changed:
            await self._changed.wait_for(true)


@dataclass(frozen=True)
class Node:
    """One transport, the key that it proves, and what it told."""

    key: bytes
    transport: Libp2pTransport
    told: Remembers


class Net:
    """Transports of one test."""

    def __init__(self) -> None:
        self._started: list[Libp2pTransport] = []

    def key(self, number: int) -> SigningKey:
        return SigningKey.from_seed(number.to_bytes(32, "big"))

    async def node(
        self, number: int, *, consumes: bool = True, listen: tuple[str, ...] = (LOOPBACK,), **settings: Any
    ) -> Node:
        transport = Libp2pTransport(Libp2pSettings(self.key(number).seed, listen, **settings))
        listener = Remembers(consumes=consumes)
        await transport.start(listener)
        self._started.append(transport)
        return Node(self.key(number).public, transport, listener)

    async def link(self, dialler: Node, to: Node) -> None:
        """Make two nodes members of each other's cluster, have one dial the other, and wait until both know."""
        to.transport.allow({dialler.key})
        dialler.transport.allow({to.key})
        dialler.transport.reach({to.key: to.transport.addresses()})
        await dialler.told.until(lambda: to.key in dialler.told.links)
        await to.told.until(lambda: dialler.key in to.told.links)

    async def in_trio(self, node: Node, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Run `work(host)` inside a transport's trio thread: what a hostile program could do there."""
        host = node.transport._host
        assert host is not None
        done: Future[Any] = Future()

        async def run() -> None:
            try:
                done.set_result(await work(host))
            except Exception as error:
                done.set_exception(error)

        node.transport._in_thread(lambda: host.nursery.start_soon(run))
        return await asyncio.wait_for(asyncio.wrap_future(done), WITHIN)

    async def close(self) -> None:
        await asyncio.gather(*(transport.stop() for transport in self._started))


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    yield net
    await net.close()


def resident_bytes() -> int:
    """This process's resident memory."""
    with Path("/proc/self/statm").open() as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# ------------------------------------------------------------------------------------- towns in processes of their own
SERVE = "import sys; from pathlib import Path; from convergences_node.serve import serve; serve(Path(sys.argv[1]))"
PLAINE_COMMUNE, SAINT_DENIS = "FR-200057867", "FR-93066"


class Process:
    """One node in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, **env: str) -> None:
        with (self.folder / "node.log").open("ab") as errors:
            command = [sys.executable, "-c", SERVE, str(self.folder)]
            self._process = await asyncio.to_thread(subprocess.Popen, command, stderr=errors, env={**os.environ, **env})
        await self.until(lambda: is_running(self.folder))

    async def call(self, verb: str, **params: Any) -> Any:
        return await asyncio.to_thread(call, self.folder, verb, params)

    async def until(self, true: Callable[[], Any], within: float = WITHIN) -> Any:
        """Ask, in a thread, until the answer is true. A node has no other event that reaches us here."""
        async with asyncio.timeout(within):
            while not (answer := await asyncio.to_thread(true)):
                assert self._process is None or self._process.poll() is None, self.log()
                await asyncio.sleep(0.02)
        return answer

    async def until_linked(self, count: int = 1) -> None:
        await self.until(lambda: call(self.folder, "status")["peers"]["connected"] >= count)

    async def until_found(self, words: str, within: float = WITHIN) -> dict[str, Any]:
        def find() -> Any:
            items = call(self.folder, "search", {"query": {"q": words}})["items"]
            return items[0] if items else None

        found: dict[str, Any] = await self.until(find, within)
        return found

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def wait(self) -> int:
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, WITHIN)

    async def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return await self.wait()

    def log(self) -> str:
        return (self.folder / "node.log").read_text()

    def end(self) -> None:
        """Have it stop, and with it the processes that it began: a killed node's go on writing in its folder for a
        moment, which is then removed under them. By force, if it does not listen."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """An agglomeration and its towns, on loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[Process] = []

    async def found(self, territory: str, name: str, **settings: dict[str, Any]) -> Process:
        """Make a node, not yet running."""
        kind = "agglomeration" if territory == PLAINE_COMMUNE else "town"
        type_ = "ept" if kind == "agglomeration" else "commune"
        given: Settings = {"http": {"port": 0}, "p2p": {"listen": [LOOPBACK]}, "discovery": {"zeroconf": False}}
        folder = self._folder / name
        facts = {"name": name, "code": territory, "type": type_}
        await create_town(folder, territory, kind, name, facts=facts, settings={**given, **settings})
        process = Process(folder)
        self._processes.append(process)
        return process

    async def joined_pair(self, **settings: dict[str, Any]) -> tuple[Process, Process]:
        """An agglomeration and a town that has joined it, both running and linked."""
        listen = [f"/ip4/127.0.0.1/tcp/{free_port()}"]  # the same after a restart: invitations name it
        agglomeration = await self.found(PLAINE_COMMUNE, "ag", **settings | {"p2p": {"listen": listen}})
        town = await self.found(SAINT_DENIS, "sd", **settings)
        await agglomeration.start()
        await town.start()
        await self.join(agglomeration, town, SAINT_DENIS)
        await town.until_linked()
        await agglomeration.until_linked()
        return agglomeration, town

    async def join(self, agglomeration: Process, town: Process, territory: str) -> Any:
        await agglomeration.until(lambda: call(agglomeration.folder, "status")["network"]["libp2p"] != "starting")
        invitation = await agglomeration.call("invite", territory=territory)
        return await town.call("join", invitation=invitation["invitation"])

    def end(self) -> None:
        for process in self._processes:
            process.end()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="cv") as folder:  # a short path: a socket's is at most 108 bytes
        cluster = Cluster(Path(folder))
        try:
            yield cluster
        finally:
            cluster.end()


@pytest.fixture
async def territory(tmp_path: Path) -> AsyncIterator[Territory]:
    territory = Territory(tmp_path)
    yield territory
    await territory.close()
