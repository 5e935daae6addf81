# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's page: for whoever is logged in, by forms of that session, doing what the commands do."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from convergences_node.accounts.migrations import PRIVATE_NAME
from convergences_node.control import call
from convergences_node.fault_sentences import said_in
from convergences_node.founding import Settings, create_town
from convergences_node.operating import POWER_OFF_NAME, Operating
from convergences_node.serve import STOPPED_CODE
from convergences_node.sources.declaration import sources_folder
from convergences_node.sources.given import FILES
from convergences_node.updates.attempt import APPLY, say
from convergences_node.web.operator.log_in import ATTEMPTS_BURST, LOG_IN
from convergences_node.web.operator.routes import FORMS, PAGES
from convergences_protocol.errors import LocalError

from .conftest import LOOPBACK, PATIENCE, Operator
from .processes import Process, until


def shown(table: Sequence[tuple[str, object]]) -> list[str]:
    """The addresses of a table, with something in the places that they have."""
    return [re.sub(r"\{\w+\}", "x", path) for path, _ in table]


async def test_nothing_is_shown_or_done_without_logging_in(operator: Operator) -> None:
    """Every line of the table: pages lead to the form, forms do nothing."""
    for path in shown(PAGES):
        assert (await operator.get(path))[:2] == (303, LOG_IN), path
    for path in shown(FORMS):
        assert (await operator.send(path, "x" * 43))[0] == 403, path


async def test_a_form_of_another_session_does_nothing(operator: Operator) -> None:
    await operator.log_in()
    for path in shown(FORMS):
        assert (await operator.send(path, "x" * 43))[0] == 403, path
    assert (await operator.get("/operateur"))[0] == 200


async def test_a_form_in_letters_that_nobody_can_read_is_refused(operator: Operator) -> None:
    """Whoever sends it: it was an error of ours, written whole to the log at each try."""
    address = operator.process.address()
    for charset, body in (("no-such-thing", b"name=x"), ("utf-8", b"name=\xff")):
        headers = {
            "Origin": address.rstrip("/"),
            "Content-Type": f"application/x-www-form-urlencoded; charset={charset}",
        }
        async with operator.session.post(f"{address}operateur/entrer", data=body, headers=headers) as answer:
            assert answer.status == 400


async def test_guesses_of_a_password_are_few(operator: Operator) -> None:
    """Five at once, then one in ten seconds: a machine that is busy may let one or two more through."""
    tries = [await operator.send(LOG_IN, name="operateur", password="x" * 12) for _ in range(3 * ATTEMPTS_BURST)]
    statuses = [status for status, _, _ in tries]
    assert statuses[:ATTEMPTS_BURST] == [422] * ATTEMPTS_BURST
    assert 429 in statuses


async def test_the_machine_gives_a_new_password_and_the_page_changes_it(operator: Operator) -> None:
    await operator.log_in()
    given = await asyncio.to_thread(call, operator.process.folder, "operator", {})
    assert given["made"] is False
    assert (await operator.get("/operateur"))[:2] == (303, LOG_IN), "whoever was logged in is logged out"
    await operator.send(LOG_IN, name=given["name"], password=given["password"])
    await operator.get("/operateur/compte")
    new = "un autre bien choisi"
    assert "passe actuel" in (await operator.send("/operateur/compte/passe", old="wrong", password=new))[2]
    assert (await operator.send("/operateur/compte/passe", old=given["password"], password=new))[0] == 303
    await operator.get("/operateur/compte")
    assert (await operator.send("/operateur/compte/autres"))[0] == 200
    assert (await operator.send("/operateur/sortir"))[:2] == (303, LOG_IN)
    assert (await operator.get("/operateur"))[:2] == (303, LOG_IN)
    assert given["password"] not in operator.process.log() and new not in operator.process.log()


