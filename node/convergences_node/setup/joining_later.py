# SPDX-License-Identifier: AGPL-3.0-or-later
"""An invitation that is to be taken up as soon as the agglomeration can be reached.

A node may be set up in a room without any network. The invitation waits in `private.db`, is tried at each start and
then ever more rarely, and is forgotten when it was taken, or refused: the reason is kept for the operator's page.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from convergences_protocol.errors import ConvergencesError, Refused

from convergences_node.accounts.accounts import Accounts
from convergences_node.fault_sentences import said_in
from convergences_node.network.joining import JoinRefused
from convergences_node.verbs import perform

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

INVITATION_NOTE = "invitation"
REFUSED_NOTE = "invitation_refused"
FIRST_S, LONGEST_S = 5.0, 600.0
"""A network that comes up with the node is there in seconds; one that is not may take months."""


class JoiningLater:
    """Takes up what waits."""

    def __init__(self, town: Town, accounts: Accounts) -> None:
        self._town = town
        self._accounts = accounts
        self._news = asyncio.Event()
        self._notes = asyncio.Lock()
        """So that what is given now is not forgotten together with what was tried before it."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._for_ever(), name="joining later")

    async def stop(self) -> None:
        """Leave it for the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def take(self, invitation: str) -> None:
        """Another invitation; it is tried at once."""
        async with self._notes:
            await self._accounts.set_note(REFUSED_NOTE, None)
            await self._accounts.set_note(INVITATION_NOTE, invitation)
        self._news.set()

    async def _for_ever(self) -> None:
        while True:
            self._news.clear()
            wait = FIRST_S
            while not await self._tried():
                try:
                    async with asyncio.timeout(wait):
                        await self._news.wait()
                    self._news.clear()
                    wait = FIRST_S
                except TimeoutError:
                    wait = min(2 * wait, LONGEST_S)
            await self._news.wait()

    async def _tried(self) -> bool:
        """Whether there is nothing left to try. A card that is full for now ends nothing."""
        try:
            return await self._try()
        except Exception:
            log.exception("the invitation could not be taken up; it is tried again")
            return False

    async def _try(self) -> bool:
        invitation = await self._accounts.note(INVITATION_NOTE)
        if invitation is None:
            return True
        refused = None
        try:
            await perform(self._town, "join", {"invitation": invitation}, lambda event: None)
        except (JoinRefused, Refused) as error:
            refused = said_in(error, self._town.config.http.language)
            log.warning("the invitation is refused: %s", error)
        except (ConvergencesError, OSError, TimeoutError) as error:
            # Nobody has said no: a network that is not there yet, or a card that is full for now (a `LocalError`).
            log.info("the invitation could not be taken up yet: %s", error)
            return False
        async with self._notes:
            if await self._accounts.note(INVITATION_NOTE) != invitation:
                return False  # somebody has given another one meanwhile
            await self._accounts.set_note(REFUSED_NOTE, refused)
            await self._accounts.set_note(INVITATION_NOTE, None)
        return True
