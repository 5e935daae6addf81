# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page “Update” in a served node: found, prepared, installed, taken back, read; and what there is to see of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.updates.conftest import system
from tests.updates.pretending import NEW, STRANGER, put_release, put_state, put_system, release_of
from tests.web.test_browser import ARGUMENTS, CHROMIUM

from .conftest import Operator

if TYPE_CHECKING:
    from playwright._impl._api_structures import SetCookieParam

__all__ = ["system"]
PAGE = "/operateur/mise-a-jour"
pytestmark = pytest.mark.parametrize("operator", ["FR-93066"], indirect=True)


@pytest.fixture(autouse=True)
def packaged(system: Path) -> Path:
    """The node's process is a package's service."""
    return system


async def prepared(operator: Operator) -> str:
    """Wait for what is prepared beside the page."""
    for _ in range(600):
        text = (await operator.get(PAGE))[2]
        if "est copiée et vérifiée" not in text:
            return text
        await asyncio.sleep(0.1)
    raise AssertionError("it is never prepared")


async def test_a_version_is_found_prepared_installed_and_taken_back(operator: Operator, system: Path) -> None:
    """One node, for a start of it takes seconds: what it finds, what is wrong, a trial and its end."""
    await operator.log_in()
    assert "Aucune sur une clé" in (await operator.get(PAGE))[2]
    await _is_installed(operator, system)
    await _is_told_what_is_wrong(operator, system)
    await _is_taken_back(operator, system)


async def test_without_keys_the_page_says_that_updates_are_not_possible_yet(operator: Operator, system: Path) -> None:
    """In plain words, with what to do instead; and no button that could only fail."""
    put_system(system, keys=False)
    put_release(system / "mnt")
    await operator.log_in()
    text = (await operator.get(PAGE))[2]
    assert "ne sont pas encore possibles" in text and "apt install" in text
    assert "Chercher dans" not in text and "Préparer" not in text
    assert "are not possible yet" in (await operator.get(f"{PAGE}?lang=en"))[2]


async def _is_installed(operator: Operator, system: Path) -> None:
    path = put_release(system / "media/anne/CLE")
    put_release(system / "mnt", release_of("0.0.9"), key=STRANGER)
    text = (await operator.get(PAGE))[2]
    assert f"Préparer la version {NEW}" in text and "n’est signée par aucune" in text
    assert (await operator.send(f"{PAGE}/preparer", where=str(path), version=NEW))[:2] == (303, PAGE)
    assert f"Installer la version {NEW}" in await prepared(operator)
    status, _, text = await operator.send(f"{PAGE}/installer")
    assert status == 200 and "change de version" in text
    assert (system / "run/convergences/update-apply").read_text() == f"{NEW}\n"


async def _is_told_what_is_wrong(operator: Operator, system: Path) -> None:
    """A stick that is not there, a package that is cut, a program that no package has installed."""
    assert "Il n’y a pas de dossier" in (await operator.send(f"{PAGE}/chercher", where="/nowhere"))[2]
    path = put_release(system / "mnt", data=b"short")
    await operator.send(f"{PAGE}/preparer", where=str(path), version=NEW)
    assert "coupé ou a été modifié" in await prepared(operator)
    facts = system / "usr/lib/convergences/package.json"
    facts.rename(facts.with_suffix(".gone"))
    text = (await operator.get(PAGE))[2]
    assert "n’a pas été installé par son paquet" in text and "Chercher dans" not in text
    facts.with_suffix(".gone").rename(facts)


async def _is_taken_back(operator: Operator, system: Path) -> None:
    put_system(system, version=NEW)
    put_state(system, "trial")
    text = (await operator.get(PAGE))[2]
    assert "fait ses preuves" in text and "Revenir à la version 0.1.0" in text
    assert "fait ses preuves" in (await operator.get("/operateur"))[2]
    assert "change de version" in (await operator.send(f"{PAGE}/revenir"))[2]
    assert (system / "run/convergences/update-return").read_text() == "ab12\n"
    put_system(system)
    put_state(system, "returned", reason={"code": "update_back_restarts", "params": {}})
    text = (await operator.get(PAGE))[2]
    assert "s’est arrêtée trois fois" in text and "J’ai lu" in text
    assert "a été retirée" in (await operator.get("/operateur"))[2]
    assert (await operator.send(f"{PAGE}/lu"))[:2] == (303, PAGE)
    assert "J’ai lu" not in (await operator.get(PAGE))[2]
    assert "a été retirée" not in (await operator.get("/operateur"))[2]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium")
async def test_the_page_on_a_phone_and_without_a_fault_of_axe(operator: Operator, system: Path, tmp_path: Path) -> None:
    """Nothing wider than 320 px; pictures where UPDATE_PICTURES says, for whoever wants to look."""
    from axe_playwright_python.async_playwright import Axe
    from playwright.async_api import async_playwright

    put_release(system / "media/anne/CLE")
    put_release(system / "mnt", release_of("0.3.0"), key=STRANGER)
    put_state(system, "returned", reason={"code": "update_back_restarts", "params": {}})
    await operator.log_in()
    pictures = Path(os.environ.get("UPDATE_PICTURES", str(tmp_path)))
    cookies: list[SetCookieParam] = [
        {"name": cookie.key, "value": cookie.value, "url": operator.process.address()}
        for cookie in operator.session.cookie_jar
    ]
    async with async_playwright() as started:
        browser = await started.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        looks: tuple[tuple[str, int, Literal["light", "dark"]], ...] = (("phone", 320, "light"), ("desk", 1200, "dark"))
        for name, width, scheme in looks:
            context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            await context.add_cookies(cookies)
            page = await context.new_page()
            await page.goto(f"{operator.process.address()}{PAGE[1:]}")
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            found = await Axe().run(page)
            assert not found.response["violations"], found.generate_report()
            await page.screenshot(path=str(pictures / f"update-{name}.png"), full_page=True)
        await browser.close()