async def test_the_page_says_what_status_says(operator: Operator) -> None:
    """The same signs, in words and with a mark beside the colour."""
    await operator.log_in()
    from convergences_node import checkup
    from msgspec import convert

    status = await asyncio.to_thread(call, operator.process.folder, "status")
    page = (await operator.get("/operateur"))[2]
    signs = convert(status["signs"], list[checkup.Sign])
    assert {"card", "clock", "backup", "agglomeration", "index"} <= {sign.name for sign in signs}
    for sign in signs:
        assert checkup.title(sign, "fr") in page
        assert f'class="light {sign.level}"' in page


async def test_an_invitation_is_made_for_a_town(operator: Operator) -> None:
    await operator.log_in()
    page = (await operator.send("/operateur/inviter", territory="93059"))[2]
    assert re.search(r"conv1\w+", page) and "<svg" in page and "Pierrefitte-sur-Seine" in page
    for wrong in ("9306", "nowhere", "<b>"):
        status, _, page = await operator.send("/operateur/inviter", territory=wrong)
        assert (status, "<b>" in page) == (422, False), wrong


@pytest.mark.parametrize("operator", ["93066"], indirect=True)
async def test_what_is_no_invitation_is_refused_at_once_and_a_wrong_one_with_its_reason(operator: Operator) -> None:
    await operator.log_in()
    assert (await operator.send("/operateur/rejoindre", invitation="bonjour"))[0] == 422
    assert (await operator.send("/operateur/rejoindre", invitation="conv1abc"))[0] == 200

    async def refused() -> bool:
        return "a été refusée" in (await operator.get("/operateur"))[2]

    async with asyncio.timeout(120):
        while not await refused():  # noqa: ASYNC110 - another process has no event for us
            await asyncio.sleep(0.1)


async def test_a_backup_is_made_where_it_is_wanted(operator: Operator, tmp_path: Path) -> None:
    await operator.log_in()
    stick = tmp_path / "stick"
    assert (await operator.send("/operateur/sauvegarder", target=str(stick)))[0] == 422, "no such stick"
    stick.mkdir()
    status, _, page = await operator.send("/operateur/sauvegarder", target=str(stick))
    assert status == 200 and "Sauvegarde faite et relue" in page
    assert list(stick.glob("*.age"))


async def test_the_node_starts_again_by_a_button_and_stops_by_another(operator: Operator) -> None:
    """In the same process, as a new program; and with the code that systemd leaves alone."""
    await operator.log_in()
    pid, starts = operator.process.pid, operator.process.log().count(" is at http")
    assert "redémarre" in (await operator.send("/operateur/redemarrer"))[2]
    await asyncio.to_thread(until, lambda: operator.process.log().count(" is at http") > starts)
    assert operator.process.pid == pid
    status = await asyncio.to_thread(call, operator.process.folder, "status")
    assert status["node"]["process"] == pid
    assert (await operator.get("/operateur"))[0] == 200, "one is still logged in"
    assert "s’arrête" in (await operator.send("/operateur/arreter"))[2]
    assert await asyncio.to_thread(operator.process.wait) == STOPPED_CODE
    assert "Traceback" not in operator.process.log()


async def test_the_setup_s_last_button_pressed_again_leads_to_the_operator_s_page(operator: Operator) -> None:
    """The town answers by then, and knows nothing of the setup's session: whoever chose the password logs in."""
    for status, where, _ in (
        await operator.send("/installation/fiche", word1="ABCD"),
        await operator.get("/installation/fiche"),
    ):
        assert (status, where) == (303, "/operateur")


async def test_a_file_that_cannot_be_kept_is_refused_in_words(operator: Operator) -> None:
    """As where the card takes no write: the page says why, in the reader's language."""
    await operator.log_in()
    folder = sources_folder(operator.process.folder) / FILES
    folder.parent.mkdir(exist_ok=True)
    folder.touch()
    address = operator.process.address()
    form = aiohttp.FormData({"jeton": operator.token})
    form.add_field("file", b"nom\nMairie\n", filename="mairie.csv")
    headers = {"Origin": address.rstrip("/")}
    async with operator.session.post(f"{address}operateur/source-fichier", data=form, headers=headers) as answer:
        assert answer.status == 422 and "Le fichier n’a pas pu être gardé" in await answer.text()


