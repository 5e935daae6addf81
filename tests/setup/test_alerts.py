# SPDX-License-Identifier: AGPL-3.0-or-later
"""Letters to the operator: once, when it lasts, and when it is over; through a mail server that is one."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from convergences_node.accounts import Accounts
from convergences_node.checkup import alerts
from convergences_node.checkup import sources as source_signs
from convergences_node.checkup.alerts import Alerts
from convergences_node.checkup.sign import BAD, CARE, Sign, sign
from convergences_node.checkup.signs import signs as every_sign
from convergences_node.checkup.wording import sentence
from convergences_node.founding import create_town
from convergences_node.sources.declaration import FOLDER
from convergences_node.town import Town

from .mail import TO, MailServer, mail_server


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


async def test_a_card_without_room_is_told_of_once(tmp_path: Path, found: list[Sign]) -> None:
    """Nothing can be noted on it then: a letter went off every quarter of an hour."""
    async with mail_server() as mails:
        async with watched(tmp_path / "stains", mails) as watching:
            database = watching._accounts._store._database
            database.execute("PRAGMA query_only = ON")
            found.append(sign("card", BAD, free=0.0, percent=0))
            assert [await watching.look() for _ in range(4)] == [False, True, False, False]
            database.execute("PRAGMA query_only = OFF")
            assert not await watching.look()
        async with watched(tmp_path / "stains", mails) as again:
            assert [await again.look() for _ in range(2)] == [False, False], "noted once there was room"
            found.clear()
            assert await again.look()
    assert len(mails.letters) == 2


async def test_each_town_and_each_log_is_news_of_its_own(tmp_path: Path, found: list[Sign]) -> None:
    """Where one town has been silent for months, the next one is told of as well; all is well when nothing is left."""
    silent = [["Stains"], ["Stains", "Épinay"], ["Épinay"], []]
    async with mail_server() as mails, watched(tmp_path / "plaine", mails) as watching:
        found.append(sign("erasures", BAD, origin="convergences/FR-93072/1", count=200))
        for names in silent:
            found[1:] = [sign("towns", BAD, names=", ".join(names))] if names else []
            await watching.look()
            await watching.look()
        found.append(sign("erasures", BAD, origin="convergences/FR-93031/1", count=300))
        assert [await watching.look(), await watching.look(), await watching.look()] == [False, True, False]
        found.clear()
        assert await watching.look()
    *grave, well = (email.message_from_string(text, policy=email.policy.default) for text in mails.letters)
    for each, names in zip(grave, silent, strict=False):
        assert [name in each.get_content() for name in ("Stains", "Épinay")] == [
            name in names for name in ("Stains", "Épinay")
        ]
    assert len(grave) == len(silent) + 1 and all("demande votre attention" in each["Subject"] for each in grave)
    assert grave[1].get_content().count("Stains, Épinay") == 1, "once in a letter, whoever of it is news"
    assert "200" in grave[-1].get_content() and "300" in grave[-1].get_content()
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
        assert "no letter could be sent" in caplog.text
        (said,) = [each for each in await every_sign(watching._town) if each.name == "letters"]
        assert (said.level, "451" in sentence(said, "fr")) == (CARE, True)
        mails.refusing = False
        assert await watching.look()
        assert "letters" not in [each.name for each in await every_sign(watching._town)]
    assert len(mails.letters) == 1


def test_the_folder_of_sources_is_the_one_that_is_looked_for() -> None:
    assert source_signs.FOLDER == FOLDER
