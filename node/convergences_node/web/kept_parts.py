# SPDX-License-Identifier: AGPL-3.0-or-later
"""What many pages show alike is made once: cards as HTML, and all that is the same on every page of one moment.

Two memories, each with one rule. *What is the same now* (how fresh each town is, what the territories are called) is
kept as long as pages are (`kept_pages.stamp_of`): until something is written, or the minute is over. *A card* is kept
by the record that it shows, which never changes: a later record of the same element is another card, and one that was
erased is asked for by no answer. Its picture may come later, and it is then drawn once more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from aiohttp import web
from markupsafe import Markup

from convergences_node.index.views import Answer, Item
from convergences_node.web.asking import town_of
from convergences_node.web.cards import Card, Reading, card, picture_here
from convergences_node.web.freshness import freshness
from convergences_node.web.kept_pages import stamp_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.templating import parts

T = TypeVar("T")

CARDS_MAX = 1_000
"""Some two megabytes: what a town's readers look at in a week."""
NOW_MAX = 200
"""Things that are the same now: a few a language and territory."""

Drawing = Callable[[str, Card, str], Markup]
"""What draws a card in a language, as a heading of some level: a macro of the templates, which escapes all of it."""


class KeptParts:
    """Both memories."""

    def __init__(self, draw_card: Drawing) -> None:
        self._draw_card = draw_card
        self._cards: OrderedDict[Hashable, Markup] = OrderedDict()
        self._stamp: Hashable = None
        self._now: dict[Hashable, object] = {}

    async def now(self, stamp: Hashable, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` gives, made once as long as the stamp is the same; each time, if there is no stamp."""
        if stamp is None:
            return await make()
        if stamp != self._stamp or len(self._now) >= NOW_MAX:
            self._stamp, self._now = stamp, {}
        kept = self._now
        if key not in kept:
            kept[key] = await make()
        return cast(T, kept[key])

    def cards(self, reading: Reading, items: Sequence[Item], level: str) -> list[Markup]:
        """The cards of these elements, as they are shown in a list whose entries are headings of this level."""
        language = reading.messages.language
        said = (reading.year, len(reading.towns), language, reading.language_asked, level)
        found = []
        for item in items:
            pictured = picture_here(reading, item) is not None
            key = (item.origin, item.index, item.first, item.last, item.same, pictured, said)
            if (drawn := self._cards.pop(key, None)) is None:
                drawn = self._draw_card(language, card(reading, item), level)
            self._cards[key] = drawn
            found.append(drawn)
        while len(self._cards) > CARDS_MAX:
            self._cards.popitem(last=False)
        return found


PARTS: web.AppKey[KeptParts] = web.AppKey("kept_parts")


async def made_now(request: web.Request, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
    """What is the same on every page of this moment."""
    return await request.app[PARTS].now(stamp_of(request), key, make)


async def with_towns(request: web.Request, reading: Reading) -> Reading:
    """The same reader, who is told of what is in another town that it is there."""
    town = town_of(request)

    async def make() -> Mapping[str, str]:
        names = await territory_names(town)
        return {code: name for code, name in names.items() if code != town.web_settings.territory}

    return replace(reading, towns=await made_now(request, "towns", make))


async def drawn_freshness(request: web.Request, reading: Reading, answer: Answer, territories: Sequence[str]) -> Markup:
    """How fresh an answer for these territories is, drawn; empty when nothing was searched at all."""
    town = town_of(request)

    async def make() -> Markup:
        names = await territory_names(town, [each.territory for each in answer.coverage])
        said = freshness(reading, answer.coverage, names, town.charter())
        drawn: Markup = parts(reading.messages.language).fresh(said)  # type: ignore[attr-defined] # a macro
        return drawn

    return await made_now(request, ("fresh", reading.messages.language, *territories), make)


def drawn_cards(request: web.Request, reading: Reading, items: Sequence[Item], level: str = "h3") -> list[Markup]:
    """The cards of these elements, drawn."""
    return request.app[PARTS].cards(reading, items, level)
