# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scripts of other sites: asked first they are told yes where anybody may read, and every answer says so."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from .small_town import SmallTown

ASKED = {
    "Origin": "https://archipel.example",
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "jsonldcontext,prefer,authorization",
}
OPEN = (
    "/.well-known/void", "/.well-known/context.jsonld", "/organizations", "/api/elements.json", "/api/v1/search",
    "/calendar.ics", "/feed.atom", "/data/place.csv", "/offers.jsonld", "/shapes.ttl",
)  # fmt: skip
LINKED = ("application/ld+json", "application/json", "text/turtle", "application/n-triples")


async def test_any_site_may_ask_for_what_any_site_may_read(client: TestClient, town: SmallTown) -> None:
    """SemApps' pages name their context in a header of their own; the browser asks before it sends that."""
    for path in (*OPEN, f"/e/{town.elements['changed']}", f"/organizations/{town.elements['changed']}"):
        answer = await client.options(path, headers=ASKED)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "*"), path
        assert "GET" in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Allow-Headers"] == "*, Authorization"
    posted = await client.options("/sparql", headers=ASKED | {"Access-Control-Request-Method": "POST"})
    assert "POST" in posted.headers["Access-Control-Allow-Methods"]


async def test_a_page_is_no_site_s_to_read(client: TestClient) -> None:
    """Nor is `OPTIONS` a method by itself."""
    assert (await client.options("/", headers=ASKED)).status == 405
    assert (await client.options("/organizations")).status == 405


@pytest.mark.parametrize("form", LINKED)
async def test_an_element_s_address_answers_programs_with_data(client: TestClient, town: SmallTown, form: str) -> None:
    """Asked by name: its type, a `Vary` without doubles, readable by any site, `HEAD` too; and so is what is absent."""
    path = f"/e/{town.elements['changed']}"
    answer = await client.get(path, headers={"Accept": form})
    media = "application/ld+json" if "json" in form else form
    assert (answer.status, answer.content_type) == (200, media)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    vary = [name.strip() for name in answer.headers["Vary"].split(",")]
    assert len(vary) == len(set(vary)) and "Accept" in vary
    head = await client.head(path, headers={"Accept": form})
    assert (head.status, head.headers["ETag"]) == (200, answer.headers["ETag"])
    absent = await client.get("/e/FR-93066:00000000-0000-7000-8000-000000000000", headers={"Accept": form})
    assert (absent.status, absent.headers["Access-Control-Allow-Origin"]) == (404, "*")


async def test_a_browser_gets_the_page(client: TestClient, town: SmallTown) -> None:
    for accept in (
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "*/*",
        "text/html, application/json",
    ):
        answer = await client.get(f"/e/{town.elements['changed']}", headers={"Accept": accept})
        assert answer.content_type == "text/html" and "Access-Control-Allow-Origin" not in answer.headers
