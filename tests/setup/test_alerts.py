# SPDX-License-Identifier: AGPL-3.0-or-later
"""Letters to the operator: once, when it lasts, and when it is over; through a mail server that is one."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from convergences_node.accounts import Accounts
from convergences_node.checkup import alerts
from convergences_node.checkup.alerts import Alerts
from convergences_node.checkup.sign import BAD, CARE, Sign, sign
from convergences_node.checkup.signs import SOURCES_FOLDER
from convergences_node.checkup.signs import signs as every_sign
from convergences_node.checkup.wording import sentence
from convergences_node.founding import create_town
from convergences_node.sources.declaration import FOLDER
from convergences_node.town import Town

TO = "bibliotheque@stains.example"


class MailServer:
    """The least of RFC 5321: takes a letter, keeps it. `refusing` says that it is not the time."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.refusing = False
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            if verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            refused = self.refusing and verb == "MAIL"
            writer.write(b"451 later\r\n" if refused else b"250 ok\r\n")
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    mails = MailServer()
    server = await asyncio.start_server(mails.talk, "127.0.0.1", 0)
    mails.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mails


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sign]]:
    """What the node is told to find."""
    signs: list[Sign] = []

    async def told(town: Town) -> list[Sign]:
        return list(signs)

    monkeypatch.setattr(alerts, "signs", told)
    yield signs


@asynccontextmanager
async def watched(folder: Path, mails: MailServer) -> AsyncIterator[Alerts]:
    settings = {"alerts": {"to": [TO], "host": "127.0.0.1", "port": mails.port, "security": "none"}}
    if not (folder / "convergences.toml").exists():
        await create_town(folder, "FR-93072", "town", "Stains", settings=settings)
    async with Town.open(folder) as town:
        accounts = Accounts(folder, town.now)
        try:
            yield Alerts(town, accounts)
        finally:
            accounts.close()


async def test_what_lasts_is_told_once_and_again_when_it_is_over(tmp_path: Path, found: list[Sign]) -> None:
    """Also across a restart: what was told is noted."""
    async with mail_server() as mails:
        async with watched(tmp_path / "stains", mails) as watching:
            assert not await watching.look()
            found.append(sign("card", BAD, free=0.1, percent=1))
            assert not await watching.look(), "once may be a moment"
            assert await watching.look()
            assert not await watching.look()
        async with watched(tmp_path / "stains", mails) as again:
            assert not await again.look() and not await again.look()
            found.clear()
            assert await again.look()
            assert not await again.look()
    bad, well = (email.message_from_string(text, policy=email.policy.default) for text in mails.letters)
    assert bad["To"] == TO and bad["Auto-Submitted"] == "auto-generated"
    assert bad["Subject"] == "Stains\N{NO-BREAK SPACE}: le nœud demande votre attention"
    said = bad.get_content().replace("\N{NO-BREAK SPACE}", " ")
    assert "presque pleine : il reste 0,1 Go" in said and "/operateur" in said
    assert "de nouveau bien" in well["Subject"]


async def test_what_is_not_grave_is_not_written(tmp_path: Path, found: list[Sign]) -> None:
    async with mail_server() as mails, watched(tmp_path / "stains", mails) as watching:
        found.append(sign("backup", CARE, "never"))
        assert not any([await watching.look() for _ in range(3)])
    assert mails.letters == []


async def test_a_mail_server_that_refuses_is_asked_again(
    tmp_path: Path, found: list[Sign], caplog: pytest.LogCaptureFixture
) -> None:
    async with mail_server() as mails, watched(tmp_path / "stains", mails) as watching:
        found.append(sign("clock", BAD))
        mails.refusing = True
        assert not any([await watching.look() for _ in range(3)])
        assert "no alert could be sent" in caplog.text
        (said,) = [each for each in await every_sign(watching._town) if each.name == "letters"]
        assert (said.level, "451" in sentence(said, "fr")) == (CARE, True)
        mails.refusing = False
        assert await watching.look()
        assert "letters" not in [each.name for each in await every_sign(watching._town)]
    assert len(mails.letters) == 1


async def test_a_name_begins_no_other_header(tmp_path: Path) -> None:
    settings = {"alerts": {"to": [TO]}}
    await create_town(tmp_path / "n", "FR-93072", "town", "Stains\r\nBcc: all@example.org", settings=settings)
    async with Town.open(tmp_path / "n") as town:
        letter = alerts.compose(town, [sign("clock", BAD)], True)
    assert letter["Bcc"] is None
    assert "\n" not in str(letter["Subject"])


def test_the_folder_of_sources_is_the_one_that_is_looked_for() -> None:
    assert SOURCES_FOLDER == FOLDER
