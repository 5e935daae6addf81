# SPDX-License-Identifier: AGPL-3.0-or-later
"""At a town: its agglomeration is told which signs ask for a person, when that changes, and every hour.

By the door that invitations' answers go by, as a word that the log's key signs (`convergences_protocol.health`). That
door also answers a town whose log the charter has ended, to which nothing is replicated any more. An agglomeration with
an older program refuses the word, and is asked again the next day: nothing depends on it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from convergences_protocol import health
from convergences_protocol.errors import ConvergencesError, Fault, Refused, RemoteError
from convergences_protocol.health import Health

from convergences_node.checkup.hearing import ENDED
from convergences_node.checkup.sign import BAD, GOOD, LEVELS, Sign
from convergences_node.checkup.signs import signs
from convergences_node.clock import clock_plausible
from convergences_node.network.joining import JoinRefused, send_word

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

LOOK_FIRST_S, LOOK_EVERY_S = 60.0, 900.0
"""A node that has just started is not judged by its first minute."""
AGAIN_S = 3_600.0
"""An agglomeration that was started again has forgotten."""
REFUSED_S = 86_400.0
ELSEWHERE = frozenset({"agglomeration", "towns", "ailing", "local_name"})
"""Signs that the agglomeration knows better, or that concern nobody there."""


class Telling:
    """What one running town tells of itself."""

    def __init__(self, town: Town, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._town = town
        self._monotonic = monotonic
        self._told: list[tuple[str, int]] | None = None
        self._next = 0.0
        """When the same is said again, by the monotonic clock."""

    async def run(self) -> None:
        """For as long as the node runs."""
        await asyncio.sleep(LOOK_FIRST_S)
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the agglomeration could not be told how this node is; it will be in a while")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Look once, and say what is new, or was said an hour ago. Whether the agglomeration has heard it."""
        town = self._town
        if not _may_tell(town):
            return False
        found, now = told_signs(await signs(town)), self._monotonic()
        refused = self._told is None and now < self._next
        if refused or (found == self._told and now < self._next):
            return False
        try:
            answer = await _say(town, Health(town.membership.own.origin, town.now(), found))
        except (JoinRefused, Refused) as error:
            log.info("the agglomeration takes no word of how this node is: %s", error)
            self._told, self._next = None, now + REFUSED_S
            return False
        except ConvergencesError as error:
            log.info("the agglomeration was not told how this node is: %s", error)
            return False
        town.ended_there = answer == ENDED
        self._told, self._next = found, now + AGAIN_S
        return True


def told_signs(found: Sequence[Sign]) -> list[tuple[str, int]]:
    """What is said of these: code and level of each that asks for a person, the gravest first."""
    asking = [each for each in found if each.level != GOOD and each.name not in ELSEWHERE]
    said = {(code_of(each), health.BAD if each.level == BAD else health.CARE) for each in asking}
    return sorted(said, key=lambda each: (-each[1], each[0]))[: health.SIGNS_MAX]


def code_of(sign: Sign) -> str:
    """`card`, or `card.read_only` where it is not by its level alone."""
    return sign.name if sign.form in LEVELS else f"{sign.name}.{sign.form}"


def _may_tell(town: Town) -> bool:
    """Whether the agglomeration would take a word: in the name of a log that its charter names, as is known here."""
    named = town.membership.named if town.membership.joined else None
    if named is None or named.origin != town.membership.own.origin or town.network is None:
        return False
    return town.config.node.kind != "agglomeration" and clock_plausible(town.now())


async def _say(town: Town, said: Health) -> bytes:
    agglomeration, network = town.membership.charter.agglomeration, town.network
    assert network is not None, "checked before"
    row = network.book().get(agglomeration.key)
    nowhere = RemoteError("no address of the agglomeration is known here", fault=Fault("", "vault_nowhere"))
    word, p2p = said.encode(town.archive.keys.node), await network.settled_p2p()
    return await send_word(row.addresses if row else (), agglomeration.key, word, p2p, nowhere)
