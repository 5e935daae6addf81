# SPDX-License-Identifier: AGPL-3.0-or-later
"""From an empty folder to a town whose records are found at its agglomeration, in a real browser without JavaScript."""

from __future__ import annotations

import asyncio
import json
import os
import re
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from convergences_node.control import call
from convergences_node.founding import Settings, create_town
from convergences_node.territories import find
from playwright.async_api import Browser, Page

from .person import DESK, IN_A_BROWSER, PHONE, Person, at
from .processes import Process, until

ANSWERS_MAX = 12
"""Questions answered and buttons pressed, from the package to a joined node."""
PASSWORD = "quatre mots bien choisis"
LOOPBACK: Settings = {
    "p2p": {"listen": ["/ip4/127.0.0.1/tcp/0"]},
    "discovery": {"zeroconf": False},
    "http": {"port": 0},
}

pytestmark = IN_A_BROWSER


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Process]:
    """A node in an empty folder."""
    process = Process(tmp_path / "node")
    yield process
    process.stop()


@pytest.fixture
async def agglomeration(tmp_path: Path) -> AsyncIterator[Process]:
    """Plaine Commune's node, running."""
    facts = find("200057867")
    folder = tmp_path / "pc"
    await create_town(folder, facts.code, "agglomeration", facts.name, facts=facts.fields(), settings=LOOPBACK)
    process = Process(folder)
    await asyncio.to_thread(process.address)
    yield process
    await asyncio.to_thread(process.stop)


async def words_asked(page: Page) -> list[str]:
    """The words that are to be typed back, read from the sheet."""
    await page.locator("form label").first.wait_for()  # the sheet stands above: it is all there then
    rows = [await row.locator("td").all_inner_texts() for row in await page.locator(".words tr").all()]
    labels = await page.locator("form label").all_inner_texts()
    places = [tuple(map(int, re.findall(r"\d+", label))) for label in labels]
    return [rows[line - 1][place - 1] for line, place in places]


async def print_and_type_back(person: Person) -> None:
    words = await words_asked(person.page)
    person.answers += 1  # printing, which no page can press
    for number, word in enumerate(words, 1):
        await person.page.locator(f"#word{number}").fill(word.lower())
        person.answers += 1
    await person.press("Terminer l’installation")


def found_at(address: str, name: str) -> bool:
    with urllib.request.urlopen(f"{address}api/v1/search?kind=territory&q={name}") as answer:
        return any(item["name"] == "Pierrefitte-sur-Seine" for item in json.load(answer)["items"])


async def test_a_librarian_joins_a_town_to_its_agglomeration(
    browser: Browser, node: Process, agglomeration: Process
) -> None:
    """Code, invitation, password, sheet: then the town's record is found at the agglomeration."""
    invitation = (await asyncio.to_thread(call, agglomeration.folder, "invite", {"territory": "FR-93059"}))[
        "invitation"
    ]
    person = await at(browser, await asyncio.to_thread(node.address), java_script_enabled=False)
    await person.fill("Code affiché par l’appareil", node.code().lower().replace("-", " "))
    await person.press("Continuer")
    await person.fill("Invitation de l'agglomération".replace("'", "’"), invitation)
    await person.press("Continuer avec l’invitation")
    assert "rejoindra Plaine Commune" in await person.page.inner_text("main")
    await person.fill("Mot de passe", PASSWORD)
    await person.press("Continuer")
    await print_and_type_back(person)
    assert "page de l’opérateur" in await person.page.inner_text("h1")
    assert person.answers <= ANSWERS_MAX
    print(f"\nanswers and clicks: {person.answers}")
    address = agglomeration.address()
    await asyncio.to_thread(until, lambda: found_at(address, "pierrefitte"))
    assert (await asyncio.to_thread(call, node.folder, "charter", {}))["joined"]
    assert invitation[:40] not in node.log()
    await person.page.context.close()
    await the_agglomeration_sees_its_town(browser, agglomeration)


