# SPDX-License-Identifier: AGPL-3.0-or-later
"""Strangers on the network, forged forms and impatient guesses get nowhere; a power cut leaves none or a whole town."""

from __future__ import annotations

import asyncio
import errno
import html
import os
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from convergences_node.archive.lock import LOCK_NAME, FolderLock
from convergences_node.config import CONFIG_NAME, load_config
from convergences_node.serve import serve
from convergences_node.setup import setup
from convergences_node.setup.code import CODE_NAME, Console, OneTimeCode, plain
from convergences_node.setup.draft import Draft
from convergences_node.setup.setup import ATTEMPTS_BURST, SILENCE_SECONDS_MAX, Setup
from convergences_node.setup.staging import STAGE_NAME, finish, is_blank, stage_in
from convergences_node.town import Town
from convergences_node.web.operator import forms, log_in, setup_pages
from convergences_node.web.operator.setup_app import make_setup_app
from convergences_protocol.errors import Fault, LocalError

PASSWORD = "quatre mots bien choisis"
ELSEWHERE = "http://elsewhere.example"


class World:
    """A setup, its shown code, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.shown: list[str | None] = []
        self.monotonic = 1_000.0
        self.setup = Setup(folder, {"http": {"port": 0}}, self.shown.append, monotonic=lambda: self.monotonic)
        self.setup.code.renew()

    @property
    def code(self) -> str:
        return next(code for code in reversed(self.shown) if code)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "node")


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(make_setup_app(world.setup))) as opened:
        yield opened


def origin(client: TestClient[Any, Any]) -> dict[str, str]:
    return {"Origin": str(client.make_url("/")).rstrip("/")}


async def send(client: TestClient[Any, Any], path: str, headers: dict[str, str] | None = None, **fields: str) -> Any:
    """A form, as the browser of this node's own page sends it."""
    sent = origin(client) if headers is None else headers
    return await client.post(path, data=fields, headers=sent, allow_redirects=False)


async def enter(client: TestClient[Any, Any], world: World) -> str:
    """Give the code; the token of the forms."""
    answer = await send(client, "/", code=world.code)
    assert answer.status == 303, await answer.text()
    page = await (await client.get("/installation/ville")).text()
    found = re.search(r'name="jeton" value="(\w+)"', page)
    assert found is not None
    return found[1]


async def to_the_sheet(client: TestClient[Any, Any], world: World) -> str:
    token = await enter(client, world)
    await send(client, setup_pages.TOWN, jeton=token, code="FR-93066")
    answer = await send(client, setup_pages.NODE, jeton=token, node="Saint-Denis", name="zoé", password=PASSWORD)
    assert answer.headers["Location"] == setup_pages.SHEET
    assert (await client.get(setup_pages.SHEET)).status == 200
    return token


