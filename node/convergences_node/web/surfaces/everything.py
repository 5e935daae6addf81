# SPDX-License-Identifier: AGPL-3.0-or-later
"""All elements of some kinds, portion by portion, or a refusal: what every whole list is written from.

The index counts its elements of a kind. A list that ends with fewer than there were before and are still after it has
lost some on the way (an index that was built anew meanwhile), and is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.listing import Listing
from convergences_node.index.query import LIMIT_MAX, Query
from convergences_node.web import dates
from convergences_node.web.asking import town_of
from convergences_node.web.exporting import base_of
from convergences_node.web.problems import Problem
from convergences_node.web.surfaces.pair import Reader
from convergences_node.web.surfaces.whole import RETRY_SECONDS, require_well, require_whole
from convergences_node.web.surfaces.whole_lists import Piece
from convergences_node.web.town_door import Town

Write = Callable[[Listing], Sequence[bytes]]
"""One portion's elements as they stand in a list, those left out that do not belong to it."""


def reader_of(request: web.Request) -> Reader:
    """What resources are written for."""
    town = town_of(request)
    return Reader(base_of(request), dates.zone(None, town.web_settings.timezone))


async def portions(town: Town, kinds: Sequence[str], linked: bool = False) -> AsyncIterator[Listing]:
    """Every element of these kinds, once. Raises `not-whole` at the beginning or at the end."""
    await require_whole(town)
    if not kinds:
        return
    index, moment = town.index, town.now() if linked else None
    before, listed, after = await index.held(kinds), 0, -1
    while True:
        some = await index.listing(kinds, after, moment)
        listed += len(some.items)
        yield some
        if some.after is None:
            break
        after = some.after
    if listed < min(before, await index.held(kinds)):
        raise Problem("not-whole", towns=town.web_settings.name, headers={"Retry-After": str(RETRY_SECONDS)})


async def found(town: Town, asked: Query, most: int | None = None) -> AsyncIterator[Listing]:
    """What a question finds, all of it or the first so many. Raises `not-whole` if a log that it concerns is not."""
    cursor, left = None, most
    while left is None or left > 0:
        limit = LIMIT_MAX if left is None else min(left, LIMIT_MAX)
        answer = await town.index.search(replace(asked, cursor=cursor, limit=limit), fold=False)
        require_well(town, answer.coverage)
        details = await town.index.details([item.id for item in answer.items])
        yield Listing(
            items=[item for item in answer.items if item.id in details], details=details, links={}, after=None
        )
        cursor, left = answer.cursor, None if left is None else left - len(answer.items)
        if cursor is None:
            return


async def written(source: AsyncIterator[Listing], write: Write) -> AsyncIterator[Sequence[bytes]]:
    """Each portion's elements as they stand in a list, written beside the loop that answers."""
    async for some in source:
        yield await asyncio.to_thread(write, some)


async def joined(
    head: bytes, parts: AsyncIterator[Sequence[bytes]], between: bytes = b"", end: bytes = b""
) -> AsyncIterator[Piece]:
    """A list that is one document: what stands before, the elements with a mark between them, what stands after."""
    yield head, 0
    first = True
    async for some in parts:
        if some:
            yield (b"" if first else between) + between.join(some), len(some)
            first = False
    yield end, 0
