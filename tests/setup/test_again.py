# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town whose device is dead comes back in a browser: with its sheet, from a stick or from its agglomeration."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from convergences_node.accounts.accounts import Accounts
from convergences_node.config import CONFIG_NAME
from convergences_node.setup import again
from convergences_node.setup.again import address_in
from convergences_node.setup.setup import Setup
from convergences_node.setup.staging import AGAIN_NAME, AGAIN_TOWN, finish, is_blank
from convergences_node.web.operator.setup_app import make_setup_app
from convergences_node.web.operator.setup_pages import AGAIN
from playwright.async_api import Browser

from tests.awkward.cluster import Cluster, Node

from .person import PHONE, at, in_a_browser
from .processes import Process, until
from .test_setup_door import enter, send

PASSWORD = "quatre mots bien choisis"
GIVEN = {"name": "zoé", "password": PASSWORD}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path / "cluster")
    yield cluster
    await cluster.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    stick = tmp_path / "stick"
    stick.mkdir()
    return stick


class Device:
    """A new device that shows the setup's pages, and a browser that has given the code."""

    def __init__(self, folder: Path, stick: Path | None) -> None:
        self.shown: list[str | None] = []
        settings = {"backup": {"folder": str(stick)}} if stick else {}
        self.setup = Setup(folder, settings, self.shown.append)
        self.setup.code.renew()
        self.folder = folder
        folder.mkdir()
        self.client: TestClient[Any, Any] = TestClient(TestServer(make_setup_app(self.setup)))
        self.token = ""

    @property
    def code(self) -> str:
        return next(code for code in reversed(self.shown) if code)

    async def send(self, **fields: str) -> Any:
        return await send(self.client, AGAIN, None, jeton=self.token, **fields)

    async def page(self) -> str:
        answer = await self.client.get(AGAIN, headers={"Accept-Language": "fr"})
        return str(await answer.text())

    async def failed(self, **fields: str) -> str:
        """The page, once the attempt has come to an end that is none."""
        assert (await self.send(**fields)).status == 303
        await asyncio.gather(self.setup.again._task or asyncio.sleep(0))
        assert not self.setup.founded.is_set() and is_blank(self.folder)
        return await self.page()


@pytest.fixture
async def device(tmp_path: Path, stick: Path) -> AsyncIterator[Device]:
    device = Device(tmp_path / "new", stick)
    async with device.client:
        device.token = await enter(device.client, device)  # type: ignore[arg-type]
        yield device
        await device.setup.again.stop()


def sheet_of(node: Node) -> dict[str, str]:
    return {f"sheet{number}": line for number, line in enumerate(node.founded.recovery_sheet, 1)}


async def a_dead_town(cluster: Cluster, stick: Path) -> Node:
    """Its backup is on the stick, among another town's."""
    town = await cluster.start(await cluster.found("saint-denis"))
    await town.write("before the backup")
    await town.ask("backup", target=str(stick))
    other = await cluster.start(await cluster.found("epinay"))
    await other.ask("backup", target=str(stick))
    await cluster.stop(town, other)
    return town


async def test_a_town_comes_back_from_the_stick(cluster: Cluster, stick: Path, device: Device) -> None:
    """With what it held; in a new epoch, for it may not be the latest; and an operator whose password is known."""
    town = await a_dead_town(cluster, stick)
    answer = await device.send(**sheet_of(town), **GIVEN, **{"from": "stick"})
    assert (answer.status, answer.headers["Location"]) == (303, AGAIN)
    await asyncio.wait_for(device.setup.founded.wait(), 45)
    late = await device.client.get("/operateur", allow_redirects=False)
    assert (late.status, late.headers["Location"], late.headers["Connection"]) == (303, "/operateur", "close")
    accounts = Accounts(device.folder, lambda: 2_000_000_000.0)
    assert await accounts.log_in("zoé", PASSWORD, "browser") is not None
    accounts.close()
    again = Node("again", device.folder, town.founded)
    cluster.nodes["again"] = again
    await cluster.start(again)
    assert await again.finds("before the backup")
    assert again.origin != town.founded.origin
    assert not (device.folder / AGAIN_NAME).exists()