# ------------------------------------------------------------------------------------- strangers
async def test_without_the_code_every_page_leads_to_the_first(client: TestClient[Any, Any]) -> None:
    for path in (setup_pages.TOWN, setup_pages.NODE, setup_pages.SHEET, setup_pages.AGAIN):
        answer = await client.get(path, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/"), path
        answer = await send(client, path, code="FR-93066", word1="AAAA", word2="BBBB", node="x", name="x")
        assert (answer.status, answer.headers["Location"]) == (303, "/"), path
    assert (await client.get(setup_pages.OPERATOR, allow_redirects=False)).headers["Location"] == "/"
    for path in ("/api/v1/search", "/log/x", "/healthz"):
        assert (await client.get(path)).status == 404


async def test_guesses_are_few(client: TestClient[Any, Any], world: World) -> None:
    """Five at once, then one in ten seconds; the right code has to wait as well."""
    for _ in range(ATTEMPTS_BURST):
        assert (await send(client, "/", code="0000-0000-0000")).status == 422
    answer = await send(client, "/", code=world.code)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
    world.monotonic += 10
    assert (await send(client, "/", code=world.code)).status == 303


async def test_strangers_together_have_one_guess_a_second(world: World) -> None:
    waits = [world.setup.wait_s(f"10.0.{n // 256}.{n % 256}") for n in range(200)]
    assert sum(wait == 0 for wait in waits) == 30


async def test_the_code_is_good_once(client: TestClient[Any, Any], world: World) -> None:
    code = world.code
    await enter(client, world)
    assert world.shown[-1] is None, "it is taken off the screen"
    client.session.cookie_jar.clear()
    assert (await send(client, "/", code=code)).status == 422
    assert "déjà donné le code" in await (await client.get("/", headers={"Accept-Language": "fr"})).text()


async def test_whoever_went_away_makes_room(client: TestClient[Any, Any], world: World) -> None:
    first = world.code
    await enter(client, world)
    world.monotonic += SILENCE_SECONDS_MAX + 1
    assert (await client.get(setup_pages.TOWN, allow_redirects=False)).status == 303
    await client.get("/")
    assert world.code != first
    await enter(client, world)


async def test_a_form_from_elsewhere_does_nothing(client: TestClient[Any, Any], world: World) -> None:
    """Not without an origin, not from another one, not under `null`, not as a browser tells of another site."""
    token = await enter(client, world)
    own = origin(client)
    for headers in (
        {},
        {"Origin": ELSEWHERE},
        {"Origin": "null"},
        own | {"Sec-Fetch-Site": "cross-site"},
        own | {"Sec-Fetch-Site": "same-site"},
    ):
        answer = await send(client, setup_pages.TOWN, headers, jeton=token, code="FR-93066")
        assert answer.status == 403, headers
    assert (await send(client, setup_pages.TOWN, jeton="0" * 64, code="FR-93066")).status == 403
    assert (await send(client, setup_pages.TOWN, code="FR-93066")).status == 403
    assert world.setup.draft.facts is None
    sent = await client.post(setup_pages.TOWN, json={"jeton": token, "code": "FR-93066"}, headers=own)
    assert sent.status == 403


@pytest.mark.parametrize("header", [b"Origin: http://[x", b"Cookie: installation=\xff\xfe; operateur=\xff\xfe"])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_what_no_browser_sends_is_no_fault_of_ours(
    client: TestClient[Any, Any], world: World, caplog: pytest.LogCaptureFixture, method: bytes, header: bytes
) -> None:
    """Bytes that are no text, an address that is none: refused or passed over, and nothing for the log."""
    await enter(client, world)
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    head = method + b" / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n\r\n"
    writer.write(head)
    status = (await reader.readline()).split()[1]
    writer.close()
    assert status == (b"200" if method == b"GET" else b"403")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_cookie_is_out_of_reach(client: TestClient[Any, Any], world: World) -> None:
    answer = await send(client, "/", code=world.code)
    said = answer.headers["Set-Cookie"]
    assert "HttpOnly" in said and "SameSite=Strict" in said and "Path=/" in said
    assert "Secure" not in said, "over plain HTTP on a local network the browser would drop it"
    page = await client.get("/installation/ville")
    assert page.headers["Cache-Control"] == "no-store"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "same-origin"


def test_a_cookie_given_over_tls_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiohttp import web
    from aiohttp.test_utils import make_mocked_request

    request = make_mocked_request("GET", "/")
    monkeypatch.setattr(forms, "is_secure", lambda request: True)
    response = web.Response()
    forms.give_cookie(request, response, "x", "y")
    assert response.cookies["x"]["secure"] is True


def test_a_code_is_understood_as_people_write(tmp_path: Path) -> None:
    code = OneTimeCode(lambda code: None, draw=lambda bound: 1)
    code.renew()
    assert plain("lll1 iIi1.1111") == "1" * 12
    assert not code.redeem("") and not code.redeem("1" * 11)
    assert code.redeem("iiii-llll 1111")
    assert not code.redeem("1" * 12), "it was good once"


def test_the_code_is_on_the_console_for_its_owner_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    console = Console(tmp_path)
    console("7KQ2-M9XD-04TR")
    assert "7KQ2-M9XD-04TR" in caplog.text
    assert (tmp_path / CODE_NAME).read_text() == "7KQ2-M9XD-04TR\n"
    assert (tmp_path / CODE_NAME).stat().st_mode & 0o777 == 0o600
    console(None)
    assert not (tmp_path / CODE_NAME).exists()


# ------------------------------------------------------------------------------------- what is typed
async def test_an_invitation_that_is_none_is_refused_with_a_sentence(
    client: TestClient[Any, Any], world: World
) -> None:
    token = await enter(client, world)
    for text in ("bonjour", "conv1abc", "conv1" + "A" * 8_000):
        answer = await send(client, setup_pages.TOWN, jeton=token, invitation=text)
        assert answer.status == 422
        assert 'role="alert"' in await answer.text()


async def test_a_stranger_s_words_are_shown_and_not_obeyed(client: TestClient[Any, Any], world: World) -> None:
    token = await enter(client, world)
    await send(client, setup_pages.TOWN, jeton=token, code="FR-93066")
    evil = '"><script>alert(1)</script>'
    page = await (await send(client, setup_pages.NODE, jeton=token, node=evil, name="", password="x")).text()
    assert "<script>" not in page and "&lt;script&gt;" in page
    found = await (await client.get(setup_pages.TOWN, params={"q": evil})).text()
    assert "<script>" not in found


def test_the_words_asked_are_of_two_lines_and_change() -> None:
    draft = Draft()
    draft.choose("FR-93066")
    words = draft.words()
    asked = set()
    for _ in range(50):
        draft.ask_others()
        (line, _), (other, _) = draft.places()
        assert line != other
        assert draft.is_printed([words[at].lower() for at in draft.asked])
        assert not draft.is_printed([words[at] for at in reversed(draft.asked)])
        asked.add(draft.asked)
    assert len(asked) > 10


def test_another_town_has_another_sheet() -> None:
    draft = Draft()
    draft.choose("FR-93066")
    before = draft.words()
    draft.choose("FR-93066")
    assert draft.words() == before
    draft.choose("FR-93059")
    assert draft.words() != before


# ------------------------------------------------------------------------------------- the end
async def test_the_end_is_a_town_with_the_printed_key(
    client: TestClient[Any, Any], world: World, tmp_path: Path
) -> None:
    from convergences_protocol.keys import SigningKey
    from convergences_protocol.recovery import read_sheet

    token = await to_the_sheet(client, world)
    draft = world.setup.draft
    words, origin_printed, sheet = draft.words(), draft.origin, " ".join(draft.lines())
    given = {f"word{number}": words[at] for number, at in enumerate(draft.asked, 1)}
    answer = await send(client, setup_pages.SHEET, headers=None, jeton=token, **given)
    assert (answer.status, answer.headers["Location"]) == (303, "/operateur")
    assert world.setup.founded.is_set() and not world.setup.draft.seed
    late = await client.get("/operateur", allow_redirects=False)
    assert (late.status, late.headers["Location"], late.headers["Connection"]) == (303, "/operateur", "close")
    async with Town.open(tmp_path / "node") as town:
        own = await town.archive.read(lambda reader: reader.own_log())
        assert own.origin == origin_printed
        assert own.recovery_key == SigningKey.from_seed(read_sheet(sheet)).public
    assert load_config(tmp_path / "node").node.name == "Saint-Denis"


def typed_back(draft: Draft) -> dict[str, str]:
    words = draft.words()
    return {f"word{number}": words[at] for number, at in enumerate(draft.asked, 1)}


async def test_a_button_that_is_pressed_twice_founds_one_town(client: TestClient[Any, Any], world: World) -> None:
    """A browser shows the second answer alone: it leads to the operator's page too, with the same session."""
    token = await to_the_sheet(client, world)
    given = typed_back(world.setup.draft)
    first, second = await asyncio.gather(
        *(send(client, setup_pages.SHEET, None, jeton=token, **given) for _ in range(2)),
    )
    assert [answer.headers["Location"] for answer in (first, second)] == ["/operateur"] * 2
    cookies = [answer.cookies[log_in.SESSION_COOKIE].value for answer in (first, second)]
    assert cookies[0] and cookies[0] == cookies[1]


async def test_a_sheet_is_shown_once_the_node_is_named(client: TestClient[Any, Any], world: World) -> None:
    """Not after another town was chosen, nor after a name that was refused: that town could not be made."""
    token = await to_the_sheet(client, world)
    await send(client, setup_pages.TOWN, jeton=token, code="FR-93059")
    assert setup_pages.next_of(world.setup) == setup_pages.NODE
    await send(client, setup_pages.NODE, jeton=token, node="Pierrefitte", name="zoé", password=PASSWORD)
    assert setup_pages.next_of(world.setup) == setup_pages.SHEET
    refused = await send(client, setup_pages.NODE, jeton=token, node="", name="zoé", password=PASSWORD)
    assert refused.status == 422 and setup_pages.next_of(world.setup) == setup_pages.NODE
    answer = await client.get(setup_pages.SHEET, allow_redirects=False)
    assert answer.status == 303


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/var/lib/x.db"), "il n’y a plus de place"),
        (sqlite3.OperationalError("database or disk is full"), "database or disk is full"),
        (LocalError("in English", fault=Fault("", "passkeys_many", {"limit": 3})), "clés d’accès"),
    ],
)
async def test_why_a_town_could_not_be_made_is_said(
    client: TestClient[Any, Any], world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    """In the reader's language where there are words for it; the same sheet is good for another attempt."""

    def fail(folder: Path) -> Path:
        raise error

    token = await to_the_sheet(client, world)
    given = typed_back(world.setup.draft)
    monkeypatch.setattr(setup, "stage_in", fail)
    answer = await send(client, setup_pages.SHEET, None, jeton=token, **given)
    page = html.unescape(await answer.text())
    assert answer.status == 422
    assert re.search(r"La ville n’a pas pu être créée \([^()]*" + words, page)
    assert "/var/lib/x.db" not in page and "Errno" not in page
    monkeypatch.undo()
    assert (await send(client, setup_pages.SHEET, None, jeton=token, **given)).status == 303


def crossing(folder: Path, moved: int) -> None:
    """Undo the last moves of a finished setup, as a power cut in the middle would have left it."""
    stage = folder / STAGE_NAME
    stage.mkdir()
    names = sorted((path.name for path in folder.iterdir()), key=lambda name: (name == CONFIG_NAME, name))
    names = [name for name in names if name not in (STAGE_NAME, LOCK_NAME)]
    for name in names[moved:]:
        (folder / name).rename(stage / name)


async def test_a_power_cut_while_it_is_made_leaves_none_or_a_whole_town(
    client: TestClient[Any, Any], world: World, tmp_path: Path
) -> None:
    """Cut after each move: the next start has the same town. Cut before its settings are written: none at all."""
    folder = tmp_path / "node"
    token = await to_the_sheet(client, world)
    draft = world.setup.draft
    given = {f"word{number}": draft.words()[at] for number, at in enumerate(draft.asked, 1)}
    printed = draft.origin
    await send(client, setup_pages.SHEET, headers=None, jeton=token, **given)
    files = [path.name for path in folder.iterdir() if path.name != LOCK_NAME]
    assert len(files) > 4
    for moved in range(len(files)):
        crossing(folder, moved)
        assert finish(folder)
        assert sorted(path.name for path in folder.iterdir() if path.name != LOCK_NAME) == sorted(files)
    async with Town.open(folder) as town:
        assert town.membership.own.origin == printed
    crossing(folder, 0)
    (folder / STAGE_NAME / CONFIG_NAME).unlink()
    assert not finish(folder)
    assert is_blank(folder)


def test_a_town_that_another_process_makes_is_left_alone(tmp_path: Path) -> None:
    """Whoever starts a second node in the folder is told, and takes nothing away that the first one is writing."""
    lock = FolderLock(tmp_path)
    (stage_in(tmp_path) / "archive.db").touch()
    with pytest.raises(LocalError, match="in use by process"):
        serve(tmp_path, port=0)
    assert (tmp_path / STAGE_NAME / "archive.db").exists()
    lock.release()


def test_a_folder_that_holds_anything_else_is_not_empty(tmp_path: Path) -> None:
    """An archive whose settings are gone is a question for a person, not a place for another town."""
    assert is_blank(tmp_path) and is_blank(tmp_path / "absent")
    (tmp_path / "lost+found").mkdir()
    assert is_blank(tmp_path)
    (tmp_path / "archive.db").touch()
    assert not is_blank(tmp_path)
