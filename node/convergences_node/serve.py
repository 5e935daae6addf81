# SPDX-License-Identifier: AGPL-3.0-or-later
"""Running a node: one process that opens the town, serves its pages, and stops cleanly when it is told to.

In an empty folder there is no town yet: the setup's pages are served until there is one, and then the town's, behind
the same socket. The operator's page may end the process too, to start again or for good.

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
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import Fault, LocalError

from convergences_node.accounts import Accounts
from convergences_node.accounts.migrations import PRIVATE_NAME
from convergences_node.allocating import collect_seldom, keep_little
from convergences_node.archive import spare
from convergences_node.archive.lock import LOOK_SECONDS, TAKEN_SECONDS_MAX, FolderLock, is_taken
from convergences_node.checkup.alerts import Alerts
from convergences_node.checkup.self_check import SelfCheck
from convergences_node.config import LogsSection, load_config
from convergences_node.control import ControlServer, is_running, require_own
from convergences_node.doorway import address_of, given_socket, hand_over, own_socket
from convergences_node.faults import why_of
from convergences_node.network.network import Network
from convergences_node.operating import Ending, Life, Operating
from convergences_node.read_only import why_read_only
from convergences_node.relay.settings import STORE_NAME, why_off
from convergences_node.setup.joining_later import JoiningLater
from convergences_node.setup.staging import finish, is_blank, is_unfinished
from convergences_node.systemd import Starting, Watchdog, ask_for_time, notify, turns
from convergences_node.town import Town
from convergences_node.updates.lookout import Lookout
from convergences_node.updates.trial import Trial
from convergences_node.web.settings import HttpSection

if TYPE_CHECKING:
    from convergences_node.relay.relay import Relay

log = logging.getLogger(__name__)

STOP_SECONDS_MAX = 20.0
"""A clean stop takes under a second; after this, what still hangs is left to the kernel."""

SWITCH_SECONDS = 0.0005
"""How long a thread that computes may keep the interpreter from one that waits for it. By default ten times as long:
what takes microseconds between two pieces of work in C, as to check a signature does, then waits most of the time."""

STOPPED_CODE = 10
"""The process's exit code when its operator stopped it from a browser; systemd then leaves it at that."""

_HTTP = HttpSection()
P2P_PORT = 4750

Ready = Callable[[Town], None]


def serve(folder: Path, host: str = _HTTP.host, port: int = _HTTP.port) -> None:
    """Run the node of `folder` until SIGTERM or SIGINT. Raises `LocalError` if it cannot be opened.

    In an empty folder, `host` and `port` are where the setup's pages are, and where the town's will be.
    """
    require_own(folder)
    starting = Starting().begin()
    _finish_setup(folder)
    if is_blank(folder):
        write_logs(LogsSection())
        _set_up(folder, host, port, starting)
        return
    write_logs(load_config(folder).logs)
    sys.setswitchinterval(SWITCH_SECONDS)
    keep_little()

    def ready(town: Town) -> None:
        starting.end()
        collect_seldom()

    ending = asyncio.run(run(folder, ready=ready))
    if ending is Ending.RESTART:
        _become_another()
    if ending is Ending.STOP:
        sys.exit(STOPPED_CODE)


def _finish_setup(folder: Path) -> None:
    """Go on with a town that was made and not moved yet; under the lock, for another process may be making it now."""
    if not is_unfinished(folder) or why_read_only(folder) is not None:
        return
    lock = FolderLock(folder)
    try:
        finish(folder)
    except OSError as error:
        reason = why_of(error)
        raise LocalError(
            f"the setup in {folder} cannot be gone on with: {reason}",
            fault=Fault("", "folder_unwritable", {"folder": str(folder), "reason": reason}),
        ) from error
    finally:
        lock.release()


def _become_another() -> None:
    """Start this same command again in this process: perhaps a newer program by now, and with nothing in memory."""
    ask_for_time()
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - what was started, as it was started


def _set_up(folder: Path, host: str, port: int, starting: Starting) -> None:
    """The setup's pages, until there is a town; then the town, behind the same socket."""
    listening = given_socket() or _bound(host, port)
    if asyncio.run(_serve_setup(folder, listening, _settings(host, port), starting)):
        hand_over(listening)
        _become_another()


async def run(folder: Path, ready: Ready = lambda town: None, stop: asyncio.Event | None = None) -> Ending:
    """As `serve` of a town, in a loop that is there already. `ready(town)` is called once pages are served.

    Signals stop it, unless `stop` is given: then it is the caller, who may run several nodes in one process, that does.
    """
    loop = asyncio.get_running_loop()
    life = Life(stop or asyncio.Event())
    if stop is None:
        _stop_by_signals(life, loop)
    async with AsyncExitStack() as stack:
        listening = given_socket()
        if listening is not None:
            stack.callback(listening.close)
        town = await _opened(folder, stack)
        await _serve(town, life, listening, stack, ready)
        log.info("stopping")
        loop.call_later(STOP_SECONDS_MAX, _give_up)
    log.info("stopped")
    return life.ending


async def _opened(folder: Path, stack: AsyncExitStack) -> Town:
    """The town, once a command has done with it that found no node running; another node is not waited for."""
    deadline = time.monotonic() + TAKEN_SECONDS_MAX
    while True:
        try:
            return await stack.enter_async_context(Town.open(folder))
        except LocalError as error:
            if not is_taken(error, folder) or is_running(folder) or time.monotonic() > deadline:
                raise
        await asyncio.sleep(LOOK_SECONDS)


