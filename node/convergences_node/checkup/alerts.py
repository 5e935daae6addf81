# SPDX-License-Identifier: AGPL-3.0-or-later
"""Letters to the operator: when something needs a person now, once, and when it is well again.

Only what is grave is written, and only when two looks in a row, a quarter of an hour apart, agree: a router that
restarts wakes nobody. What was told stays noted in `private.db`, so that a restart says nothing twice. A letter that
cannot be sent is tried at the next look, and the operator's page says so meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from convergences_node.accounts.accounts import Accounts
from convergences_node.checkup.letters import compose, post
from convergences_node.checkup.sign import BAD, Sign
from convergences_node.checkup.signs import signs
from convergences_node.faults import NotNow

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

LOOK_EVERY_S = 900.0
TOLD_NOTE = "alerts_told"


class Alerts:
    """The letters of one running node."""

    def __init__(self, town: Town, accounts: Accounts) -> None:
        self._town = town
        self._accounts = accounts
        self._before: frozenset[str] = frozenset()
        """What was grave at the look before."""
        self._told: frozenset[str] | None = None
        """What was written of, as this process knows it: a full card, which is told of, takes no note of that."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, if there is somebody to write to."""
        if self._town.config.alerts.to:
            self._task = asyncio.create_task(self._for_ever(), name="alerts")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Exception:
                log.exception("alerts could not be looked at; they will be in a quarter of an hour")

    async def look(self) -> bool:
        """Look once, and write if there is something new to say. Whether a letter left."""
        found = {key: each for each in await signs(self._town) if each.level == BAD for key in keys_of(each)}
        lasting, self._before = found.keys() & self._before, frozenset(found)
        noted = frozenset(json.loads(await self._accounts.note(TOLD_NOTE) or "[]"))
        told = noted if self._told is None else self._told
        if told != noted:
            await self._note(told)
        new, well = lasting - told, told - found.keys()
        if not new and not well:
            return False
        grave = [found[key] for key in sorted(found.keys() & (new | told))]
        grave = [each for at, each in enumerate(grave) if each not in grave[:at]]
        message = compose(self._town, grave, bool(grave))
        if await post(self._town, self._town.config.alerts, message) is not None:
            return False
        self._told = (told | new) - well
        await self._note(self._told)
        return True

    async def _note(self, told: frozenset[str]) -> None:
        """For the next start; what the card does not take now is tried again at the next look."""
        try:
            await self._accounts.set_note(TOLD_NOTE, json.dumps(sorted(told)))
        except NotNow as error:
            log.warning("what the operator was written of could not be noted: %s", error)


def keys_of(sign: Sign) -> list[str]:
    """What is told of once: the sign, or each of the towns, or the log, that it names. A town that falls silent while
    another one has been for months is news."""
    names = str(sign.values.get("names") or sign.values.get("origin") or "")
    return [f"{sign.name} {name}".strip() for name in names.split(", ")]
