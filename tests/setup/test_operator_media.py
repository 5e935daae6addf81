# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures and documents from the operator's page: put there, changed, taken away; by anybody else, nothing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from convergences_node.accounts import Accounts
from convergences_node.control import call
from convergences_node.founding import create_town
from convergences_node.network.network import Network
from convergences_node.operating import Life, Operating
from convergences_node.setup.joining_later import JoiningLater
from convergences_node.town import Town
from convergences_node.web.app import make_app
from convergences_node.web.operator.log_in import SESSION_COOKIE
from playwright.async_api import Browser

from tests.media.pictures import PDF, SECRET, bomb, drawn, from_a_telephone, written

from .conftest import LOOPBACK, Operator
from .person import DESK, PHONE, in_a_browser, operator_at
from .processes import Process

TOWN = "93066"
MEDIA = "/operateur/images"


async def an_actor(process: Process, name: str = "Fanfare du canal") -> str:
    fields = {"name": name, "type": "association"}
    return str((await asyncio.to_thread(call, process.folder, "add", {"kind": "actor", "fields": fields}))["element"])


async def kept(process: Process, element: str) -> list[dict[str, Any]]:
    told = await asyncio.to_thread(call, process.folder, "media_list", {"element": element})
    return list(told["media"])


async def sent(
    operator: Operator, element: str, data: bytes, called: str = "photo.jpg", token: str | None = None, **fields: str
) -> tuple[int, str]:
    """The form with a file, as a browser sends it: in the order of the page, the token first."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("jeton", operator.token if token is None else token)
    for name, text in fields.items():
        form.add_field(name, text)
    form.add_field("file", data, filename=called, content_type="application/octet-stream")
    address = operator.process.address()
    path, headers = f"{address}{MEDIA[1:]}/{element}", {"Origin": address.rstrip("/")}
    async with operator.session.post(path, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_a_picture_is_added_replaced_and_removed(operator: Operator) -> None:
    """Found by name, described, shown in lists; another takes its place in one step; and it is taken away."""
    await operator.log_in()
    element = await an_actor(operator.process)
    status, _, page = await operator.get(f"{MEDIA}?q=fanfare")
    assert status == 200 and f"{MEDIA}/{element}" in page
    assert "Rien pour l’instant." in (await operator.get(f"{MEDIA}/{element}"))[2]
    said = {"use": "logo", "alt": "Un tuba rouge", "credit": "Zoé Martin"}
    status, page = await sent(operator, element, from_a_telephone(), **said)
    assert status == 200 and "C’est fait" in page and "Un tuba rouge" in page
    (first,) = await kept(operator.process, element)
    assert (first["field"], first["alt"], first["credit"], first["here"]) == ("logo", *list(said.values())[1:], True)
    listed = (await operator.get("/?q=fanfare"))[2]
    assert re.search(
        r'<img class="thumb whole" src="/media/[0-9a-f]{64}" width="\d+" height="\d+" alt="Un tuba', listed
    )
    digits = first["digest"][:12]
    assert "Un tuba rouge" in (await operator.get(f"{MEDIA}/{element}?remplace={digits}"))[2]
    status, _ = await sent(
        operator, element, written(drawn(300, 300), "PNG"), use="logo", alt="Un tuba bleu", replaces=digits
    )
    (second,) = await kept(operator.process, element)
    assert status == 200 and second["alt"] == "Un tuba bleu"
    status, page = await sent(
        operator, element, b"", called="", use="logo", alt="Un tuba, vu d’en haut", replaces=second["digest"][:12]
    )
    (described,) = await kept(operator.process, element)
    assert status == 200 and "ses mots ont changé" in page
    assert described == second | {"alt": "Un tuba, vu d’en haut"}, "the words alone, without the file"
    status, _, page = await operator.send(f"{MEDIA}/{element}/retirer", file=second["digest"][:12])
    assert status == 200 and "C’est retiré" in page and await kept(operator.process, element) == []
    assert not list((operator.process.folder / "blobs").glob("upload-*")), "nothing is left of what was sent"


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_what_is_not_a_picture_not_described_or_not_asked_for_is_refused(operator: Operator) -> None:
    """A sentence beside the field that is wrong; a form of somebody else gets no further than its token."""
    element = await an_actor(operator.process)
    assert (await operator.get(MEDIA))[:2] == (303, "/operateur/entrer")
    assert (await operator.get(f"{MEDIA}/{element}"))[:2] == (303, "/operateur/entrer")
    photo = written(drawn(200, 200), "JPEG")
    assert (await sent(operator, element, photo, use="logo", alt="Un tuba"))[0] == 403
    await operator.log_in()
    for wrong, words in (
        ({"data": photo, "use": "logo", "alt": " "}, "Dites en quelques mots"),
        ({"data": photo, "alt": "Un tuba"}, "Dites ce que c’est."),
        ({"data": b"", "use": "logo", "alt": "Un tuba"}, "Choisissez un fichier"),
        ({"data": b"<svg onload='alert(1)'/>", "use": "logo", "alt": "Un tuba"}, "photo.jpg"),
        ({"data": bomb(), "use": "logo", "alt": "Un tuba"}, "aria-invalid"),
        ({"data": PDF, "use": "document", "alt": "Statuts"}, "aria-invalid"),
        ({"data": photo, "use": "logo", "alt": "Un tuba", "replaces": "0" * 12}, "aria-invalid"),
    ):
        status, page = await sent(operator, element, **wrong)  # type: ignore[arg-type]
        assert status == 422 and words in page, wrong.get("alt")
    assert (await sent(operator, element, photo, token="x" * 30, use="logo", alt="Un tuba"))[0] == 403
    assert (await sent(operator, element, photo, use="logo", alt="x" * 9000))[0] == 403
    for nonsense in ("nulle-part", "FR-93066:01a20336-1d7c-7b2d-b38a-000000000000", "%00"):
        assert (await operator.get(f"{MEDIA}/{nonsense}"))[0] == 404
    assert await kept(operator.process, element) == []
    assert not list((operator.process.folder / "blobs").glob("upload-*"))
    assert not any(
        SECRET in path.read_bytes() for path in (operator.process.folder / "blobs").rglob("*") if path.is_file()
    )


@in_a_browser
@pytest.mark.parametrize("operator", [TOWN], indirect=True)
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone-dark", "desk-light"])
async def test_a_person_puts_a_picture_there_with_the_keyboard(
    operator: Operator, browser: Browser, tmp_path: Path, size: dict[str, int], scheme: str
) -> None:
    """From the operator's page to the picture on the entry; every page on the way is open to everyone."""
    element = await an_actor(operator.process)
    photo = tmp_path / "fanfare.jpg"
    photo.write_bytes(from_a_telephone())
    person = await operator_at(browser, operator.process, "/operateur", size, scheme)
    await person.page.get_by_role("link", name="Images et documents").press("Enter")
    await person.page.get_by_label("Nom de la fiche").fill("fanfare")
    await person.page.keyboard.press("Enter")
    await person.page.wait_for_url("**q=fanfare")
    await person.open_to_everyone(f"operator-media-{scheme}")
    await person.page.get_by_role("link", name="Fanfare du canal").press("Enter")
    await person.page.get_by_role("radio", name=re.compile("^Logo")).press("Space")
    await person.page.get_by_label("Fichier").set_input_files(photo)
    await person.page.get_by_label("Ce qu’on y voit, en quelques mots").fill("La fanfare sur la place")
    await person.page.get_by_role("button", name="Mettre sur la fiche").press("Enter")
    await person.page.get_by_role("status").wait_for()
    await person.open_to_everyone(f"operator-media-done-{scheme}")
    await person.page.get_by_role("link", name=re.compile("^Modifier")).press("Enter")
    await person.page.wait_for_url("**#add")
    await person.open_to_everyone(f"operator-media-replace-{scheme}")
    await person.page.get_by_label("Ce qu’on y voit, en quelques mots").fill("La fanfare, un soir d’été")
    await person.page.get_by_role("button", name="Enregistrer").press("Enter")
    await person.page.get_by_role("status").wait_for()
    await person.open_to_everyone(f"operator-media-described-{scheme}")
    assert [one["alt"] for one in await kept(operator.process, element)] == ["La fanfare, un soir d’été"]


async def test_the_list_does_not_wait_for_an_index_that_is_made(tmp_path: Path) -> None:
    """What is found by then is shown; the page came when the whole index was there, if the browser still waited."""
    await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis", settings=LOOPBACK)
    async with Town.open(tmp_path / "node") as town:
        await town.index.catch_up()
        town.network = Network(town)
        accounts = Accounts(tmp_path / "node", town.now)
        await accounts.set_password("zoé", "quatre mots bien choisis")
        cookies = {SESSION_COOKIE: await accounts.begin("zoé", "")}
        operating = Operating(town, accounts, JoiningLater(town, accounts), Life(asyncio.Event()))
        app = make_app(town, operating=operating)
        try:
            async with TestClient(TestServer(app), cookies=cookies) as client, town.index._turn, asyncio.timeout(60):
                answer = await client.get(MEDIA)
                assert answer.status == 200 and "Images et documents" in await answer.text()
        finally:
            town.network = None
            accounts.close()
