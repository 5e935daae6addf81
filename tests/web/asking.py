# SPDX-License-Identifier: AGPL-3.0-or-later
"""What tests ask of the API and of pages."""

from __future__ import annotations

import re
from typing import Any

from aiohttp.test_utils import TestClient


async def ask(client: TestClient, path: str, **params: Any) -> Any:
    """A JSON answer."""
    answer = await client.get(path, params=params)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def page(client: TestClient, path: str) -> str:
    """A page."""
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


def hrefs(html: str) -> list[str]:
    """The addresses of questions that a page leads to."""
    return [href.replace("&amp;", "&") for href in re.findall(r'href="(/\?[^"]*)"', html)]
