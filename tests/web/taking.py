# SPDX-License-Identifier: AGPL-3.0-or-later
"""How the tests take a file away."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient


async def take(client: TestClient, path: str, **params: Any) -> bytes:
    answer = await client.get(path, params=params)
    assert answer.status == 200, await answer.text()
    return await answer.read()