def _stop_by_signals(life: Life, loop: asyncio.AbstractEventLoop) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_once, life, loop, number)


def _bound(host: str, port: int) -> socket.socket:
    try:
        return own_socket(host, port)
    except OSError as error:
        raise LocalError(
            f"the setup's pages cannot be served at {host}, port {port}: {error.strerror or error}",
            hint="convergences serve --host --port",
            fault=Fault("", "port_unusable", {"host": host, "port": port, "reason": str(error.strerror or error)}),
        ) from None


async def _serve_setup(
    folder: Path, listening: socket.socket, settings: dict[str, dict[str, Any]], starting: Starting
) -> bool:
    """Whether there is a town now; False if the process is to stop before."""
    from convergences_node.setup.serving import set_up

    life = Life(asyncio.Event())
    _stop_by_signals(life, asyncio.get_running_loop())
    starting.end()
    notify("READY=1")
    async with Watchdog(turns):
        return await set_up(folder, listening, settings, life.stop) and not life.stop.is_set()


def _settings(host: str, port: int) -> dict[str, dict[str, Any]]:
    """What the new town's settings begin with. A node that is tried on one machine speaks to peers there alone."""
    settings: dict[str, dict[str, Any]] = {"http": {"host": host, "port": port}}
    if host == _HTTP.host:
        settings["p2p"] = {"listen": [f"/ip4/{host}/tcp/{P2P_PORT if port else 0}"]}
    return settings


async def _serve(town: Town, life: Life, listening: socket.socket | None, stack: AsyncExitStack, ready: Ready) -> None:
    """Everything of a running town, until it is to stop."""
    with spare.room(town.folder):
        operating = await _operating(town, life, stack)
        relay = await _relay(town, stack)
    await _serve_pages(town, operating, relay, listening, stack)
    control = ControlServer(town)
    await control.start()
    stack.push_async_callback(control.stop)
    await town.start(Network(town))
    stack.push_async_callback(town.stop)
    if relay is not None:
        relay.start()
    if operating is not None:
        operating.joining.start()
        stack.push_async_callback(operating.joining.stop)
        alerts = Alerts(town, operating.accounts)
        alerts.start()
        stack.push_async_callback(alerts.stop)
    stack.callback(notify, "STOPPING=1")
    for each in (Trial(town), Lookout(town)):
        each.start()
        stack.push_async_callback(each.stop)
    await stack.enter_async_context(Watchdog(SelfCheck(town).is_well))
    notify("READY=1")
    log.info("%s (%s) is at %s", town.config.node.name, town.config.node.territory, town.http_address)
    ready(town)
    await life.stop.wait()


def _stop_once(life: Life, loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
    life.end(Ending.SIGNAL)  # also of a node that was about to start again
    loop.remove_signal_handler(number)  # the next one ends the process, as it would have without us


def _give_up() -> None:
    log.error(
        "not stopped after %d s; the process ends now, the archive is as safe as after a pulled plug", STOP_SECONDS_MAX
    )
    os._exit(1)


async def _operating(town: Town, life: Life, stack: AsyncExitStack) -> Operating | None:
    """What the operator's page needs; None if its file cannot be used: a town is served all the same."""
    try:
        accounts = await asyncio.to_thread(Accounts, town.folder, town.now)
    except (sqlite3.Error, OSError) as error:
        log.error("%s cannot be used, and there is no operator's page: %s", PRIVATE_NAME, error)
        return None
    stack.callback(accounts.close)
    return Operating(town, accounts, JoiningLater(town, accounts), life)


async def _relay(town: Town, stack: AsyncExitStack) -> Relay | None:
    """What tells the fediverse, if the operator wants it; a town is served without it all the same."""
    if town.read_only is not None:
        return None  # what it is told it has to remember
    if (why := why_off(town.config)) is not None:
        if why != "disabled":
            log.warning("no relay: it needs http.public_url, in https")
        if (town.folder / STORE_NAME).exists():
            from convergences_node.relay.homes import say_where

            await say_where(town, None)  # it was one: others need not leave to it what it no longer tells
        return None
    from convergences_node.relay.relay import Relay

    try:
        relay = await Relay.open(town)
    except (sqlite3.Error, OSError, LocalError) as error:
        log.error("no relay: %s", error)
        return None
    stack.push_async_callback(relay.stop)
    return relay


async def _serve_pages(
    town: Town,
    operating: Operating | None,
    relay: Relay | None,
    listening: socket.socket | None,
    stack: AsyncExitStack,
) -> None:
    from aiohttp import web

    from convergences_node.web.app import make_app, make_runner

    runner = make_runner(make_app(town, operating=operating, relay=relay))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    http = town.config.http
    site: web.BaseSite = (
        web.TCPSite(runner, http.host, http.port) if listening is None else web.SockSite(runner, listening.dup())
    )
    await site.start()
    host, port = runner.addresses[0][:2]
    town.http_address = address_of(host, port)


# ------------------------------------------------------------------------------------- what the node writes
class _Quiet(logging.Filter):
    """Keeps what libraries say of ordinary disconnections (several lines each) out of the node's own lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "/libp2p/" not in record.pathname or record.levelno >= logging.CRITICAL


def write_logs(logs: LogsSection) -> None:
    """One line an event, to standard error; systemd keeps them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    if logs.level != "debug":
        handler.addFilter(_Quiet())
    logging.basicConfig(level=logs.level.upper(), handlers=[handler], force=True)
    for library in ("libp2p", "aiohttp.access", "zeroconf"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
