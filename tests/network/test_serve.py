# SPDX-License-Identifier: AGPL-3.0-or-later
"""One process that serves a folder: ready soon, told to systemd, stopped cleanly, and never two of them."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from convergences_node.control import SOCKET_NAME, call
from convergences_node.systemd import (
    START_LOOK_S,
    START_S,
    START_S_MAX,
    START_WORK_S,
    Starting,
    Watchdog,
    ask_for_time,
    notify,
    turns,
)

from tests.network.conftest import WITHIN

SAINT_DENIS = "FR-93066"
ROOT = Path(__file__).parents[2]


async def test_systemd_is_told_that_it_is_ready_lives_and_stops(cluster: Any, tmp_path: Path) -> None:
    """sd_notify(3): READY once pages are served, WATCHDOG twice a period, STOPPING on SIGTERM; exit code 0."""
    node = await cluster.found(SAINT_DENIS, "sd")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        path = node.folder / "notify"
        systemd.bind(str(path))
        systemd.settimeout(WITHIN)
        await node.start(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="200000")
        told: list[str] = []
        while told.count("WATCHDOG=1") < 3 or "READY=1" not in told:
            told.append((await asyncio.to_thread(systemd.recv, 100)).decode())
        assert await node.stop() == 0
        while told[-1] != "STOPPING=1":
            told.append((await asyncio.to_thread(systemd.recv, 100)).decode())
    assert "stopped" in node.log() and "Traceback" not in node.log()
    assert not (node.folder / SOCKET_NAME).exists()


async def test_a_process_that_becomes_another_is_given_as_long_as_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From setup to town systemd sees no start; a watchdog that ran on would end that of a slow machine."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WITHIN)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        time = f"EXTEND_TIMEOUT_USEC={START_S}000000"
        ask_for_time()  # nobody watches over it
        assert systemd.recv(100).decode() == time
        monkeypatch.setenv("WATCHDOG_USEC", "180000000")
        ask_for_time()
        assert systemd.recv(100).decode().splitlines() == [time, "WATCHDOG=1", f"WATCHDOG_USEC={START_S}000000"]
        async with Watchdog(turns):
            assert (await asyncio.to_thread(systemd.recv, 100)).decode() == "WATCHDOG=1\nWATCHDOG_USEC=180000000"
    unit = (ROOT / "deploy/package/files/convergences.service").read_text("utf-8")
    assert f"TimeoutStartSec={START_S}\n" in unit


def test_a_start_is_given_time_as_long_as_it_does_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A starved machine gets on; one that hangs asks for nothing more, and neither does one that turns for an hour."""
    worked, now = [0.0], [0.0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        starting = Starting(lambda: worked[0], lambda: now[0])

        def asked() -> bool:
            now[0] += START_LOOK_S
            again = starting.look()
            with suppress(BlockingIOError):
                return systemd.recv(100).startswith(b"EXTEND_TIMEOUT_USEC=") and again
            return False

        assert not asked(), "nothing was done"
        worked[0] += START_WORK_S / 2
        assert not asked()
        worked[0] += START_WORK_S
        assert asked(), "little by little counts, too"
        assert not asked()
        while now[0] < START_S_MAX - START_LOOK_S:
            worked[0] += 1
            assert asked()
        now[0] += START_LOOK_S
        assert not starting.look(), "an hour is enough"


async def test_a_node_asks_for_time_until_it_serves(cluster: Any) -> None:
    """And then for no more: its watchdog's own patience is back before it says that it is ready."""
    node = await cluster.found(SAINT_DENIS, "sd")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(node.folder / "notify"))
        systemd.settimeout(WITHIN)
        await node.start(NOTIFY_SOCKET=str(node.folder / "notify"), WATCHDOG_USEC="60000000")
        told: list[str] = []
        while "READY=1" not in told:
            told.append((await asyncio.to_thread(systemd.recv, 100)).decode())
        assert told[0].startswith("EXTEND_TIMEOUT_USEC=")
        assert "WATCHDOG=1\nWATCHDOG_USEC=60000000" in told
        assert await node.stop() == 0


def test_without_systemd_nobody_is_told(monkeypatch: Any) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    notify("READY=1")


async def test_pages_and_verbs_do_not_wait_for_the_network(cluster: Any) -> None:
    """The node answers while libp2p is still being imported, and keeps its socket to its owner."""
    node = await cluster.found(SAINT_DENIS, "sd")
    await node.start()
    status = await node.call("status")
    async with aiohttp.ClientSession() as session, session.get(status["addresses"]["http"] + "healthz") as answer:
        assert answer.status in (200, 503)  # 503: its first index is still being made
    assert stat.S_IMODE((node.folder / SOCKET_NAME).stat().st_mode) == 0o600
    assert await node.stop() == 0  # also when the network has not come up yet


async def test_a_folder_is_served_once(cluster: Any) -> None:
    """Two writers would fork the town: the second says which process has the folder, and ends."""
    node, second = await cluster.found(SAINT_DENIS, "sd"), None
    await node.start()
    process = (await node.call("status"))["node"]["process"]
    second = type(node)(node.folder)
    await second.start()  # the socket that answers is the first one's
    assert await second.wait() != 0
    assert f"in use by process {process}" in node.log()
    assert (await node.call("status"))["node"]["process"] == process
    assert await node.stop() == 0


async def test_a_node_stops_cleanly_while_it_works(cluster: Any) -> None:
    """SIGTERM in the middle of writing and linking: what was acknowledged is there afterwards, the exit code is 0."""
    agglomeration, town = await cluster.joined_pair()
    written: list[str] = []
    stopped = asyncio.Event()

    async def write() -> None:
        while not stopped.is_set():  # without a node, the folder itself is written
            fields = {"name": f"Association {len(written)}", "type": "association"}
            written.append((await town.call("add", kind="actor", fields=fields))["element"])

    writing = asyncio.create_task(write())
    while len(written) < 20:  # noqa: ASYNC110 - the writing has no event
        await asyncio.sleep(0.01)
    town.signal(signal.SIGTERM)
    assert await town.wait() == 0
    stopped.set()
    await asyncio.gather(writing, return_exceptions=True)
    for element in written:
        assert (await asyncio.to_thread(call, town.folder, "history", {"element": element}))["entries"]
    assert await agglomeration.stop() == 0
