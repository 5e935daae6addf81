# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pairs that wait for a person: found once, in a task of their own, and gone through one by one.

Promises: one search at a time; a pair is given only while both are as they were compared and nobody has decided about
them, here or at the command line; what is put off comes again after all others; what was decided can be taken back, and
stands first again. Nothing is kept on the disk: a search takes seconds, and decisions are records (`verb.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convergences_protocol.origin import territory_of

from convergences_node.faults import words_of
from convergences_node.same.memory import Refusals
from convergences_node.verbs import perform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convergences_node.town import Town

log = logging.getLogger(__name__)

WAITING_MAX = 300
"""Pairs kept for a person; who has gone through them searches again."""
DECIDED_MAX = 50
"""Decisions of which the pair is remembered, so that it stands first again when one is taken back."""

Pair = dict[str, Any]
"""As `same_list` answers it (`params.SameList`)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody has said of two elements: their ids and names, and whether they are one."""

    one: str
    other: str
    one_name: str
    other_name: str
    are_one: bool


class Waiting:
    """The pairs of one running town. Used from one event loop."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._pairs: deque[Pair] = deque()
        self._decided: OrderedDict[tuple[str, str], Pair] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self.more = 0
        """Pairs beyond those that are kept."""
        self.compared = 0
        self.found_at: int | None = None
        self.failed: str | None = None
        self.share = 0
        """Of the search under way, in percent."""

    @property
    def searching(self) -> bool:
        """Whether a search is under way."""
        return self._task is not None and not self._task.done()

    def __len__(self) -> int:
        return len(self._pairs)

    def search(self) -> None:
        """Begin to look, unless somebody does already."""
        if not self.searching:
            self.share, self.failed = 0, None
            self._task = asyncio.create_task(self._search(), name="same pairs")

    async def _search(self) -> None:
        try:
            found = await perform(self._town, "same_list", {"limit": WAITING_MAX}, self._tell)
        except Exception as error:
            log.exception("pairs could not be looked for")
            self.failed = words_of(error)
            return
        self._pairs = deque(found["pairs"])
        self.more, self.compared, self.found_at = found["more"], found["compared"], self._town.now()

    def _tell(self, event: Mapping[str, Any]) -> None:
        self.share = min(99, 100 * event["done"] // max(1, event["total"]))

    async def close(self) -> None:
        """End a search that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------------------------------- one by one
    async def first(self) -> Pair | None:
        """The pair to look at now; those that are settled or have changed meanwhile are let go."""
        while self._pairs:
            if await self.is_open(self._pairs[0]):
                return self._pairs[0]
            self._pairs.popleft()
        return None

    def find(self, one: str, other: str) -> Pair | None:
        """The pair of these two, if it waits here."""
        return next((each for each in self._pairs if _ids(each) == (one, other)), None)

    async def is_open(self, pair: Pair) -> bool:
        """Whether both are as they were compared, and nobody has decided about them since."""
        await self._town.index.catch_up()
        ends = [(pair[end]["id"], pair[end]["state"]) for end in ("one", "other")]
        for element, state in ends:
            view = await self._town.index.element(element)
            if view is None or f"{view.item.origin}/{view.item.index}" != state:
                return False
        said = {frozenset((one, other)) for one, other, _ in await self._town.index.same_said()}
        return frozenset(element for element, _ in ends) not in said and not await asyncio.to_thread(
            self._is_refused, (ends[0], ends[1])
        )

    def _is_refused(self, ends: tuple[tuple[str, str], tuple[str, str]]) -> bool:
        with Refusals(self._town.folder) as refusals:
            return refusals.has(ends)

    def put_off(self, pair: Pair) -> None:
        """After all the others."""
        self._pairs.remove(pair)
        self._pairs.append(pair)

    def settle(self, pair: Pair) -> None:
        """Somebody has decided."""
        self._pairs.remove(pair)
        self._decided[_ids(pair)] = pair
        while len(self._decided) > DECIDED_MAX:
            self._decided.popitem(last=False)

    def unsettle(self, one: str, other: str) -> None:
        """Somebody has taken a decision back: if it was of today, the pair stands first again."""
        pair = self._decided.pop((one, other), None) or self._decided.pop((other, one), None)
        if pair is not None:
            self._pairs.appendleft(pair)

    async def decisions(self, most: int) -> list[Decision]:
        """The latest that were accepted, then the latest that were refused, by this node, so many of each at most."""
        own = self._town.membership.own.territory
        said = [each for each in await self._town.index.same_said() if territory_of(each[2]) == own]
        refused = await asyncio.to_thread(self._refused, most)
        are = [*((one, other, True) for one, other, _ in said[: -most - 1 : -1]), *((*two, False) for two in refused)]
        return [
            Decision(one, other, await self._name(one), await self._name(other), are_one) for one, other, are_one in are
        ]

    def _refused(self, most: int) -> list[tuple[str, str]]:
        with Refusals(self._town.folder) as refusals:
            return refusals.latest(most)

    async def _name(self, element: str) -> str:
        view = await self._town.index.element(element)
        return view.item.name if view is not None and view.item.name else element


def _ids(pair: Pair) -> tuple[str, str]:
    return pair["one"]["id"], pair["other"]["id"]
