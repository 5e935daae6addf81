# SPDX-License-Identifier: AGPL-3.0-or-later
"""What tests ask of the API."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient


async def ask(client: TestClient, path: str, **params: Any) -> Any:
    """A JSON answer."""
    answer = await client.get(path, params=params)
    assert answer.status == 200, await answer.text()
    return await answer.json()