async def the_agglomeration_sees_its_town(browser: Browser, agglomeration: Process) -> None:
    """On a desk, in the dark: the town's line, an invitation for the next one, and nothing to reproach."""
    given = await asyncio.to_thread(call, agglomeration.folder, "operator", {})
    person = await at(browser, f"{agglomeration.address()}operateur", DESK, color_scheme="dark")
    await person.open_to_everyone("7-log-in")
    await person.fill("Nom d’utilisateur", given["name"])
    await person.fill("Mot de passe", given["password"])
    await person.press("Se connecter")
    assert "Pierrefitte-sur-Seine" in await person.page.inner_text(".towns")
    await person.open_to_everyone("8-agglomeration")
    await person.fill("Code INSEE de la ville à inviter", "93072")
    await person.press("Faire une invitation")
    assert "Stains" in await person.page.inner_text("main")
    await person.open_to_everyone("9-invitation")
    await person.page.context.close()


async def test_every_page_of_the_first_day_is_open_to_everyone(browser: Browser, node: Process) -> None:
    """On a phone in the light, by a town's name, alone; with every page that refuses something on the way."""
    person = await at(browser, await asyncio.to_thread(node.address), PHONE)
    await person.open_to_everyone("1-code")
    await person.fill("Code affiché par l’appareil", "0000-0000-0000")
    await person.press("Continuer")
    assert "pas le code" in await person.page.inner_text("[role=alert]")
    await person.open_to_everyone("1-code-wrong")
    await person.fill("Code affiché par l’appareil", node.code())
    await person.press("Continuer")
    await person.open_to_everyone("2-town")
    await person.fill("Nom ou code postal", "93200")
    await person.press("Chercher")
    await person.open_to_everyone("2-town-found")
    await person.press(re.compile("Saint-Denis"))
    await person.open_to_everyone("3-node")
    await person.page.get_by_label("Mot de passe", exact=True).evaluate("it => it.removeAttribute('minlength')")
    await person.fill("Mot de passe", "court")
    await person.press("Continuer")
    assert "au moins 12 signes" in await person.page.inner_text("[role=alert]")
    await person.open_to_everyone("3-node-wrong")
    await person.fill("Mot de passe", PASSWORD)
    await person.press("Continuer")
    await person.open_to_everyone("4-sheet")
    await one_sheet_of_paper(person.page)
    await person.page.locator("#word1").fill("AAAA")
    await person.page.locator("#word2").fill("BBBB")
    await person.press("Terminer l’installation")
    assert "pas les mots" in await person.page.inner_text("[role=alert]")
    seed = "".join(await person.page.locator(".words td").all_inner_texts())
    await print_and_type_back(person)
    assert "page de l’opérateur" in await person.page.inner_text("h1")
    await person.open_to_everyone("5-operator")
    await person.page.goto(f"{node.address()}operateur/compte")
    await person.open_to_everyone("6-account")
    await the_secret_is_nowhere(node, seed)
    await person.page.context.close()


async def one_sheet_of_paper(page: Page) -> None:
    """On A4 the sheet is one page, black on white, and what is around it on the screen is not on it."""
    pdf = await page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    await page.emulate_media(media="print")
    assert not await page.get_by_role("button").is_visible()
    assert await page.locator(".words").is_visible() and await page.locator(".secret .code").is_visible()
    if folder := os.environ.get("CONVERGENCES_PICTURES"):
        await page.screenshot(path=str(Path(folder) / "4-sheet-printed.png"), full_page=True)
    await page.emulate_media(media="screen")


async def the_secret_is_nowhere(node: Process, seed: str) -> None:
    """Neither in the log nor in a file: not the words, not the seed behind them, not the password."""
    from convergences_protocol.recovery import read_sheet

    assert await asyncio.to_thread(node.stop) == 0
    secrets = [seed.encode(), read_sheet(seed), read_sheet(seed).hex().encode(), PASSWORD.encode()]
    secrets.append(" ".join(seed[at : at + 4] for at in range(0, 16, 4)).encode())
    files = [path for path in node.folder.rglob("*") if path.is_file()] + [node.folder.with_name("node.log")]
    for path in files:
        data = path.read_bytes()
        assert not any(secret in data for secret in secrets), path
