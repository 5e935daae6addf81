# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real Caddy with the package's own settings, on a high port of loopback, before a node: for the tests of https."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from convergences_node.certificate.root import make_root
from convergences_node.web.listening import make_runner

from tests.awkward.read_only import to_whom_it_is_read_only

HOST = "stains"
SETTINGS = Path(__file__).parents[2] / "deploy" / "package" / "files" / "Caddyfile"
START_SECONDS_MAX = 60

needs_caddy = pytest.mark.skipif(
    shutil.which("caddy") is None, reason="https is not tried: no Caddy here (apt-get install caddy)"
)


@dataclass(frozen=True, slots=True)
class Proxied:
    """A node behind its proxy."""

    port: int
    folder: Path
    """The proxy's own, with the root."""
    signed: Path
    """With what the root has signed."""
    pid: int

    @property
    def address(self) -> str:
        return f"https://{HOST}.local:{self.port}"

    @property
    def node_name(self) -> str:
        return f"{HOST}.local"

    def trust(self) -> ssl.SSLContext:
        """That of a device which has taken the certificate, and no other."""
        return ssl.create_default_context(cafile=str(self.folder / "root.crt"))


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[int]:
    """Serve as behind the package's socket, which is of both families: loopback is `::ffff:127.0.0.1` to it."""
    own = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    own.bind(("::ffff:127.0.0.1", 0))
    runner = make_runner(app)
    await runner.setup()
    try:
        await web.SockSite(runner, own).start()
        yield int(own.getsockname()[1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def caddy(folder: Path, node_port: int, card_refuses: bool = False) -> AsyncIterator[Proxied]:
    """The proxy of `convergences-https.service`: the root is in this folder, what it signs in another."""
    make_root(_made(folder), HOST, datetime.now(UTC))
    port, signed = unused_port(), _made(folder.with_name(f"{folder.name}-signed"))
    told = {
        "CONVERGENCES_HTTPS_FOLDER": str(folder),
        "CONVERGENCES_HTTPS_SIGNED": str(signed),
        "CONVERGENCES_HTTPS_HOST": HOST,
        "CONVERGENCES_HTTPS_NODE": f"127.0.0.1:{node_port}",
        "CONVERGENCES_HTTPS_PORT": str(port),
        **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(signed)),
    }
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(SETTINGS)]
    if card_refuses:
        command = to_whom_it_is_read_only(folder, command)
    with (signed / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=os.environ | told, stdout=log, stderr=log)
    try:
        made = Proxied(port, folder, signed, process.pid)
        await _answers(made, signed / "log")
        yield made
    finally:
        process.kill()
        await process.wait()


async def _answers(made: Proxied, log: Path) -> None:
    """Wait for each name's certificate: Caddy listens before it has signed them."""
    async with asyncio.timeout(START_SECONDS_MAX):
        for name in (HOST, *(f"{HOST}-{number}" for number in (2, 3))):
            await _answers_to(f"{name}.local", made, log)


async def _answers_to(name: str, made: Proxied, log: Path) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", made.port, ssl=made.trust(), server_hostname=name)
        except (OSError, ssl.SSLError):
            assert "Error" not in _said(log), _said(log)
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _said(log: Path) -> str:
    return log.read_text()
