# SPDX-License-Identifier: AGPL-3.0-or-later
"""What may be asked of an index: one method a question, answered from one state of the file, in threads of readers.

The statements are in the rooms beside (`answering`, `details`, `listing`, …), which know SQL and no thread. Here a
question is given what the node knows besides the file (which logs are how fresh, what is the same), and what was
counted once is remembered as long as `version` says that nothing has changed. Who keeps the file: `index.py`.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from convergences_protocol.element import ElementId

from convergences_node.index import addresses, answering, details, folding, listing, naming
from convergences_node.index import element as elements
from convergences_node.index.addresses import Address
from convergences_node.index.coverage import Covered, territory_views
from convergences_node.index.details import Detail, OutlineView
from convergences_node.index.following import ArchiveDoor
from convergences_node.index.history import revisions_of
from convergences_node.index.keeper import Keeper
from convergences_node.index.known import Known
from convergences_node.index.listing import Listing
from convergences_node.index.marks import Marks
from convergences_node.index.published import Bulletin, Published, published_on
from convergences_node.index.query import Query
from convergences_node.index.readers import Readers
from convergences_node.index.remembered import RememberedCounts, RememberedLooks
from convergences_node.index.row import element_of
from convergences_node.index.surroundings import surroundings_of, view_of
from convergences_node.index.views import Answer, ElementView, Facets, Item, Revision, TerritoryView, Walk

T = TypeVar("T")


class Questions(ABC):
    """The half of an index that reads."""

    def __init__(self, archive: ArchiveDoor, keeper: Keeper, readers: Readers) -> None:
        self._archive = archive
        self._keeper = keeper
        self._readers = readers
        self._covered = Covered.of(())
        self._bulletin = Bulletin()
        self._grouped: tuple[Known, Covered, folding.Groups] = (keeper.known, self._covered, {})
        self._territories: tuple[int, list[TerritoryView]] | None = None
        self._counted, self._looks = RememberedCounts(), RememberedLooks()

    @property
    @abstractmethod
    def version(self) -> int | None:
        """Another number whenever answers may be other ones; None while something is being taken in.

        What was made of answers may be used again as long as this was and is the same number.
        """

    @abstractmethod
    def _cover(self) -> None:
        """Have the coverage read again, beside the question, if it is getting old."""

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """A room's own question, of one state of the file, in a thread of readers."""
        return await self._readers.ask(question)

    async def search(self, query: Query, *, fold: bool = True) -> Answer:
        """One page of what matches, with how fresh and whole it is. `fold=False`: what is the same comes apart, as
        whoever takes all of it away wants it."""
        self._cover()
        ask = self._readers.ask_quickly if query.is_quick else self.ask
        groups, looked = self._same() if fold else answering.NONE, self._looks.of(self.version)
        known, coverage = self._keeper.known, self._covered.lines
        return await ask(lambda db: answering.answer(db, query, known, coverage, groups, looked))

    async def search_json(self, query: Query) -> bytes:
        """The same as JSON, to be sent as it is."""
        self._cover()
        ask = self._readers.ask_quickly if query.is_quick else self.ask
        known, covered, groups, looked = self._keeper.known, self._covered, self._same(), self._looks.of(self.version)
        return await ask(lambda db: answering.answer_json(db, query, known, covered, groups, looked))

    async def facets(self, query: Query) -> Facets:
        """How many matches have each value of each facet."""
        version, asked = self.version, self._counted.asked(query)
        if kept := self._counted.get(version, asked):
            return kept
        looked = self._looks.of(version)
        found = await self.ask(lambda db: answering.facets(db, asked, self._keeper.known, looked))
        self._counted.keep(version if version == self.version else None, asked, found)
        return found

    async def page(self, query: Query) -> tuple[Answer, Facets]:
        """One page of what matches, and the facets of all that does, from one state of the index."""
        self._cover()
        known, coverage, groups = self._keeper.known, self._covered.lines, self._same()
        version, asked = self.version, self._counted.asked(query)
        kept, looked = self._counted.get(version, asked), self._looks.of(version)

        def both(db: sqlite3.Connection) -> tuple[Answer, Facets]:
            if kept:
                return answering.answer(db, query, known, coverage, groups, looked), kept
            return answering.answer_and_facets(db, query, known, coverage, groups, looked)

        answer, facets = await (self._readers.ask_for_page if query.is_quick else self.ask)(both)
        self._counted.keep(version if version == self.version else None, asked, facets)
        return answer, facets

    async def marks(self, query: Query) -> Marks:
        """What matches as marks on a map, whatever page and order are asked for; the newest where they are many."""
        return await self.ask(lambda db: answering.marks(db, query, self._keeper.known, self._same()))

    async def element(self, element: str, at: str | None = None) -> ElementView | None:
        """An element with its relations (at a date); None if it is not here, or no longer. ValueError: not an id."""
        wanted, groups = ElementId.parse(element), self._same()
        return await self.ask(lambda db: view_of(db, wanted, self._keeper.known, groups, at))

    def _same(self) -> folding.Groups:
        """Which elements are one, as far as that counts here; made again when what is known is."""
        known, covered = self._keeper.known, self._covered
        kept = self._grouped
        if kept[0] is not known or kept[1] is not covered:
            own = {line.origin for line in covered.lines if line.own}
            kept = self._grouped = (known, covered, folding.groups_of(known, own) if known.same else {})
        return kept[2]

    async def same_said(self) -> Sequence[tuple[str, str, str]]:
        """Every relation that says that two elements are one and has no end: both, and the log that says so."""
        said = self._keeper.known.same
        return [(str(element_of(each.one)), str(element_of(each.other)), each.origin) for each in said]

    async def walk(self, element: str, *, depth: int = 1, at: str | None = None) -> Walk:
        """What is related to an element by at most `depth` steps."""
        wanted = ElementId.parse(element)
        return await self.ask(lambda db: elements.walk(db, wanted, self._keeper.known, at, depth))

    async def surroundings(
        self, element: str, *, at: str | None, depth: int, most: int
    ) -> tuple[ElementView | None, Walk, Published]:
        """An element, what is related to it, and what is published on it: what its page shows, of one moment."""
        wanted, known, groups = ElementId.parse(element), self._keeper.known, self._same()
        return await self._readers.ask_for_page(
            lambda db: surroundings_of(db, wanted, known, groups, self._bulletin, at=at, depth=depth, most=most)
        )

    async def published(self, element: str, most: int) -> Published:
        """What is published on an element or on what belongs to it, the newest first."""
        wanted = ElementId.parse(element)
        return await self.ask(lambda db: published_on(db, wanted, self._keeper.known, self._bulletin, most))

    async def names(self, mentioned: Sequence[str]) -> Mapping[str, str]:
        """The names of these elements and territories, as far as they are known here."""
        return await self.ask(lambda db: elements.names_of(db, mentioned, self._keeper.known))

    async def count(self, kinds: Sequence[str]) -> int:
        """How many elements of these kinds there are."""
        return await self.ask(lambda db: addresses.count_of(db, kinds))

    async def addresses(self, kinds: Sequence[str], skipped: int, most: int) -> Sequence[Address]:
        """Some of these elements, the oldest first, for a site map."""
        return await self.ask(lambda db: addresses.addresses_of(db, kinds, skipped, most))

    async def listing(self, kinds: Sequence[str], after: int = -1, moment: int | None = None) -> Listing:
        """The next elements of these kinds in the order of birth, with the links that hold at a moment: a portion of a
        whole list."""
        return await self.ask(lambda db: listing.listing_of(db, kinds, self._keeper.known, after, moment))

    async def held(self, kinds: Sequence[str]) -> int:
        """How many elements of these kinds a whole list has, relations too."""
        return await self.ask(lambda db: listing.held_of(db, kinds))

    async def types(self) -> Mapping[tuple[str, str], int]:
        """How many elements there are by kind and type."""
        return await self.ask(listing.types_of)

    async def named(self, kinds: Sequence[str], name: str) -> Sequence[Item]:
        """The oldest elements of these kinds with this name; two are enough to know that it is not one's alone."""
        return await self.ask(lambda db: naming.named(db, kinds, name))

    async def born(self, kinds: Sequence[str], birth: int) -> Sequence[Item]:
        """The elements of these kinds with this birth (`row.birth_of`)."""
        return await self.ask(lambda db: naming.born(db, kinds, birth))

    async def history(self, element: str) -> list[Revision]:
        """Every record about an element, oldest first, those that do not count too. From the archive."""
        wanted = ElementId.parse(element)
        speakers = dict(self._keeper.projection.speakers)
        return await self._archive.read(lambda reader: revisions_of(reader, wanted, speakers))

    async def details(self, elements: Sequence[str]) -> Mapping[str, Detail]:
        """All that the records of these elements say, for an export."""
        wanted = [ElementId.parse(element) for element in elements]
        return await self.ask(lambda db: details.details_of(db, wanted, self._keeper.known))

    async def occurrences(
        self, elements: Sequence[str], window: tuple[int, int]
    ) -> Mapping[str, Sequence[tuple[int, int]]]:
        """Every time that these elements happen between two seconds, for an agenda."""
        wanted = [ElementId.parse(element) for element in elements]
        return await self.ask(lambda db: details.occurrences_of(db, wanted, window))

    async def people_behind(self, elements: Sequence[str], most: int) -> Sequence[Item]:
        """Who is behind these elements, the most present first."""
        wanted = [ElementId.parse(element) for element in elements]
        return await self.ask(lambda db: details.people_behind(db, wanted, most))

    async def outlines(self) -> Sequence[OutlineView]:
        """The outlines of the territories known here, for a map."""
        return await self.ask(lambda db: details.outlines_of(db, self._keeper.known))

    async def territories(self) -> list[TerritoryView]:
        """The territories known here, by code, with how fresh and whole each is."""
        version = self.version
        if version is not None and self._territories and self._territories[0] == version:
            return self._territories[1]
        found = await self.ask(lambda db: territory_views(db, self._keeper.known, self._covered.lines))
        if version is not None and version == self.version:
            self._territories = version, found
        return found
