# SPDX-License-Identifier: AGPL-3.0-or-later
"""A letter that is only tried: whether the alerts would arrive is known before one is needed."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest
from convergences_node.checkup import letters
from convergences_node.checkup.sign import BAD, sign
from convergences_node.checkup.signs import signs
from convergences_node.checkup.wording import sentence
from convergences_node.config import CONFIG_NAME
from convergences_node.founding import create_town
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.errors import LocalError, RemoteError

from .conftest import Operator
from .mail import TO, MailServer, mail_server


def named_in_settings(folder: Path, mails: MailServer) -> None:
    """The lines of the guide, as an operator changes them in the file."""
    file = folder / CONFIG_NAME
    before, section, after = file.read_text("utf-8").partition("[alerts]\n")
    changed = {"to": f'["{TO}"]', "host": '"127.0.0.1"', "port": str(mails.port), "security": '"none"'}
    lines = [
        f"{name} = {changed[name]}" if (name := line.partition(" = ")[0]) in changed else line
        for line in after.partition("\n\n")[0].splitlines()
    ]
    rest = "".join(after.partition("\n\n")[1:])
    file.write_text(before + section + "\n".join(lines) + rest, "utf-8")


async def test_a_letter_is_tried_with_the_settings_of_the_file(tmp_path: Path) -> None:
    """Before the node has started again with them."""
    folder = tmp_path / "stains"
    await create_town(folder, "FR-93072", "town", "Stains")
    async with mail_server() as mails, Town.open(folder) as town:
        with pytest.raises(LocalError) as nobody:
            await perform(town, "letter", {}, lambda event: None)
        assert nobody.value.fault is not None and nobody.value.fault.code == "letter_nobody"
        named_in_settings(folder, mails)
        assert await perform(town, "letter", {}, lambda event: None) == {"to": [TO]}
    (said,) = (email.message_from_string(text, policy=email.policy.default) for text in mails.letters)
    assert said["Subject"] == "Stains\N{NO-BREAK SPACE}: un courriel d’essai"
    assert "arrivent ici" in said.get_content() and "/operateur" in said.get_content()


async def test_one_that_is_refused_is_a_sign_until_one_leaves(tmp_path: Path) -> None:
    folder = tmp_path / "stains"
    await create_town(folder, "FR-93072", "town", "Stains")
    async with mail_server() as mails, Town.open(folder) as town:
        named_in_settings(folder, mails)
        mails.refusing = True
        with pytest.raises(RemoteError) as refused:
            await perform(town, "letter", {}, lambda event: None)
        assert refused.value.fault is not None and refused.value.fault.params["reason"] == "451 later"
        assert "letters" in [each.name for each in await signs(town)]
        mails.refusing = False
        await perform(town, "letter", {}, lambda event: None)
        assert "letters" not in [each.name for each in await signs(town)]


async def test_what_is_wrong_is_said_so_that_it_can_be_mended(tmp_path: Path) -> None:
    """In the operator's language, with the line of the settings to look at; not in a library's words."""
    folder = tmp_path / "stains"
    await create_town(folder, "FR-93072", "town", "Stains")
    async with mail_server() as mails, Town.open(folder) as town:
        named_in_settings(folder, mails)
    async with Town.open(folder) as town:
        with pytest.raises(RemoteError) as nowhere:
            await perform(town, "letter", {}, lambda event: None)
        (shown,) = [sentence(each, "fr") for each in await signs(town) if each.name == "letters"]
        assert shown.endswith(f": 127.0.0.1 ne répond pas sur le port {mails.port}.")
        settings = folder / CONFIG_NAME
        settings.write_text(settings.read_text().replace('password_file = ""', 'password_file = "courriel.txt"'))
        with pytest.raises(LocalError) as unread:
            await perform(town, "letter", {}, lambda event: None)
    codes = [each.value.fault and each.value.fault.code for each in (nowhere, unread)]
    assert codes == ["letter_unreached", "letter_password"]


async def test_the_page_has_a_button_for_it(operator: Operator) -> None:
    await operator.log_in()
    assert "Ce nœud n’écrit à personne" in (await operator.get("/operateur"))[2]
    status, _, page = await operator.send("/operateur/courriel")
    assert status == 422 and "ne nomment personne" in page
    async with mail_server() as mails:
        named_in_settings(operator.process.folder, mails)
        status, _, page = await operator.send("/operateur/courriel")
        assert status == 200 and f"parti pour {TO}" in page
        mails.refusing = True
        status, _, page = await operator.send("/operateur/courriel")
        assert status == 422 and "451" in page
    assert len(mails.letters) == 1


async def test_a_name_begins_no_other_header(tmp_path: Path) -> None:
    settings = {"alerts": {"to": [TO]}}
    await create_town(tmp_path / "n", "FR-93072", "town", "Stains\r\nBcc: all@example.org", settings=settings)
    async with Town.open(tmp_path / "n") as town:
        letter = letters.compose(town, [sign("clock", BAD)], True)
    assert letter["Bcc"] is None
    assert "\n" not in str(letter["Subject"])
