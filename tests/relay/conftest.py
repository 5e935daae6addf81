# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town that is a relay, behind a real server on loopback, and a neighbour who may follow it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from convergences_node.founding import Settings, create_town
from convergences_node.relay.addresses import NAME
from convergences_node.relay.relay import Relay
from convergences_node.relay.signing import make_key
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_node.web.app import make_app, make_runner

from .neighbour import ACTIVITY, Neighbour, neighbour

TERRITORY = "FR-93066"
DAY = 86_400


@cache
def made_key() -> bytes:
    """Making one takes long: all tests of a process have the same."""
    return make_key()


@dataclass
class Place:
    """A node that is a relay."""

    town: Town
    relay: Relay
    base: str
    ahead: list[float]
    """How far its clock is before the real one, in seconds."""

    @property
    def inbox(self) -> str:
        return f"{self.base}/relay/inbox"

    async def do(self, verb: str, **params: Any) -> Any:
        return await perform(self.town, verb, params, lambda event: None)

    async def add(self, kind: str, **fields: Any) -> str:
        """A new element; its id."""
        made = await self.do("add", kind=kind, fields=fields)
        return str(made["element"])

    async def get(self, path: str, accept: str = ACTIVITY) -> tuple[int, str, Any]:
        """Status, type, and the JSON document of an address here."""
        address = path if path.startswith("http") else f"{self.base}{path}"
        headers = {"Accept": accept}
        async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
            body = await answer.read()
            is_json = "json" in answer.content_type
            return answer.status, answer.content_type, json.loads(body) if is_json else body.decode()

    async def document(self, path: str) -> dict[str, Any]:
        status, media, found = await self.get(path)
        assert (status, media) == (200, ACTIVITY), found
        assert isinstance(found, dict)
        return found

    def day(self, days: int) -> str:
        """A day from now on, as a record says it."""
        return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * DAY))


@asynccontextmanager
async def node(
    folder: Path,
    *,
    enabled: bool = True,
    territory: str = TERRITORY,
    kind: str = "town",
    facts: Mapping[str, Any] | None = None,
) -> AsyncIterator[Place]:
    """A node up, its relay's clockwork at rest unless a test starts it."""
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings: Settings = {
        "http": {"port": 0, "public_url": base}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False},
        "relay": {"enabled": enabled, "private": True},
    }  # fmt: skip
    await create_town(folder, territory, kind, "Saint-Denis", facts=facts, settings=settings)
    ahead = [0.0]
    async with Town.open(folder, clock=lambda: time.time() + ahead[0]) as town:
        town.archive.keys.other(NAME, made_key)
        relay = await Relay.open(town)
        runner = make_runner(make_app(town, relay=relay if enabled else None))
        await runner.setup()
        await web.SockSite(runner, listening).start()
        try:
            yield Place(town, relay, base, ahead)
        finally:
            await runner.cleanup()
            await relay.stop()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    async with node(tmp_path / "saint-denis") as opened:
        yield opened


@pytest.fixture
async def other() -> AsyncIterator[Neighbour]:
    async with neighbour() as opened:
        yield opened