async def test_everything_that_is_wrong_is_said_at_once(device: Device) -> None:
    """Each line of the sheet for itself; what was typed is still there, but for the password."""
    page = await (
        await device.send(sheet1="K7M2", **{"from": "agglomeration"}, at="", name="", password="court")
    ).text()
    for field in ("sheet1", "at", "name", "password"):
        assert f'href="#{field}"' in page, field
    assert 'value="K7M2"' in page and "court" not in page
    wrong = {f"sheet{number}": "0000 0000 0000 0000" for number in range(1, 5)}
    page = await (await device.send(**wrong, **GIVEN, **{"from": "agglomeration"}, at="ville.example")).text()
    assert all(f'href="#sheet{number}"' in page for number in range(1, 5))
    assert not device.setup.again.is_under_way and is_blank(device.folder)


async def test_without_a_stick_none_is_looked_for(tmp_path: Path, cluster: Cluster) -> None:
    town = await cluster.found("saint-denis")
    device = Device(tmp_path / "bare", None)
    async with device.client:
        device.token = await enter(device.client, device)  # type: ignore[arg-type]
        assert "Aucune clé n’est branchée" in await device.page()
        answer = await device.send(**sheet_of(town), **GIVEN, **{"from": "stick"})
        assert answer.status == 422 and 'href="#from"' in await answer.text()


