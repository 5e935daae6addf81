# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who is let in here: a town that answers an invitation, one that succeeds another, one that goes on in a new epoch.

One at a time, so that no two decisions about the charter rest on the same state of it.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from convergences_protocol.admission import admit_answer
from convergences_protocol.invitation import read_answer

from convergences_node.archive.model import NewControl
from convergences_node.checkup.hearing import Hearing
from convergences_node.continuing import Continuing, read_candidate
from convergences_node.network.joining import Joined
from convergences_node.succeeding import follow_succession, read_told
from convergences_node.updates import offering
from convergences_node.vault.keeping import Vault

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)


class Enrolling:
    """What one town, or agglomeration, says in its charter when others ask. Used from the event loop."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._continuing = Continuing()
        self._one_at_a_time = asyncio.Lock()

    async def join_answer(self, data: bytes) -> bytes:
        """See `Town.join_answer`."""
        town = self._town
        if Vault.concerns(data):
            return await town.vault.answer(data)
        if Hearing.concerns(data):
            return town.hearing.answer(data)
        if data == offering.ASKED:
            return await offering.answer(town)
        told = read_told(data)
        if told is not None:
            async with self._one_at_a_time:
                return (await follow_succession(town, *told)).encode()
        answer = read_answer(data)
        async with self._one_at_a_time:
            # A log that a person or a recovery key has enrolled meanwhile needs no invitation, and may bring one.
            known = town.membership.charter.enrolled(answer.opening.origin)
            here = known is not None and known.end is None and known.identity == answer.opening.identity
            controls = [] if here else admit_answer(town.membership.charter, answer, town.now())
            if controls:
                await town.archive.append([NewControl(kind, content) for kind, content in controls])
                log.info("%s is enrolled for %s", answer.opening.origin, answer.opening.territory)
                await town.charter_changed()
        if town.network is not None:
            await town.network.remember(answer.opening.key, answer.opening.territory, answer.addresses)
        return Joined(answer.opening.origin, "enrolled" if controls else "already enrolled").encode()

    async def admit_candidates(self) -> None:
        """At the agglomeration: enrol new epochs that continue what is kept here."""
        town = self._town
        for origin in sorted(town.membership.candidates):
            candidate = await town.archive.read(partial(read_candidate, origin=origin))
            if candidate is None or origin in town.membership.own_origins:
                continue
            async with self._one_at_a_time:
                controls = self._continuing.judge(town.membership.charter, candidate, town.now())
                if controls:
                    await town.archive.append([NewControl(kind, content) for kind, content in controls])
                    log.info("%s continues as %s", candidate.opening.territory, origin)
                    await town.charter_changed()
