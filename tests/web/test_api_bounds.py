# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every answer is protected, and has an end: in haste, in time, in mistakes, at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web.routes import ROUTES
from convergences_node.web.town_door import TownStatus

from .asking import ask
from .small_town import START, SmallTown, asking, small_town


async def test_every_answer_is_protected(client: TestClient) -> None:
    for path in ("/", "/api/v1/search", "/nulle-part", "/healthz", "/api/v1/search?x=1", "/e/FR-1"):
        headers = (await client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "aiohttp" not in headers["Server"].lower()
    assert (await client.get("/api/v1/search")).headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in (await client.get("/")).headers


async def test_a_client_in_a_hurry_is_told_when_to_come_back(tmp_path: Path) -> None:
    now = [0.0]
    async with (
        small_town(tmp_path, records=False, requests_per_second=1.0, requests_burst=3) as town,
        asking(town, clock=lambda: now[0]) as client,
    ):
        assert [(await client.get("/healthz")).status for _ in range(4)] == [200, 200, 200, 429]
        refused = await client.get("/healthz")
        assert refused.headers["Retry-After"] == "1"
        assert (await refused.json())["code"] == "too-many-requests"
        now[0] = 1.0
        assert (await client.get("/healthz")).status == 200


async def test_an_answer_that_takes_too_long_is_given_up(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    async def never(query: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(town.index, "search_json", never)
    for route in ROUTES:
        if route.path == "/api/v1/search":
            object.__setattr__(route, "seconds_max", 0.05)
    try:
        answer = await client.get("/api/v1/search")
    finally:
        for route in ROUTES:
            if route.path == "/api/v1/search":
                object.__setattr__(route, "seconds_max", 10.0)
    assert (answer.status, (await answer.json())["code"]) == (503, "too-slow")


async def test_a_mistake_of_ours_shows_nothing_of_our_inside(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(query: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(town.index, "search_json", broken)
    answer = await client.get("/api/v1/search")
    assert (answer.status, (await answer.json())["code"]) == (500, "internal")
    assert "secret inside" not in await answer.text()
    assert "secret inside" in caplog.text


async def test_a_node_that_starts_says_so_rather_than_answer_in_part(client: TestClient, town: SmallTown) -> None:
    town.state = TownStatus(False, "rebuilding", True, START)
    for path in ("/", "/api/v1/search", f"/api/v1/elements/{town.elements['changed']}"):
        answer = await client.get(path)
        assert answer.status == 503
        assert answer.headers["Retry-After"]
    assert (await client.get("/healthz")).status == 503
    log = (await ask(client, "/api/v1/logs"))["logs"][0]
    assert (await client.get(f"{log['address']}/checkpoint")).status == 200
