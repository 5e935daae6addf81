# SPDX-License-Identifier: AGPL-3.0-or-later
"""An invitation that waits is lost neither to another one, nor to a card that is full for a moment."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from convergences_node.accounts import Accounts
from convergences_node.archive.model import ArchiveFull
from convergences_node.setup import joining_later
from convergences_node.setup.joining_later import INVITATION_NOTE, REFUSED_NOTE, JoiningLater
from convergences_protocol.errors import Fault, Refused

Join = Callable[[str], Awaitable[None]]
TOWN = cast(Any, SimpleNamespace(config=SimpleNamespace(http=SimpleNamespace(language="fr"))))


class World:
    """A town whose joining is the test's."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.joining = JoiningLater(TOWN, accounts)
        self.join: Join
        self.joined = asyncio.Event()

    async def perform(self, town: Any, verb: str, params: dict[str, str], tell: Any) -> None:
        await self.join(params["invitation"])
        self.joined.set()


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    accounts = Accounts(tmp_path, lambda: 1_795_000_000)
    world = World(accounts)
    monkeypatch.setattr(joining_later, "perform", world.perform)
    monkeypatch.setattr(joining_later, "FIRST_S", 0.0)
    yield world
    await world.joining.stop()
    accounts.close()


async def test_one_that_is_given_while_another_is_tried_is_tried_too(world: World) -> None:
    """What is said of the first, which was pasted wrong perhaps, ends nothing but the first."""
    refused = asyncio.Event()

    async def join(invitation: str) -> None:
        if invitation == "first":
            await world.joining.take("second")
            refused.set()
            raise Refused([Fault("invitation", "invitation_other_territory", {"territory": "a", "invited": "b"})])

    world.join = join
    await world.accounts.set_note(INVITATION_NOTE, "first")
    assert not await world.joining._try()
    assert refused.is_set() and await world.accounts.note(INVITATION_NOTE) == "second"
    assert await world.accounts.note(REFUSED_NOTE) is None
    assert await world.joining._try()
    assert world.joined.is_set() and await world.accounts.note(INVITATION_NOTE) is None


async def test_a_full_card_refuses_nothing(world: World) -> None:
    """What the archive says of itself is nobody's answer: the invitation waits on."""

    async def join(invitation: str) -> None:
        raise ArchiveFull("there is no room on the card")

    world.join = join
    await world.accounts.set_note(INVITATION_NOTE, "one")
    assert not await world.joining._tried()
    assert await world.accounts.note(INVITATION_NOTE) == "one" and await world.accounts.note(REFUSED_NOTE) is None


async def test_what_nobody_thought_of_does_not_end_it(world: World) -> None:
    """Such as a full card: it is tried again, not only after the next start."""
    tried = 0

    async def join(invitation: str) -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise sqlite3.OperationalError("database or disk is full")

    world.join = join
    await world.accounts.set_note(INVITATION_NOTE, "one")
    world.joining.start()
    assert world.joining._task is not None
    waiting = asyncio.create_task(world.joined.wait())
    await asyncio.wait([world.joining._task, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert world.joined.is_set() and tried == 2
