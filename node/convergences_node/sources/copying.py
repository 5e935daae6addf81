# SPDX-License-Identifier: AGPL-3.0-or-later
"""What another node says, taken in: each element a copy of this town's own, that says whose it is and which.

A copy names the log's territory as its source and the element's id there as its `source_id`, and keeps the licence. An
element that is known here through the network is not copied, and a copy that was made before is withdrawn when its
original arrives: nothing is here twice. A theme of a name that is known here is that theme. What an element names
(themes, ends of a relation) is named by what stands for it here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convergences_protocol.element import ElementId
from convergences_protocol.kinds import KINDS, Field, FieldType, check

from convergences_node.archive.beside import source_key
from convergences_node.imports.desk import Key
from convergences_node.imports.ready import Authoring, Ready
from convergences_node.imports.themes import names_of

from .spool import Name, Spool, Word

if TYPE_CHECKING:
    from convergences_node.archive.reader import ArchiveReader
    from convergences_node.imports.verb import TownDesk
    from convergences_node.town import Town

CHAIN = "convergences/"
"""Before the territory whose logs an element is from: its epochs come and go, and its elements stay."""
THEME = "theme"


class Copying:
    """One taking in, under way: `name_all`, then `write`."""

    def __init__(
        self,
        town: Town,
        desk: TownDesk,
        spool: Spool,
        said: Mapping[str, str],
        themes: Mapping[str, ElementId],
        dry: bool,
    ) -> None:
        """`said` is what the declaration says of every record that does not say it: licence, language, day."""
        self._town = town
        self._desk = desk
        self._spool = spool
        self._said = said
        self._themes = themes
        self.authoring = Authoring(town.archive, desk, dry)
        self.counts: Counter[str] = Counter(created=0, changed=0, unchanged=0, relations=0, themes=0, known=0)
        self.rows = 0

    # ------------------------------------------------------------------------------------- what stands for what
    async def name_all(self) -> None:
        """Find, for every element that is there, what stands for it here; make an id for what is new."""
        for page in self._spool.pages():
            await self._name(page)

    async def _name(self, page: Sequence[Word]) -> None:
        there = [word for word in page if word.fields is not None]
        ids = [ElementId.parse(word.element) for word in there]
        here = await self._town.archive.read(lambda reader: _known_here(reader, ids))
        known = await self._desk.known([key_of(word.element) for word in there])
        names = []
        for word in there:
            before, key = known.get(key_of(word.element)), source_key(*key_of(word.element))
            stands = word.element if word.element in here else None
            if stands is None and before is None:
                stands = self._theme_of(word)
            if stands is not None:
                names.append(Name(word.element, stands, key, False))
            else:
                new = before.element if before is not None else self._desk.new_id()
                names.append(Name(word.element, str(new), key, True))
        self._spool.name(names)

    def _theme_of(self, word: Word) -> str | None:
        """A theme of ours that has one of its names."""
        if word.kind != THEME or word.fields is None:
            return None
        found = next((self._themes[name] for name in names_of(word.fields) if name in self._themes), None)
        return None if found is None else str(found)

    async def _stands_for(self, element: str) -> str | None:
        """What stands for an element here; None for what is neither here nor on its way."""
        if (name := self._spool.named(element)) is not None:
            return name.here
        id_ = ElementId.parse(element)
        if await self._town.archive.read(lambda reader: _known_here(reader, [id_])):
            return element
        known = (await self._desk.known([key_of(element)])).get(key_of(element))
        return None if known is None or known.gone else str(known.element)

    # ------------------------------------------------------------------------------------- what is written
    async def write(self) -> None:
        """Author what is new or has changed."""
        for page in self._spool.pages():
            ready = [made for word in page if (made := await self._ready(word)) is not None]
            await self.authoring.author(ready, self._count, self.rows)

    async def _ready(self, word: Word) -> Ready | None:
        if word.fields is None:
            return None
        self.rows += 1
        name = self._spool.named(word.element)
        assert name is not None, "every element that is there was named"
        if not name.copied:
            self.counts["known"] += 1
            return None
        kind = KINDS[word.kind]
        source, source_id = key_of(word.element)
        fields = await self._fields(word.kind, word.fields)
        # Whose it is says the log it came from; where that town had it from, its own record says.
        given = {**self._said, **fields, "source": source, "source_id": source_id, "fetched": self._said["fetched"]}
        given = {field: value for field, value in given.items() if field in kind.by_name}
        if faults := check(kind, given):
            self.authoring.refuse(word.element, faults, self.rows)
            return None
        return Ready((source, source_id), word.kind, given, ElementId.parse(name.here))

    async def _fields(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields, naming what stands here for what they name; what nothing stands for is left as it is, where it
        is all that there is, for it may arrive yet."""
        made: dict[str, Any] = {}
        for name, value in fields.items():
            declared = KINDS[kind].by_name.get(name)
            if declared is None:
                continue
            made[name] = await self._named(declared, value) if declared.type is FieldType.ELEMENT else value
        return {name: value for name, value in made.items() if value != []}

    async def _named(self, declared: Field, value: Any) -> Any:
        if not declared.many:
            return await self._stands_for(str(value)) or value
        found = [await self._stands_for(str(each)) for each in value]
        return list(dict.fromkeys(each for each in found if each is not None))

    def _count(self, ready: Ready, what: str) -> None:
        self.counts[what] += 1
        if what == "created":
            self.counts["relations"] += ready.kind == "relation"
            self.counts["themes"] += ready.kind == THEME


def key_of(element: str) -> Key:
    """An element of another node, as a source and an id there."""
    return CHAIN + ElementId.parse(element).territory, element


def _known_here(reader: ArchiveReader, elements: Sequence[ElementId]) -> set[str]:
    """Those that the network has brought here: in whatever state, their own logs speak for them."""
    return {str(element) for element in elements if reader.current(element) is not None}
