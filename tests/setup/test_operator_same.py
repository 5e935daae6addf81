# SPDX-License-Identifier: AGPL-3.0-or-later
"""“The same?”: a person without a terminal goes through the pairs, decides, and may think again."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from convergences_node.control import call
from playwright.async_api import Browser

from .conftest import Operator
from .person import DESK, PHONE, in_a_browser, operator_at

TOWN = "93066"
PAIR = re.compile(r'name="(one|other|one_state|other_state)" value="([^"]+)"')


async def written_twice(operator: Operator) -> tuple[str, str]:
    """A hall that the town and a network have both written down, and a club of which there is one."""
    found = []
    for fields in (
        {"name": "Association Mains d'Œuvres", "address": "1 rue Charles Garnier", "source": "mairie"},
        {"name": "MAINS D'OEUVRES", "address": "1, r. Charles-Garnier", "source": "réseau", "phone": "+33140112525"},
        {"name": "Chorale du Nord", "address": "12 rue du Port", "source": "mairie"},
    ):
        said = {"kind": "actor", "fields": {"type": "association", "town": "FR-93066", **fields}}
        found.append(await told(operator, "add", said))
    return found[0]["element"], found[1]["element"]


async def told(operator: Operator, verb: str, params: dict[str, Any]) -> Any:
    return await asyncio.to_thread(call, operator.process.folder, verb, params)


async def shown(operator: Operator, path: str = "/operateur/memes") -> tuple[str, dict[str, str]]:
    """The page once the search is done, and the pair that it asks about."""
    async with asyncio.timeout(30):
        while "<progress" in (page := (await operator.get(path))[2]):  # noqa: ASYNC110 - another process has no event for us
            await asyncio.sleep(0.05)
    return page, dict(PAIR.findall(page.partition("/operateur/memes/decider")[2].partition("</form>")[0]))


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_a_person_says_that_two_are_one_and_thinks_again(operator: Operator) -> None:
    """Accepted as the command does, undone as the command does, refused, put off; and nothing twice."""
    ids = await written_twice(operator)
    await operator.log_in()
    page, pair = await shown(operator)
    assert {pair["one"], pair["other"]} == set(ids)
    assert "même adresse" in page and "réseau" in page and "+33140112525" in page

    page = (await operator.send("/operateur/memes/decider", **pair, verdict="accept"))[2]
    assert "le même." in page
    (item,) = (await told(operator, "search", {"query": {"q": "oeuvres"}}))["items"]
    assert {item["id"], *(each["id"] for each in item["same"])} == set(ids)
    again = (await operator.send("/operateur/memes/decider", **pair, verdict="reject"))[2]
    assert "déjà décidée" in again, "a form that is sent twice does nothing more"

    page = (await operator.send("/operateur/memes/annuler", one=pair["one"], other=pair["other"]))[2]
    assert "C’est annulé" in page and pair["one_state"] in page, "it stands first again"
    assert len((await told(operator, "search", {"query": {"q": "oeuvres"}}))["items"]) == 2

    assert "Remise" in (await operator.send("/operateur/memes/decider", **pair, verdict="later"))[2]
    assert "deux choses." in (await operator.send("/operateur/memes/decider", **pair, verdict="reject"))[2]
    assert not (await told(operator, "same_list", {}))["pairs"]
    await operator.send("/operateur/memes/chercher")
    page, pair = await shown(operator)
    assert not pair and "aucune paire n’attend" in page and "Déjà décidé ici" in page


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_what_has_changed_since_it_was_shown_is_not_decided(operator: Operator) -> None:
    ids = await written_twice(operator)
    await operator.log_in()
    _, pair = await shown(operator)
    edited = {"type": "association", "name": "Mains d'Œuvres, lieu", "town": "FR-93066"}
    await told(operator, "add", {"kind": "actor", "element": ids[0], "fields": edited})
    assert "a changé" in (await operator.send("/operateur/memes/decider", **pair, verdict="accept"))[2]
    assert len((await told(operator, "search", {"query": {"q": "oeuvres"}}))["items"]) == 2
    for wrong in ({}, {"one": "x", "other": "y", "verdict": "accept"}, {**pair, "verdict": "<b>"}):
        assert (await operator.send("/operateur/memes/decider", **wrong))[0] == 200
    assert (await operator.send("/operateur/memes/annuler", one="x", other="y"))[0] == 422


@in_a_browser
@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_the_page_is_open_to_everyone(browser: Browser, operator: Operator) -> None:
    """On a phone in the light and on a desk in the dark, by keyboard alone; no page of these has a script."""
    await written_twice(operator)
    for size, scheme, name in ((PHONE, "light", "same-phone"), (DESK, "dark", "same-desk")):
        person = await operator_at(browser, operator.process, "/operateur/memes", size, scheme)
        await person.page.get_by_role("button", name="Oui, c’est le même").wait_for()
        await person.open_to_everyone(name)
        await person.page.get_by_role("button", name="Oui, c’est le même").focus()
        await person.page.keyboard.press("Enter")
        await person.page.locator(".told").wait_for()
        await person.open_to_everyone(f"{name}-decided")
        await person.page.locator(".told").get_by_role("button").press("Enter")
        assert "C’est annulé" in await person.page.inner_text(".told")
        await person.page.context.close()
