# SPDX-License-Identifier: AGPL-3.0-or-later
"""Showing the setup's pages in an empty folder until there is a town in it, or until the process is to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convergences_protocol.errors import Fault, LocalError

from convergences_node.archive.lock import FolderLock
from convergences_node.doorway import address_of
from convergences_node.read_only import refusal
from convergences_node.setup.code import Console, console_folder
from convergences_node.setup.setup import Setup

log = logging.getLogger(__name__)


async def set_up(
    folder: Path, listening: socket.socket, settings: Mapping[str, Mapping[str, Any]], stop: asyncio.Event
) -> bool:
    """Whether there is a town now. `settings` are those it begins with; the socket stays open."""
    from aiohttp import web

    from convergences_node.web.listening import make_runner
    from convergences_node.web.operator.setup_app import make_setup_app

    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        lock = FolderLock(folder)
    except OSError as error:
        raise LocalError(
            f"no node can be set up in {folder}: {error.strerror or error}",
            fault=Fault("", "folder_unwritable", {"folder": str(folder), "reason": str(error.strerror or error)}),
        ) from None
    if lock.read_only is not None:
        lock.release()
        raise refusal(lock.read_only)
    console = Console(console_folder())
    setup = Setup(folder, settings, console)
    setup.code.renew()
    runner = make_runner(make_setup_app(setup))
    await runner.setup()
    try:
        site = web.SockSite(runner, listening.dup())
        setup.close_door = site.stop
        await site.start()
        host, port = listening.getsockname()[:2]
        log.warning("this node is no town yet: %s makes one of it", address_of(host, port))
        await _first(setup.founded, stop)
    finally:
        await setup.again.stop()
        await runner.cleanup()
        console(None)
        lock.release()
    return setup.founded.is_set()


async def _first(*events: asyncio.Event) -> None:
    """Wait for one of these."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
