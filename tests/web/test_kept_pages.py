# SPDX-License-Identifier: AGPL-3.0-or-later
"""A page is drawn once for all who read it, and anew as soon as anything it shows may have changed."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web.kept_pages import KEPT, PAGE_BYTES_MAX, Kept, KeptPages

from .small_town import SmallTown


@pytest.fixture
def kept(client: TestClient) -> KeptPages:
    app = client.app
    assert app is not None
    kept: KeptPages = app[KEPT]
    return kept


async def text(client: TestClient, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status == 200
    return await answer.text()


async def test_the_same_page_is_the_same_bytes_and_the_same_headers(client: TestClient, kept: KeptPages) -> None:
    first = await client.get("/?q=velo")
    assert len(kept) == 1
    second = await client.get("/?q=velo")
    assert len(kept) == 1
    assert await first.read() == await second.read()
    own = {name: value for name, value in first.headers.items() if name != "Date"}
    assert own == {name: value for name, value in second.headers.items() if name != "Date"}
    again = await client.get("/?q=velo", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304


async def test_what_is_written_is_on_the_page_that_was_kept(client: TestClient, town: SmallTown) -> None:
    assert "Fanfare neuve" not in await text(client, "/?q=fanfare")
    await town.add("actor", "Fanfare neuve", type="collective")
    await town.index.catch_up()
    assert "Fanfare neuve" in await text(client, "/?q=fanfare")


async def test_while_the_index_moves_nothing_is_kept(client: TestClient, town: SmallTown, kept: KeptPages) -> None:
    await town.add("actor", "Fanfare neuve", type="collective")
    assert town.index.version is None  # it has heard, and has not taken it in
    await text(client, "/?q=fanfare")
    assert len(kept) == 0


async def test_a_minute_later_it_is_drawn_again(client: TestClient, town: SmallTown) -> None:
    """What happens today, and how long ago a town was heard, are part of a page."""
    await town.add("action", "Demain seulement", type="event", start="2026-11-21")
    await town.index.catch_up()
    assert "vendredi 20 au jeudi 26" in await text(client, "/affiche?lang=fr")
    town.clock[0] += 86_400
    assert "samedi 21 au vendredi 27" in await text(client, "/affiche?lang=fr")


async def test_languages_and_hosts_have_pages_of_their_own(client: TestClient) -> None:
    assert 'lang="fr"' in await text(client, "/chiffres", **{"Accept-Language": "fr"})
    assert 'lang="en"' in await text(client, "/chiffres", **{"Accept-Language": "en"})
    assert "http://stains.example/" in await text(client, "/affiche", Host="stains.example")
    assert "http://stains.example/" not in await text(client, "/affiche")


async def test_problems_are_not_kept(client: TestClient, kept: KeptPages) -> None:
    assert (await client.get("/e/nothing")).status == 404
    assert (await client.get("/?from=yesterday")).status == 400
    assert len(kept) == 0


def test_the_memory_is_bounded_and_forgets_what_was_asked_for_longest_ago() -> None:
    pages = KeptPages(bytes_max=250)
    for name in "abc":
        pages.keep((name, "fr", ""), Kept(b"x" * 100, (), (1, 1)))
        pages.get(("a", "fr", ""), (1, 1))
    assert pages.get(("b", "fr", ""), (1, 1)) is None
    assert pages.get(("a", "fr", ""), (1, 1)) is not None
    assert pages.get(("c", "fr", ""), (1, 1)) is not None
    assert pages.get(("c", "fr", ""), (2, 1)) is None
    assert len(pages) == 1
    pages.keep(("d", "fr", ""), Kept(b"x" * (PAGE_BYTES_MAX + 1), (), (1, 1)))
    assert len(pages) == 1