def test_a_wish_that_cannot_be_written_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The runtime folder is in memory, which may be full: to switch off, or to install."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "gone"))
    nothing: Any = None
    for wish in (Operating(nothing, nothing, nothing, nothing).power_off, partial(say, APPLY, "0.2.0")):
        with pytest.raises(LocalError) as refused:
            wish()
        assert said_in(refused.value, "fr").startswith("La demande n’a pas pu être transmise au système")


async def test_the_button_does_not_start_again_with_settings_that_no_node_starts_with(operator: Operator) -> None:
    """Who has pasted a line that was there already is told so, by a node that goes on."""
    await operator.log_in()
    settings = operator.process.folder / "convergences.toml"
    right = settings.read_text()
    settings.write_text(right.replace("[alerts]\n", '[alerts]\nto = ["anne@ville.example"]\n'))
    starts = operator.process.log().count(" is at http")
    status, _, page = await operator.send("/operateur/redemarrer")
    assert status == 422 and "convergences.toml" in page and "redémarre" not in page
    settings.write_text(right)
    assert "redémarre" in (await operator.send("/operateur/redemarrer"))[2]
    await asyncio.to_thread(until, lambda: operator.process.log().count(" is at http") > starts)


async def test_behind_systemd_s_socket_nobody_is_refused_while_the_node_starts_again(tmp_path: Path) -> None:
    """Whoever asks before the node is there, or while it starts again, waits."""
    settings: Settings = {**LOOPBACK, "http": {"port": 1, "language": "fr"}}
    await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis", settings=settings)
    with socket.create_server(("127.0.0.1", 0)) as given:
        process = Process(tmp_path / "node", given)
        try:
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(
                cookie_jar=jar, headers={"Accept-Language": "fr"}, timeout=PATIENCE
            ) as session:
                operator = Operator(process, session)
                async with session.get(f"http://127.0.0.1:{given.getsockname()[1]}/operateur/entrer") as answer:
                    assert answer.status == 200
                await operator.log_in()
                await operator.send("/operateur/redemarrer")
                for _ in range(20):
                    assert (await operator.get("/operateur"))[0] == 200
                await asyncio.to_thread(until, lambda: process.log().count(" is at http") == 2)
                assert (await operator.get("/operateur"))[0] == 200
        finally:
            assert await asyncio.to_thread(process.stop) == 0


async def test_a_signal_outweighs_the_wish_to_start_again(operator: Operator) -> None:
    """systemd stops the node while it is about to start again: it stops."""
    await operator.log_in()
    await operator.send("/operateur/redemarrer")
    assert await asyncio.to_thread(operator.process.stop) in (0, -15)
    assert operator.process.log().count(" is at http") <= 2


async def test_a_town_is_served_without_its_operator_s_file(tmp_path: Path) -> None:
    """A torn `private.db` takes the operator's page away, and nothing from the residents."""
    settings: Settings = {**LOOPBACK, "http": {"port": 0}}
    await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis", settings=settings)
    (tmp_path / "node" / PRIVATE_NAME).write_bytes(b"not a database, whatever it was before" * 200)
    process = Process(tmp_path / "node")
    try:
        address = await asyncio.to_thread(process.address)
        async with aiohttp.ClientSession(timeout=PATIENCE) as session:
            async with session.get(f"{address}api/v1/logs") as answer:
                assert answer.status == 200
            async with session.get(f"{address}operateur") as answer:
                assert answer.status == 404
        assert f"{PRIVATE_NAME} cannot be used" in process.log()
    finally:
        assert await asyncio.to_thread(process.stop) == 0


def test_the_wish_to_switch_off_is_left_where_systemd_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node itself may switch nothing off; without a runtime folder nobody would see the wish."""
    operating = Operating(None, None, None, None)  # type: ignore[arg-type]  # asked for nothing of a town
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert not operating.can_power_off()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert operating.can_power_off()
    operating.power_off()
    unit = (Path(__file__).parents[2] / "deploy/package/files/convergences-power.path").read_text("utf-8")
    assert f"PathExists=/run/convergences/{POWER_OFF_NAME}" in unit
    assert (tmp_path / POWER_OFF_NAME).exists()
