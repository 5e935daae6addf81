# SPDX-License-Identifier: AGPL-3.0-or-later
"""Running a node: one process that opens the town, serves its pages, and stops cleanly when it is told to.

Pages and the control socket are up before the network: libp2p takes more than a second to import, and a resident who
searches does not wait for it. SIGTERM and SIGINT stop everything in order and leave the folder closed; a second one
ends the process at once. systemd is told when the node is ready, that it lives, and that it stops (sd_notify(3)).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from convergences_node.config import Config, load_config
from convergences_node.control import ControlServer
from convergences_node.network.network import Network
from convergences_node.town import Town

log = logging.getLogger(__name__)

STOP_SECONDS_MAX = 20.0
"""A clean stop takes under a second; after this, what still hangs is left to the kernel."""

SWITCH_SECONDS = 0.0005
"""How long a thread that computes may keep the interpreter from one that waits for it. By default ten times as long:
what takes microseconds between two pieces of work in C, as to check a signature does, then waits most of the time."""

Ready = Callable[[Town], None]


def serve(folder: Path) -> None:
    """Run the node of `folder` until SIGTERM or SIGINT. Raises `LocalError` if it cannot be opened."""
    config = load_config(folder)
    write_logs(config)
    sys.setswitchinterval(SWITCH_SECONDS)
    asyncio.run(run(folder))


async def run(folder: Path, ready: Ready = lambda town: None, stop: asyncio.Event | None = None) -> None:
    """As `serve`, in a loop that is there already. `ready(town)` is called once pages are served.

    Signals stop it, unless `stop` is given: then it is the caller, who may run several nodes in one process, that does.
    """
    loop = asyncio.get_running_loop()
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop_once, stop, loop, number)
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(Town.open(folder))
        await _serve_pages(town, stack)
        control = ControlServer(town)
        await control.start()
        stack.push_async_callback(control.stop)
        await town.start(Network(town))
        stack.push_async_callback(town.stop)
        stack.callback(notify, "STOPPING=1")
        stack.enter_context(_Watchdog(loop))
        notify("READY=1")
        log.info("%s (%s) is at %s", town.config.node.name, town.config.node.territory, town.http_address)
        ready(town)
        await stop.wait()
        log.info("stopping")
        loop.call_later(STOP_SECONDS_MAX, _give_up)
    log.info("stopped")


def _stop_once(stop: asyncio.Event, loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
    stop.set()
    loop.remove_signal_handler(number)  # the next one ends the process, as it would have without us


def _give_up() -> None:
    log.error(
        "not stopped after %d s; the process ends now, the archive is as safe as after a pulled plug", STOP_SECONDS_MAX
    )
    os._exit(1)


async def _serve_pages(town: Town, stack: AsyncExitStack) -> None:
    from aiohttp import web

    from convergences_node.web.app import make_app, make_runner

    runner = make_runner(make_app(town))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    http = town.config.http
    site = web.TCPSite(runner, http.host, http.port)
    await site.start()
    host, port = runner.addresses[0][:2]
    town.http_address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"


# ------------------------------------------------------------------------------------- systemd
def notify(state: str) -> None:
    """Tell systemd, if it started us (sd_notify(3)); nothing else depends on it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
        try:
            sending.sendto(state.encode(), address)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", state, error)


class _Watchdog:
    """Says twice per period that the event loop turns (WATCHDOG_USEC, sd_watchdog_enabled(3))."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._every = int(os.environ.get("WATCHDOG_USEC", "0")) / 2_000_000
        self._handle: asyncio.TimerHandle | None = None

    def __enter__(self) -> _Watchdog:
        if self._every > 0:
            self._tell()
        return self

    def _tell(self) -> None:
        notify("WATCHDOG=1")
        self._handle = self._loop.call_later(self._every, self._tell)

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.cancel()


# ------------------------------------------------------------------------------------- what the node writes
class _Quiet(logging.Filter):
    """Keeps what libraries say of ordinary disconnections (several lines each) out of the node's own lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "/libp2p/" not in record.pathname or record.levelno >= logging.CRITICAL


def write_logs(config: Config) -> None:
    """One line an event, to standard error; systemd keeps them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    if config.logs.level != "debug":
        handler.addFilter(_Quiet())
    logging.basicConfig(level=config.logs.level.upper(), handlers=[handler], force=True)
    for library in ("libp2p", "aiohttp.access", "zeroconf"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
