# SPDX-License-Identifier: AGPL-3.0-or-later
"""Setting a node up: one person at a time, from the code to the town.

The setup belongs to whoever gave the code, until half an hour of silence; then another code is made. Its end is a town
in the folder, an operator's account, and an invitation that waits to be taken up if there was one; or a town that was
there before, put back from its backup.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from convergences_node.accounts.accounts import Accounts
from convergences_node.accounts.passwords import Passwords
from convergences_node.archive.durable import sync_folder
from convergences_node.backup.stick import usual_target
from convergences_node.beside import Beside
from convergences_node.clock import plausible_time
from convergences_node.founding import create_town
from convergences_node.params import Tell
from convergences_node.setup.again import Again, make_again
from convergences_node.setup.code import OneTimeCode, Show
from convergences_node.setup.draft import Draft
from convergences_node.setup.joining_later import INVITATION_NOTE
from convergences_node.setup.staging import finish, stage_in
from convergences_node.web.security import TokenBuckets
from convergences_node.web.town_door import WebSettings

log = logging.getLogger(__name__)

SILENCE_SECONDS_MAX = 1_800
"""Whoever went away for longer gives a new code: the console is where it was."""
ATTEMPTS_BURST = 5
ATTEMPTS_PER_SECOND = 0.1
"""For one client: five at once, then one in ten seconds."""
ATTEMPTS_OF_ALL_PER_SECOND = 1.0
ATTEMPTS_OF_ALL_BURST = 30
EVERYONE = "everyone"
ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Unfounded:
    """What the pages need of a town, before there is one."""

    web_settings: WebSettings = field(default_factory=lambda: WebSettings(territory="", name="Convergences"))

    def now(self) -> int:
        """Unix seconds, by this machine's clock, right or wrong."""
        return int(time.time())


class Setup:
    """The setup of one folder, under way."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Mapping[str, Any]],
        show: Show,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.door = Unfounded()
        self.code = OneTimeCode(show)
        self.draft = Draft()
        self.passwords = Passwords()
        self.again = Beside("a town made again")
        self.given: Again | None = None
        """What was given for that: in memory alone."""
        self.founded = asyncio.Event()
        self.close_door: Callable[[], Awaitable[None]] = _no_door
        """Accept nobody any more: awaited before the last answer leaves, whose reader comes back to the town."""
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._holder = b""
        self._seen = 0.0
        self._attempts = TokenBuckets(ATTEMPTS_PER_SECOND, ATTEMPTS_BURST, monotonic)
        self._of_all = TokenBuckets(ATTEMPTS_OF_ALL_PER_SECOND, ATTEMPTS_OF_ALL_BURST, monotonic)
        self._founding = asyncio.Lock()
        self._session: str | None = None
        """Of the operator, once the town is founded."""

    # ------------------------------------------------------------------------------------- who
    def look(self) -> None:
        """Somebody came to the first page: if nobody holds the setup any more, there is a code again."""
        silent = self._monotonic() - self._seen > SILENCE_SECONDS_MAX
        if not self.code.is_out and silent and not self.again.is_under_way:
            self._forget(b"")
            self.code.renew()

    def wait_s(self, client: str) -> float:
        """Seconds until this client may try a code, 0 for now. Each call is an attempt."""
        return self._attempts.take(client) or self._of_all.take(EVERYONE)

    def redeem(self, text: str) -> str | None:
        """The id of the session that holds the setup, if this is the code."""
        if not self.code.redeem(text):
            return None
        chosen = secrets.token_urlsafe(ID_BYTES)
        self._forget(_digest(chosen))
        self._seen = self._monotonic()
        log.info("somebody gave the code and sets this node up")
        return chosen

    def _forget(self, holder: bytes) -> None:
        """Whoever holds the setup now begins anew."""
        self._holder, self.draft, self.given = holder, Draft(), None

    def token(self, chosen: str) -> str | None:
        """What the forms of the holder repeat; None for anybody else."""
        if not self._holder or not hmac.compare_digest(_digest(chosen), self._holder):
            return None
        if self._monotonic() - self._seen > SILENCE_SECONDS_MAX:
            return None
        self._seen = self._monotonic()
        return sha256(b"form" + chosen.encode()).hexdigest()

    def now(self) -> int | None:
        """The time, if the clock may be believed."""
        return plausible_time(self._clock())

    @property
    def backups(self) -> Path | None:
        """The folder where backups of a former town may be: that of the settings, or the stick; None if neither."""
        target = usual_target(str(self._settings.get("backup", {}).get("folder", "")))
        return Path(target) if target else None

    # ------------------------------------------------------------------------------------- the end
    def found_again(self, given: Again) -> None:
        """Begin to put a town back; `again` says how far that is. In the end its pages take the place of these."""
        self.given = given
        self.again.begin(lambda tell: self._make_again(given, tell))

    async def _make_again(self, given: Again, tell: Tell) -> None:
        async with self._founding:
            await make_again(self.folder, given, self._clock, tell)
            log.info("a town is put back from its backup")
            await self.close_door()
            self.founded.set()

    async def found(self, agent: str) -> str:
        """Make the town that was drafted, and its operator. The id of the operator's first session: the same where the
        button was pressed twice."""
        async with self._founding:
            if self._session is None:
                assert not self.founded.is_set(), "a node is founded once"
                chosen = await self._make(agent)
                await self.close_door()
                self._session = chosen
                self.founded.set()
        return self._session

    async def _make(self, agent: str) -> str:
        draft = self.draft
        assert draft.facts is not None and draft.seed, "the sheet is printed before the end"
        if await asyncio.to_thread(finish, self.folder):  # made by an attempt that failed while it was moved
            return await self._with_operator(self.folder, agent)
        stage = await asyncio.to_thread(stage_in, self.folder)
        chosen = await self._with_operator(stage, agent)
        await asyncio.to_thread(sync_folder, stage)
        await create_town(
            stage,
            draft.facts.code,
            draft.kind,
            draft.name,
            facts=draft.facts.fields(),
            settings={**self._settings, "http": {**self._settings.get("http", {}), "language": draft.language}},
            recovery_seed=draft.seed,
            epoch=draft.epoch,
        )
        await asyncio.to_thread(finish, self.folder)
        log.info("%s (%s) is founded", draft.name, draft.facts.code)
        self.draft = Draft()
        return chosen

    async def _with_operator(self, folder: Path, agent: str) -> str:
        """The operator's account in this folder, and a session of it."""
        draft = self.draft
        accounts = await asyncio.to_thread(Accounts, folder, self._clock)
        try:
            await accounts.set_hash(draft.operator, draft.password)
            if draft.invitation is not None:
                await accounts.set_note(INVITATION_NOTE, draft.invitation_text)
            return await accounts.begin(draft.operator, agent)
        finally:
            await asyncio.to_thread(accounts.close)


async def _no_door() -> None:
    """Nobody listens."""


def _digest(chosen: str) -> bytes:
    return sha256(chosen.encode(errors="surrogateescape")).digest()  # a cookie may be any bytes
