# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page that says what this site is: what it holds, a reader's rights, what may be done with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.config import parse_config
from convergences_node.web.surfaces.licences import name_of

from .small_town import SmallTown, asking, small_town


async def test_the_page_says_what_is_held_and_leads_there(client: TestClient, town: SmallTown) -> None:
    html = await (await client.get("/a-propos?lang=fr")).text()
    held = re.findall(r'<a href="([^"]*)">(?:Qui|Où|Quoi)[^<]*</a> <span class="soft">(\d+)</span>', html)
    assert len(held) == 3
    for href, count in held:
        assert f"{count} résultats" in await (await client.get(href.replace("&amp;", "&"))).text()
    assert f'href="{town.web_settings.licence}" rel="license noopener">ODbL 1.0</a>' in html
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


@pytest.mark.parametrize(
    ("contact", "href"),
    [
        ("archive@saint-denis.example", "mailto:archive@saint-denis.example"),
        ("https://saint-denis.example/contact", "https://saint-denis.example/contact"),
    ],
)
async def test_a_reader_is_told_whom_to_write_to(tmp_path: Path, contact: str, href: str) -> None:
    parse_config(f"[node]\nname = 'x'\nterritory = 'FR-93066'\n[http]\ncontact = '{contact}'\n".encode())
    async with small_town(tmp_path / "node", records=False, contact=contact) as town, asking(town) as client:
        for language, said in (("fr", "ni nom, ni compte"), ("en", "neither name nor account")):
            html = await (await client.get("/a-propos", params={"lang": language})).text()
            assert f'<a href="{href}" rel="noopener">{contact}</a>' in html
            assert said in html
        assert "à l’accueil" not in await (await client.get("/a-propos?lang=fr")).text()


async def test_without_an_address_it_is_the_desk_and_every_entry_leads_there(
    client: TestClient, town: SmallTown
) -> None:
    assert "Dites-le à Saint-Denis, à l’accueil" in await (await client.get("/a-propos?lang=fr")).text()
    entry = await (await client.get("/e/" + next(iter(town.elements.values())), params={"lang": "fr"})).text()
    assert '<a href="/a-propos?lang=fr#mend">Une erreur' in entry


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("etalab-2.0", "Licence Ouverte 2.0"),
        ("https://spdx.org/licenses/CC-BY-4.0", "CC BY 4.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "CC BY-NC-SA 4.0"),
        ("https://opendatacommons.org/licenses/odbl/", "ODbL 1.0"),
        ("Demandez-nous", "Demandez-nous"),
    ],
)
def test_a_licence_is_called_as_people_call_it(said: str, name: str) -> None:
    assert name_of(said) == name
