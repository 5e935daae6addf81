# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page that says what this site is: what it holds, a reader's rights, what may be done with it."""

from __future__ import annotations

import re

from aiohttp.test_utils import TestClient

from .small_town import SmallTown


async def test_the_page_says_what_is_held_and_leads_there(client: TestClient, town: SmallTown) -> None:
    html = await (await client.get("/a-propos?lang=fr")).text()
    held = re.findall(r'<a href="([^"]*)">(?:Qui|Où|Quoi)[^<]*</a> <span class="soft">(\d+)</span>', html)
    assert len(held) == 3
    for href, count in held:
        assert f"{count} résultats" in await (await client.get(href.replace("&amp;", "&"))).text()
    assert town.web_settings.licence in html
    assert "AGPL" in html


async def test_every_page_leads_to_it_in_both_languages(client: TestClient) -> None:
    for path in ("/", "/?vue=carte", "/chiffres"):
        assert (
            '<a href="/a-propos?lang=en">About this site</a>'
            in await (await client.get(path, params={"lang": "en"})).text()
        )
    english = await (await client.get("/a-propos?lang=en")).text()
    assert "What this site knows of you" in english


async def test_a_reader_is_promised_no_more_than_is_true(client: TestClient) -> None:
    """No cookie, no other host, no script but our own: what the page says of itself."""
    answer = await client.get("/a-propos?lang=fr")
    assert "Set-Cookie" not in answer.headers
    assert "default-src" in answer.headers["Content-Security-Policy"]
    html = await answer.text()
    assert "ni cookie" in html
    assert not re.findall(r'<(?:script|img)[^>]*src="(?:https?:)?//', html)
