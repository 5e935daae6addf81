# SPDX-License-Identifier: AGPL-3.0-or-later
"""Declaring a source from a page: a file or an address, a mapping that was guessed, first rows, a few questions."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
from convergences_node.control import call
from convergences_node.web.operator.uploads import UPLOAD_BYTES_MAX
from markupsafe import escape
from playwright.async_api import Browser

from .conftest import Operator
from .person import DESK, PHONE, in_a_browser, operator_at

TOWN = "93066"
NEW, FILE = "/operateur/source-nouvelle", "/operateur/source-fichier"
TABLE = """id;Nom de l'association;Adresse;Code postal;Ville;Téléphone;Observations
1;Mains d'Œuvres;1 rue Charles Garnier;93400;Saint-Ouen;01 40 11 25 25;près du marché
2;Chorale du Nord;12 rue du Port;93200;Saint-Denis;01 42 43 44 45;
3;;;;;;
"""
NAME = "Nom de l'association"


async def uploaded(
    operator: Operator,
    data: bytes,
    called: str,
    token: str | None = None,
    origin: str | None = None,
    path: str = FILE,
) -> tuple[int, str, str]:
    """A form with a file, as a browser sends it."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("jeton", operator.token if token is None else token)
    form.add_field("file", data, filename=called, content_type="application/octet-stream")
    address = operator.process.address()
    headers = {"Origin": origin or address.rstrip("/")}
    async with operator.session.post(
        f"{address}{path[1:]}", data=form, headers=headers, allow_redirects=False
    ) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def listed(operator: Operator) -> list[str]:
    told = await asyncio.to_thread(call, operator.process.folder, "source_list", {})
    return [one["name"] for one in told["sources"]]


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_a_file_is_looked_at_corrected_and_declared(operator: Operator) -> None:
    """Guessed, shown, corrected, shown again; nothing is declared that was not shown, and nothing without a yes."""
    await operator.log_in()
    status, draft, _ = await uploaded(operator, TABLE.encode(), "Associations 2026.csv")
    assert (status, draft.startswith(f"{NEW}/")) == (303, True)
    page = (await operator.get(draft))[2]
    assert "Mains d&#39;Œuvres" in page and "refusée" in page.lower() and 'value="associations-2026"' in page
    assert f'<option value="{escape(NAME)}" selected>' in page
    chosen = {"kind": "actor", "type": "association", "champ.name": NAME, "champ.summary": "Observations"}
    answers = {"name": "associations", "licence": "etalab-2.0", "hours": "24", "gone": "end", "seen": "1"}
    page = (await operator.send(draft, **chosen, **answers, act="add"))[2]
    assert "Les choix ont changé" in page and "près du marché" in page, "shown again before it is taken"
    assert await listed(operator) == []
    unseen = {name: value for name, value in answers.items() if name != "seen"}
    assert (await operator.send(draft, **chosen, **unseen, act="add"))[0] == 422
    assert (await operator.send(draft, **chosen, **{**answers, "name": "Très Bien"}, act="add"))[0] == 422
    assert (await operator.send(draft, **chosen, **answers, act="add"))[:2] == (303, "/operateur/sources/associations")
    assert await listed(operator) == ["associations"]
    sources = operator.process.folder / "sources"
    assert [path.name for path in (sources / "files").iterdir()] == ["associations"]
    text = (sources / "associations.toml").read_text("utf-8")
    assert "proposed" not in text and 'licence = "etalab-2.0"' in text and 'file = "sources/files/associations"' in text
    told = await asyncio.to_thread(call, operator.process.folder, "source_run", {"name": "associations"})
    assert told["sources"][0]["counts"]["created"] == 2
    assert (await operator.get(draft))[:2] == (303, NEW), "it is no draft any more"


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_the_button_pressed_twice_declares_once(operator: Operator) -> None:
    """And leads to the source both times: a browser shows what the second one is answered."""
    await operator.log_in()
    _, draft, _ = await uploaded(operator, TABLE.encode(), "associations.csv")
    await operator.get(draft)
    answers = {"name": "associations", "licence": "", "hours": "24", "gone": "end", "seen": "1", "act": "add"}
    assert (await operator.send(draft, **answers))[0] == 200, "shown as it is chosen here"
    pressed = await asyncio.gather(*(operator.send(draft, **answers) for _ in range(3)))
    pressed.append(await operator.send(draft, **answers))
    assert [answer[:2] for answer in pressed] == [(303, "/operateur/sources/associations")] * 4
    assert await listed(operator) == ["associations"]


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_a_newer_version_of_a_file_takes_the_place_of_the_one_before(operator: Operator) -> None:
    """What has changed is relayed; a broken one is held back; where no file was given there is none to replace."""
    await operator.log_in()
    _, draft, _ = await uploaded(operator, TABLE.encode(), "associations.csv")
    chosen = {"kind": "actor", "type": "association", "champ.name": NAME}
    answers = {"name": "associations", "licence": "", "hours": "24", "gone": "end", "seen": "1"}
    await operator.send(draft, **chosen, **answers, act="look")
    assert (await operator.send(draft, **chosen, **answers, act="add"))[0] == 303
    run = {"name": "associations"}
    await asyncio.to_thread(call, operator.process.folder, "source_run", run)
    page = (await operator.get("/operateur/sources/associations"))[2]
    assert "Un fichier donné depuis cette page" in page and "Une version plus récente" in page
    newer, here = "/operateur/sources/associations/fichier", "/operateur/sources/associations"
    more = TABLE.replace("3;;;;;;", "4;Ciné-club;;;Stains;;\n5;;;;;;")
    assert (await uploaded(operator, more.encode(), "a.csv", path=newer))[:2] == (303, here)
    told = await asyncio.to_thread(call, operator.process.folder, "source_run", run | {"whole": True})
    assert (told["sources"][0]["rows"], told["sources"][0]["counts"]["refused_count"]) == (4, 1)
    assert "Ces lignes ne sont pas venues" in (await operator.get(here))[2]
    assert (await uploaded(operator, b"PK\x03\x04 nothing", "a.xlsx", path=newer))[0] == 303
    told = await asyncio.to_thread(call, operator.process.folder, "source_run", run)
    assert told["sources"][0]["outcome"] in ("held", "failed")
    assert (await uploaded(operator, b"", "a.csv", path=newer))[0] == 422
    assert (await uploaded(operator, TABLE.encode(), "a.csv", path=newer, token="x" * 43))[0] == 403
    assert (await uploaded(operator, TABLE.encode(), "a.csv", path="/operateur/sources/autre/fichier"))[0] == 404
    assert (await uploaded(operator, TABLE.encode(), "a.csv", path="/operateur/sources/a.b/fichier"))[0] == 404


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_what_is_put_together_of_several_columns_can_be_corrected(operator: Operator) -> None:
    """An address in three columns, degrees in two, a day and its hour, a commune by its address: chosen and shown."""
    await operator.log_in()
    table = (
        "ref;quoi;num;voie;bat;cp;ou;a;b;jour;heure\n"
        "1;Bal;12;rue du Port;Bât. C;93200;Saint-Denis;48,936;2,354;05/12/2026;18h30\n"
        "2;Concert;;place Jean-Jaurès;;93200;Saint-Denis;48,935;2,353;06/12/2026;20h00\n"
    )
    _, draft, _ = await uploaded(operator, table.encode(), "agenda.csv")
    page = (await operator.get(draft))[2]
    assert 'name="champ.location.2"' in page and 'name="champ.address.3"' in page
    chosen = {
        "kind": "action", "type": "event", "champ.name": "quoi", "champ.postcode": "cp", "champ.locality": "ou",
        "champ.address": "num", "champ.address.2": "voie", "champ.address.3": "bat",
        "champ.location": "b", "champ.location.2": "a",
        "champ.start": "jour", "champ.start.2": "heure", "champ.town": "*",
    }  # fmt: skip
    if '<option value="action" selected>' not in page:
        await operator.send(draft, kind="action", type="event", act="look")
    page = (await operator.send(draft, **chosen, act="look"))[2]
    assert "12 rue du Port Bât. C" in page and "48.936" in page.replace(",", ".")
    answers = {"name": "agenda", "licence": "etalab-2.0", "hours": "24", "gone": "end", "seen": "1"}
    assert (await operator.send(draft, **chosen, **answers, act="add"))[0] == 303
    told = await asyncio.to_thread(call, operator.process.folder, "source_run", {"name": "agenda"})
    assert told["sources"][0]["counts"]["created"] == 2, told
    found = await asyncio.to_thread(call, operator.process.folder, "search", {"query": {"q": "Bal", "kind": "action"}})
    fields = (await asyncio.to_thread(call, operator.process.folder, "show", {"element": found["items"][0]["id"]}))[
        "fields"
    ]
    assert fields["address"] == "12 rue du Port Bât. C" and fields["town"] == "FR-93066"
    assert fields["location"] == [489_360_000, 23_540_000] and fields["start"] == "2026-12-05T18:30:00+01:00"


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_what_is_no_table_or_no_form_of_ours_is_refused(operator: Operator) -> None:
    """An empty file, a broken workbook, a stranger's form, one that is too long: a sentence, and nothing is left."""
    assert (await uploaded(operator, TABLE.encode(), "a.csv"))[0] == 403, "nobody is logged in"
    await operator.log_in()
    assert (await uploaded(operator, b"", "a.csv"))[0] == 422
    status, _, page = await uploaded(operator, b"PK\x03\x04 nothing of a workbook", "a.xlsx")
    assert status == 422 and "classeur" in page
    assert (await uploaded(operator, TABLE.encode(), "a.csv", token="x" * 43))[0] == 403
    assert (await uploaded(operator, TABLE.encode(), "a.csv", origin="https://elsewhere.example"))[0] == 403
    assert (await uploaded(operator, bytes(UPLOAD_BYTES_MAX + 1), "a.csv"))[0] == 413
    assert (await operator.send(FILE, file="x"))[0] == 403
    files = operator.process.folder / "sources" / "files"
    assert list(files.iterdir()) == [], "what was refused is gone"
    assert await listed(operator) == []


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_an_address_of_this_machine_is_fetched_only_if_it_is_meant(operator: Operator) -> None:
    """The node's own list, by its own address: refused, then asked about, then looked at; no mapping is needed."""
    await operator.log_in()
    actor = {"kind": "actor", "fields": {"type": "association", "name": "Chorale", "town": "FR-93066"}}
    await asyncio.to_thread(call, operator.process.folder, "add", actor)
    await asyncio.to_thread(call, operator.process.folder, "search", {"query": {"q": "Chorale"}})  # once it is indexed
    own = f"{operator.process.address()}search.csv"
    status, _, page = await operator.send(NEW, url=own)
    assert status == 422 and "c’est voulu" in page and "Adresse refusée" in page
    assert (await operator.send(NEW, url="file:///etc/passwd"))[0] == 422
    assert (await operator.send(NEW, url="http://127.0.0.1:1/", private="1"))[0] == 422
    status, draft, _ = await operator.send(NEW, url=own, private="1")
    assert (status, draft.startswith(f"{NEW}/")) == (303, True)
    assert "quelques questions" in (await operator.get(draft))[2]


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_another_node_is_seen_and_declared_by_its_address_alone(operator: Operator) -> None:
    """The node's own address, for want of another: told as a node, its newest elements shown, declared as such."""
    await operator.log_in()
    actor = {"kind": "actor", "fields": {"type": "association", "name": "Chorale", "town": "FR-93066"}}
    await asyncio.to_thread(call, operator.process.folder, "add", actor)
    status, draft, _ = await operator.send(NEW, url=operator.process.address(), private="1")
    assert (status, draft.startswith(f"{NEW}/")) == (303, True)
    page = (await operator.get(draft))[2]
    assert "Chorale" in page and "convergences" in page and 'name="hours"' in page and 'name="champ.' not in page
    answers = {"name": "le-voisin", "licence": "", "hours": "24", "gone": "withdraw", "seen": "1"}
    assert (await operator.send(draft, **answers, act="add"))[:2] == (303, "/operateur/sources/le-voisin")
    text = (operator.process.folder / "sources" / "le-voisin.toml").read_text("utf-8")
    assert 'node = "http://' in text and "private = true" in text and "mapping" not in text.split("\n", 1)[1]


@in_a_browser
@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_the_pages_are_open_to_everyone(browser: Browser, operator: Operator, tmp_path: Path) -> None:
    """From the list of sources to a new one, on a phone and, in the dark, on a desk."""
    table = tmp_path / "Associations.csv"
    table.write_text(TABLE, "utf-8")
    for size, scheme, name in ((PHONE, "light", "phone"), (DESK, "dark", "desk")):
        person = await operator_at(browser, operator.process, "/operateur/sources", size, scheme)
        await person.page.get_by_role("link", name="Ajouter une source").click()
        await person.open_to_everyone(f"source-new-{name}")
        await person.page.get_by_label("Le fichier", exact=True).set_input_files(str(table))
        await person.page.get_by_role("button", name=re.compile("Regarder")).last.click()
        await person.page.locator("#rows").wait_for()
        await person.open_to_everyone(f"source-draft-{name}")
        await person.page.get_by_label("Comment l’appeler").fill(f"associations-{name}")
        await person.page.get_by_label(re.compile("J’ai regardé")).check()
        await person.press("Relayer cette source")
        assert f"associations-{name}" in await person.page.inner_text("h1")
        await person.page.context.close()