async def test_a_sheet_that_opens_nothing_leaves_nothing_and_may_be_tried_again(
    cluster: Cluster, stick: Path, device: Device
) -> None:
    """Another town's sheet, a backup with another byte, an agglomeration that does not answer; then the right one."""
    town = await a_dead_town(cluster, stick)
    stranger = await cluster.found("stains")
    page = await device.failed(**sheet_of(stranger), **GIVEN, **{"from": "stick"})
    assert "plusieurs villes" in page and f'value="{stranger.founded.recovery_sheet[0]}"' in page
    page = await device.failed(**sheet_of(town), **GIVEN, **{"from": "agglomeration"}, at="127.0.0.1:9")
    assert "pu être joint" in page and 'value="http://127.0.0.1:9"' in page
    whole = (stick / "convergences-FR-93066-000001.age").read_bytes()
    torn = bytearray(whole)
    torn[len(torn) // 2] ^= 1
    (stick / "convergences-FR-93066-000001.age").write_bytes(torn)
    assert 'role="alert"' in await device.failed(**sheet_of(town), **GIVEN, **{"from": "stick"})
    (stick / "convergences-FR-93066-000001.age").write_bytes(whole)
    assert (await device.send(**sheet_of(town), **GIVEN, **{"from": "stick"})).status == 303
    await asyncio.wait_for(device.setup.founded.wait(), 45)


async def test_a_power_cut_on_the_way_leaves_none_or_the_whole_town(
    cluster: Cluster, stick: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = await a_dead_town(cluster, stick)

    def pulled(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as cut:
        cut.setattr(again, "take_over", pulled)
        page = await device.failed(**sheet_of(town), **GIVEN, **{"from": "stick"})
    assert "il n’y a plus de place" in page
    place = device.folder / AGAIN_NAME / AGAIN_TOWN
    assert (place / CONFIG_NAME).exists(), "cut while it stands apart: whole, but not this folder's town"
    assert not finish(device.folder) and not place.exists() and is_blank(device.folder)
    await device.send(**sheet_of(town), **GIVEN, **{"from": "stick"})
    await asyncio.wait_for(device.setup.founded.wait(), 45)
    assert (device.folder / CONFIG_NAME).exists()


async def test_while_it_comes_back_nobody_else_gets_the_code(device: Device) -> None:
    """However long that takes; the page says how far it is, and comes back by itself."""
    held = asyncio.Event()

    async def work(tell: Any) -> None:
        tell({"what": "restore", "done": 1, "total": 4})
        await held.wait()

    device.setup.again.begin(work)
    await asyncio.sleep(0)
    answer = await device.client.get(AGAIN, headers={"Accept-Language": "fr"})
    assert answer.headers["Refresh"] == "3; url=/operateur" and "25\u00a0%" in await answer.text()
    assert (await device.client.get("/", allow_redirects=False)).headers["Location"] == AGAIN
    device.setup._seen -= 10_000
    device.client.session.cookie_jar.clear()
    codes = len(device.shown)
    assert "déjà donné le code" in await (await device.client.get("/", headers={"Accept-Language": "fr"})).text()
    assert len(device.shown) == codes
    held.set()


def test_an_address_is_understood_as_people_give_it() -> None:
    assert address_in(" plaine-commune.example ") == "http://plaine-commune.example"
    assert address_in("https://pc.example:8443/operateur?x=1") == "https://pc.example:8443"
    assert address_in("http://[fe80::1]:8750") == "http://[fe80::1]:8750"
    for nothing in ("", "ftp://pc.example", "http://", "http://[fe80", "pc.example:port", "javascript://x"):
        assert address_in(nothing) == "", nothing


def test_what_was_given_is_in_no_line_of_the_log() -> None:
    """Neither the sheet's key nor the password, were it in a traceback."""
    given = again.Again(b"secret key", None, "", "zoé", "secret word")
    assert "secret" not in repr(given)


# ------------------------------------------------------------------------------------- in a browser
async def kept_by_its_agglomeration(cluster: Cluster) -> tuple[Node, Node]:
    agglomeration, town = await cluster.cluster("saint-denis")
    await cluster.stop(agglomeration)
    await cluster.start(agglomeration, pages=True)
    await town.write("before the device died")
    await town.ask("backup", vault=True)
    await agglomeration.until_finds("before the device died")
    await cluster.stop(town)
    return agglomeration, town


def found_at(address: str) -> bool:
    with urllib.request.urlopen(f"{address}api/v1/search?q=device") as answer:
        return bool(json.load(answer)["items"])


@in_a_browser
async def test_a_librarian_brings_the_town_back_with_sheet_and_address(
    cluster: Cluster, browser: Browser, tmp_path: Path
) -> None:
    """On a phone, without JavaScript, on a device that was just installed; every page open to everyone."""
    agglomeration, town = await kept_by_its_agglomeration(cluster)
    node = Process(tmp_path / "new")
    try:
        person = await at(browser, await asyncio.to_thread(node.address), PHONE)
        await person.fill("Code affiché par l’appareil", node.code())
        await person.press("Continuer")
        await person.page.get_by_role("link", name=re.compile("Faire revenir une ville")).click()
        await person.open_to_everyone("2-again")
        lines = list(town.founded.recovery_sheet)
        for number, line in enumerate(["0000 0000 0000 0000", *lines[1:]], 1):
            await person.fill(f"Ligne {number}", line.lower())
        await person.page.get_by_label("À l’agglomération, qui en garde une").check()
        await person.fill("Adresse de l’agglomération", str(agglomeration.town.http_address))
        await person.fill("Mot de passe", PASSWORD)
        await person.press("Faire revenir la ville")
        assert "ligne 1" in await person.page.inner_text("[role=alert]")
        await person.open_to_everyone("2-again-wrong")
        await person.fill("Ligne 1", lines[0])
        await person.fill("Mot de passe", PASSWORD)
        await person.press("Faire revenir la ville")
        await person.page.get_by_role("button", name="Se connecter").wait_for(timeout=60_000)
        await person.fill("Nom d’utilisateur", "operateur")
        await person.fill("Mot de passe", PASSWORD)
        await person.press("Se connecter")
        assert "page de l’opérateur" in await person.page.inner_text("h1")
        address = node.address()
        await asyncio.to_thread(until, lambda: found_at(address))
        assert lines[1].replace(" ", "") not in node.log().replace(" ", "")
        await person.page.context.close()
    finally:
        await asyncio.to_thread(node.stop)


@in_a_browser
async def test_the_page_that_waits_is_open_to_everyone(device: Device, browser: Browser) -> None:
    held = asyncio.Event()
    device.setup.again.begin(lambda tell: held.wait())
    person = await at(browser, str(device.client.make_url("/")), PHONE)
    cookie = next(iter(device.client.session.cookie_jar))
    await person.page.context.add_cookies(
        [{"name": cookie.key, "value": cookie.value, "url": str(device.client.make_url("/"))}]
    )
    await person.page.goto(str(device.client.make_url(AGAIN)))
    await person.open_to_everyone("2-again-wait")
    held.set()
    await person.page.context.close()
