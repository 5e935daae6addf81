# SPDX-License-Identifier: AGPL-3.0-or-later
"""Answers can be kept and asked about again, and pages of results do not slip."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord

from .asking import ask
from .small_town import SmallTown

CONDITIONAL = [
    "/",
    "/api/v1/search?q=velo",
    "/api/v1/facets",
    "/api/v1/logs",
    "/api/v1/openapi.json",
    "/problems/not-found",
]


@pytest.mark.parametrize("path", CONDITIONAL)
async def test_an_answer_that_is_held_is_not_sent_again(client: TestClient, path: str) -> None:
    first = await client.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = await client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    other = await client.get(path, headers={"If-None-Match": '"other"'})
    assert (other.status, await other.read()) == (200, await first.read())


async def test_a_change_changes_the_tag(client: TestClient, town: SmallTown) -> None:
    before = (await client.get("/api/v1/search?q=velo")).headers["ETag"]
    await town.archive.append([NewRecord("actor", {"name": "Vélo-école", "type": "association"})])
    await town.index.catch_up()
    assert (await client.get("/api/v1/search?q=velo", headers={"If-None-Match": before})).status == 200


async def test_a_compressed_answer_is_another_representation(client: TestClient) -> None:
    plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert await packed.read() == await plain.read()
    assert "Accept-Encoding" in plain.headers["Vary"]


async def test_head_answers_as_get_without_the_bytes(client: TestClient) -> None:
    for path in ["/", "/api/v1/search", "/healthz"]:
        head, get = await client.head(path), await client.get(path)
        assert head.status == get.status
        assert head.headers.get("ETag") == get.headers.get("ETag")
        assert await head.read() == b""


@pytest.mark.parametrize("sort", ["newest", "name", "date"])
async def test_pages_neither_repeat_nor_skip_while_the_town_writes(
    client: TestClient, town: SmallTown, sort: str
) -> None:
    """A school is added and another is withdrawn between two pages."""
    wanted = {f"École {number:02}" for number in range(45)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await ask(
            client, "/api/v1/search", kind="place", **{"facet.type": "school"}, sort=sort, limit="7", **cursor
        )
        seen += [item["name"] for item in answer["items"]]
        if answer["cursor"] is None:
            break
        cursor = {"cursor": answer["cursor"]}
        await town.archive.append([NewRecord("place", {"name": f"Nouvelle {len(seen)}", "type": "school"})])
        await town.index.catch_up()
    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)


async def test_a_page_of_results_leads_to_the_next_by_its_link(client: TestClient) -> None:
    """The same, as a person does it: follow the link of the page until there is none."""
    import html
    import re

    path, titles = "/?kind=place&facet.type=school", []
    for _ in range(5):
        text = await (await client.get(path)).text()
        titles += re.findall(r"École \d\d", text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if following is None:
            break
        path = html.unescape(following[1])
    assert sorted(titles) == [f"École {number:02}" for number in range(45)]


async def test_a_cursor_belongs_to_one_question(client: TestClient) -> None:
    cursor = (await ask(client, "/api/v1/search", kind="place", limit="5"))["cursor"]
    for params in ({"kind": "actor", "cursor": cursor}, {"cursor": "n’importe quoi"}):
        answer = await client.get("/api/v1/search", params=params)
        assert (answer.status, (await answer.json())["code"]) == (400, "cursor-refused")
