# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is to be told, found by comparing the index with what was told, and not by what happened in between.

An event that was not told yet is told as new; one whose records are others, as changed; one that is gone from the index
(withdrawn, erased, of a log that no longer counts), or is no longer told, as deleted, however long it is over. What its
own town's node tells is only announced, under its address there. An actor of ours that is gone says so to its
followers. What is over is left as it was told. Whoever is told that something is deleted does not bring it back: an
index that merely lacks it deletes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convergences_node.relay.homes import Homes
from convergences_node.relay.reading import Told, coming, missing, told
from convergences_node.relay.rows import ELSEWHERE, RELAY, Mark
from convergences_node.relay.store import Store

if TYPE_CHECKING:
    from convergences_node.index.index import Index

EVENTS_MAX = 2_000
"""Coming events that are looked at; of a whole agglomeration, those of the next weeks."""
WELCOME_MAX = 20
"""Coming events that a server is pointed to when it begins to follow; the others are in the outbox."""

UNKNOWN = ("wanted", "unreadable")
"""States of a last record that say nothing of its element."""


@dataclass(slots=True)
class Found:
    """How the index differs from what was told."""

    told: list[Told] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


class Publisher:
    """Compares, and queues what is to be told. One pass at a time: its caller sees to that."""

    def __init__(self, index: Index, store: Store, territory: str | None, homes: Homes) -> None:
        self._index = index
        self._homes = homes
        self._store = store
        self._territory = territory
        self.refused = 0
        """What there was no room for in the queue since the node began."""

    async def publish(self, now: int) -> int:
        """Queue what is new, changed or gone; how many elements that were."""
        before = self._store.marks()
        found = await self._index.ask(lambda db: self._compare(db, before, now))
        for one in found.told:
            self._publish(one, before.get(one.item.id))
        found.gone = [element for element in found.gone if await self._is_gone(element)]
        for element in found.gone:
            self._retract(element, before[element].owner)
            self._store.unmark(element)
        gone = await self._actors_gone()
        self._store.trim_marks()
        return len(found.told) + len(found.gone) + gone

    def _publish(self, one: Told, before: Mark | None) -> None:
        """Tell it as new or changed; or, where its own town tells it, only point to it there."""
        element, was_here = one.item.id, before is not None and before.owner != ELSEWHERE
        if one.home is None:
            self._tell("Update" if was_here else "Create", element, one.owner_id)
        elif before is not None and was_here:
            self._retract(element, before.owner)
        self._queue("Announce", element, RELAY, [RELAY])
        if one.home is not None and one.owner is not None:
            self._queue("Announce", element, one.owner_id, [one.owner_id])
        self._store.mark(element, Mark(one.mark, one.owner_id if one.home is None else ELSEWHERE, one.last))

    def _retract(self, element: str, owner: str) -> None:
        """It is gone, or told by somebody else from now on."""
        if owner == ELSEWHERE:
            self._queue("Undo", element, RELAY, [RELAY])
        else:
            self._tell("Delete", element, owner)

    def _compare(self, db: sqlite3.Connection, before: dict[str, Mark], now: int) -> Found:
        ahead = coming(db, now, EVENTS_MAX)
        shown = told(db, ahead, now, self._territory, self._homes)
        found = Found([one for one in shown if one.item.id not in before or before[one.item.id].mark != one.mark])
        left = before.keys() - {one.item.id for one in shown}
        found.gone = missing(db, sorted(left))
        # What is still to come and is not among those told any more has lost what made it one: its day, its home.
        here = sorted(element for element in left - set(found.gone) if before[element].last >= now)
        found.gone += sorted(set(here) - {one.item.id for one in told(db, here, now, self._territory, self._homes)})
        return found

    async def _is_gone(self, element: str) -> bool:
        """Whether the archive itself says that an element is not to be shown.

        One of which it knows nothing, or of which the words are not here, has not gone: a node that was put back from a
        backup would delete a town.
        """
        revisions = await self._index.history(element)
        return bool(revisions) and revisions[-1].state not in UNKNOWN

    def _tell(self, verb: str, element: str, owner: str) -> None:
        """Tell those who follow the relay, and those who follow the one in whose name it is."""
        self._queue(verb, element, owner, [RELAY, owner])

    def _queue(self, verb: str, element: str, owner: str, targets: Sequence[str]) -> None:
        self.refused += self._store.queue(verb, element, owner, self._store.inboxes(targets))

    async def _actors_gone(self) -> int:
        """Actors of ours that are followed and are not here any more: their followers are told, and forgotten."""
        followed = [target for target in self._store.followed() if target != RELAY]
        missed = await self._index.ask(lambda db: missing(db, followed))
        gone = [actor for actor in missed if await self._is_gone(actor)]
        for actor in gone:
            self._queue("Delete", actor, actor, [actor])
            self._store.leave(actor)
        return len(gone)

    async def welcome(self, inbox: tuple[str, str], now: int) -> None:
        """Point a server that begins to follow to what happens next."""
        shown = await self._index.ask(
            lambda db: told(db, coming(db, now, WELCOME_MAX), now, self._territory, self._homes)
        )
        for one in shown:
            self.refused += self._store.queue("Announce", one.item.id, RELAY, [inbox])
