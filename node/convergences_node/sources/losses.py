# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a source without a mapping no longer has: believed or held back, then ended, withdrawn or erased."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from convergences_protocol.erasure import Erasure
from convergences_protocol.errors import Fault

from convergences_node.faults import Conflict

from .declaration import Declaration
from .ending import Vanished, endings, standing, vanished
from .memory import Memory
from .running import Asked, Held

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

LOST_MIN = 2
"""Of a source of three elements one may go without anybody being asked."""
REASON = "source"
"""Why an element is erased here: it was erased where it came from."""
PORTION = 250


class Losses:
    """Of one run."""

    def __init__(self, town: Town, memory: Memory, name: str, declaration: Declaration, asked: Asked) -> None:
        self._town = town
        self._memory = memory
        self._name = name
        self._declaration = declaration
        self._asked = asked
        self._today = datetime.fromtimestamp(town.now(), UTC).date()

    async def look(self, gone: list[bytes]) -> None:
        """Raises `Held` if so much cannot be gone. What is over by itself is not counted."""
        if self._asked.accept or not gone:
            return
        now = self._town.now()
        lost = len(await self._town.archive.read(lambda reader: vanished(reader, gone, now)))
        before = await asyncio.to_thread(self._memory.count, self._name)
        standing_before = before - len(gone) + lost
        if lost > self._declaration.shrink * standing_before and lost > LOST_MIN:
            percent = round(self._declaration.shrink * 100)
            raise Held(Fault("source", "source_shrunk", {"before": standing_before, "gone": lost, "percent": percent}))

    async def end(self, keys: list[bytes], how: str, *, over: bool = False) -> Counter[str]:
        """End these as said; what is over by itself is left, unless it is `over` and meant too."""
        done: Counter[str] = Counter()
        now = self._town.now()
        for some in _portions(keys):
            look = partial(standing, keys=some) if over else partial(vanished, keys=some, now=now)
            found: list[Vanished] = await self._town.archive.read(look)
            records = endings(found, how, self._today, done)
            if records and not self._asked.dry_run:
                try:
                    await self._town.archive.append(records)
                except Conflict as conflict:
                    log.warning("source %s: what is gone could not all be ended: %s", self._name, conflict)
        return done

    async def forget(self, keys: set[bytes]) -> Counter[str]:
        """Erase the copies of what was erased there, but for those that people have made their own."""
        done: Counter[str] = Counter()
        for some in _portions(sorted(keys)):
            found: list[Vanished] = await self._town.archive.read(partial(standing, keys=some))
            for one in found:
                done["edited" if one.edited else "erased"] += 1
                if not one.edited and not self._asked.dry_run:
                    await self._town.archive.erase(Erasure(REASON, one.element), self._town.erasures.valid)
        return done


def _portions(keys: list[bytes]) -> Iterator[list[bytes]]:
    yield from (keys[start : start + PORTION] for start in range(0, len(keys), PORTION))
