# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sources of a node, for a person without a terminal: how they go, run, held back and taken, stopped, settled."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from convergences_node.control import call
from playwright.async_api import Browser

from .conftest import Operator
from .person import DESK, PHONE, in_a_browser, operator_at

TOWN = "93066"
DECLARATION = """licence = "etalab-2.0"
gone = "end"
[where]
file = "{path}"
[source]
name = "mairie"
id = "id"
[[element]]
kind = "actor"
[element.fields]
name = "nom"
type = {{ value = "association" }}
phone = {{ column = "tel", bad = "leave_out" }}
town = {{ transform = "commune", bad = "leave_out" }}
"""
HERE = "/operateur/sources/associations"


class List:
    """A table that the town hall keeps, declared as a source."""

    def __init__(self, operator: Operator, path: Path) -> None:
        self.operator, self.path = operator, path

    def holds(self, count: int, **changed: str) -> None:
        lines = [f"{n};Association {n};01401125{n:02}" for n in range(count)]
        lines += ["99;;"]  # without a name: refused
        text = "id;nom;tel\n" + "\n".join(lines) + "\n"
        for old, new in changed.items():
            text = text.replace(f"Association {old.removeprefix('n')};", f"{new};")
        self.path.write_text(text, "utf-8")

    async def ask(self, verb: str, **params: Any) -> Any:
        return await asyncio.to_thread(call, self.operator.process.folder, verb, params)

    async def after(self, path: str = HERE) -> str:
        """The page once the run is over."""
        async with asyncio.timeout(60):
            while "En cours" in (page := (await self.operator.get(path))[2]):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        return page


@pytest.fixture
async def table(operator: Operator, tmp_path: Path) -> List:
    found = List(operator, tmp_path / "associations.csv")
    found.holds(6)
    text = DECLARATION.format(path=found.path)
    await found.ask("source_add", name="associations", text=text)
    await operator.log_in()
    return found


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_a_source_is_looked_at_run_held_back_and_taken(operator: Operator, table: List) -> None:
    """In words, with the refused row's line and reason; a held source changes nothing before somebody has looked."""
    page = (await operator.send(f"{HERE}/apercu"))[2]
    assert "6 nouvelles fiches" in page and "Association 3" in page and "la commune n’a pas pu" in page
    assert (await table.ask("source_list"))["sources"][0]["outcome"] == "new", "a preview writes nothing"
    assert (await operator.send(f"{HERE}/lancer"))[:2] == (303, HERE)
    page = await table.after()
    assert "Relayée." in page and "Ligne 8" in page and "Nom\u00a0» manque" in page
    assert "Relayée." in (await operator.get("/operateur/sources"))[2]

    table.holds(2)
    await operator.send(f"{HERE}/lancer")
    page = await table.after()
    assert "Retenue" in page and "4 fiches sur 7" in page
    assert "4, qui seraient dites terminées" in (await operator.send(f"{HERE}/apercu"))[2].replace("\u00a0", " ")
    await operator.send(f"{HERE}/accepter")
    assert "Retenue" not in await table.after()

    assert "est arrêtée" in (await operator.send(f"{HERE}/arreter"))[2]
    await operator.send(f"{HERE}/lancer")
    assert "est arrêtée" in await table.after(), "said, and not run"
    assert "reprend" in (await operator.send(f"{HERE}/arreter", resume="1"))[2]
    assert (await operator.get("/operateur/sources/nowhere"))[0] == 404


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_edits_are_shown_beside_the_source_and_chosen(operator: Operator, table: List) -> None:
    await operator.send(f"{HERE}/lancer")
    await table.after()
    (item,) = (await table.ask("search", query={"q": "Association 1"}))["items"][:1]
    fields = (await table.ask("show", element=item["id"]))["fields"]
    await table.ask("add", kind="actor", element=item["id"], fields=fields | {"name": "Notre nom"})
    number = fields["name"].split()[1]
    table.holds(6, **{f"n{number}": "Leur nom"})
    await operator.send(f"{HERE}/lancer")
    page = await table.after()
    assert "Notre nom" in page and "Leur nom" in page and re.search(r'name="champ.name" value="source"', page)
    chosen = {"element": item["id"], "champ.name": "source", "champ.source": "nous", "champ.<b>": "nous"}
    assert "repris de la source" in (await operator.send(f"{HERE}/choisir", **chosen))[2]
    assert (await table.ask("show", element=item["id"]))["fields"]["name"] == "Leur nom"
    assert (await operator.send(f"{HERE}/choisir", **chosen))[0] == 422, "there is nothing to choose any more"


@in_a_browser
@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_the_pages_are_open_to_everyone(browser: Browser, operator: Operator, table: List) -> None:
    """On a phone in the light and on a desk in the dark: the list, one source, its preview, edits and refused rows."""
    await operator.send(f"{HERE}/lancer")
    await table.after()
    (item,) = (await table.ask("search", query={"q": "Association 1"}))["items"][:1]
    fields = (await table.ask("show", element=item["id"]))["fields"]
    await table.ask("add", kind="actor", element=item["id"], fields=fields | {"name": "Notre nom"})
    table.holds(6, **{f"n{fields['name'].split()[1]}": "Leur nom"})
    await operator.send(f"{HERE}/lancer")
    await table.after()
    table.holds(1)
    await operator.send(f"{HERE}/lancer")
    await table.after()
    for size, scheme, name in ((PHONE, "light", "phone"), (DESK, "dark", "desk")):
        person = await operator_at(browser, operator.process, "/operateur/sources", size, scheme)
        await person.open_to_everyone(f"sources-{name}")
        await person.page.get_by_role("link", name="associations").click()
        await person.press("Aperçu, sans rien écrire")
        await person.page.locator("#preview").wait_for()
        await person.open_to_everyone(f"source-{name}")
        await person.page.context.close()
