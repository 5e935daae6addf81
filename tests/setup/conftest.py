# SPDX-License-Identifier: AGPL-3.0-or-later
"""An operator in front of a node's pages, without a browser: sessions, tokens and forms as a browser sends them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from convergences_node.control import call
from convergences_node.founding import Settings, create_town
from convergences_node.territories import find
from convergences_node.web.operator.log_in import LOG_IN
from playwright.async_api import Browser, async_playwright

from .person import ARGUMENTS, CHROMIUM
from .processes import Process

PATIENCE = aiohttp.ClientTimeout(total=60)
LOOPBACK: Settings = {"p2p": {"listen": ["/ip4/127.0.0.1/tcp/0"]}, "discovery": {"zeroconf": False}}


class Operator:
    """A browser at a node's pages."""

    def __init__(self, process: Process, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.session = session
        self.token = ""

    async def get(self, path: str) -> tuple[int, str, str]:
        """Status, where it leads, and what it says."""
        async with self.session.get(f"{self.process.address()}{path[1:]}", allow_redirects=False) as answer:
            text = await answer.text()
            if found := re.search(r'name="jeton" value="([\w-]+)"', text):
                self.token = found[1]
            return answer.status, answer.headers.get("Location", ""), text

    async def send(self, path: str, token: str | None = None, **fields: str) -> tuple[int, str, str]:
        """A form of this session's page."""
        address = self.process.address()
        headers = {"Origin": address.rstrip("/")}
        data = {"jeton": self.token if token is None else token, **fields}
        async with self.session.post(
            f"{address}{path[1:]}", data=data, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def log_in(self) -> None:
        """With a password that the machine gave."""
        given = await asyncio.to_thread(call, self.process.folder, "operator", {})
        status, where, _ = await self.send(LOG_IN, name=given["name"], password=given["password"])
        assert (status, where) == (303, "/operateur")
        await self.get("/operateur")


@pytest.fixture
async def operator(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Operator]:
    """Nobody logged in yet, at Plaine Commune's node, or at a town's."""
    facts = find(getattr(request, "param", "200057867"))
    kind = "town" if facts.type == "commune" else "agglomeration"
    settings: Settings = {**LOOPBACK, "http": {"port": 0, "language": "fr"}}
    await create_town(tmp_path / "node", facts.code, kind, facts.name, facts=facts.fields(), settings=settings)
    process = Process(tmp_path / "node")
    await asyncio.to_thread(process.address)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Accept-Language": "fr"}, timeout=PATIENCE) as session:
        yield Operator(process, session)
    await asyncio.to_thread(process.stop)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        await opened.close()
