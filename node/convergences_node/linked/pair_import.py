# SPDX-License-Identifier: AGPL-3.0-or-later
"""An archive of PAIR, taken into a town: each thing that a kind can hold becomes an element, the rest is listed.

What this town's own node had written comes back under the ids that it had, as it was: an export is as good as a copy.
What others wrote is remembered by its address: to import again writes only what has changed, and what people have
edited, withdrawn or erased here since is left as they left it. What belongs to another town stays with that town.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault
from convergences_protocol.kinds import check

from convergences_node.imports.desk import Key
from convergences_node.imports.ready import Authoring, Ready
from convergences_node.linked.pair_elements import Reading
from convergences_node.linked.pair_graph import Graph, files_of
from convergences_node.linked.pair_read import Link, Read, Ref
from convergences_node.linked.pair_values import element_in
from convergences_node.linked.pair_words import KINDS_READ

if TYPE_CHECKING:
    from convergences_node.imports.importer import Tell
    from convergences_node.imports.verb import TownDesk
    from convergences_node.town import Town

BATCH = 250
OWN_SOURCE = "pair"
"""Under which an element of our own that comes back is remembered, where it names no source."""


async def import_pair(town: Town, path: Path, desk: TownDesk, tell: Tell, *, dry_run: bool) -> dict[str, Any]:
    """Import the file or folder and answer the report: that of `imports`, and `not_held`. Raises `LocalError` if a file
    cannot be read."""
    with Graph(files_of(path)) as graph:
        reading = Reading(graph, ZoneInfo(town.config.http.timezone))
        bringing = Bringing(town, desk, reading, dry_run)
        await bringing.name_all()
        return await bringing.write_all(tell)


class Bringing:
    """One import under way."""

    def __init__(
        self, town: Town, desk: TownDesk, reading: Reading, dry_run: bool, said: Mapping[str, str] | None = None
    ) -> None:
        """`said` is what every record says that does not say it itself: a licence, a language."""
        self._town, self._desk, self._reading, self._dry_run = town, desk, reading, dry_run
        self._territory = town.config.node.territory
        self._today = datetime.fromtimestamp(town.now(), UTC).strftime("%Y-%m-%d")
        self._ids: dict[str, ElementId] = {}
        self._links: list[tuple[Link, str]] = []
        self._taken: set[Key] = set()
        self._codes: set[str] = set()
        self.rows = 0
        self.authoring = Authoring(town.archive, desk, dry_run)
        self._said = said or {}
        self._counts = dict.fromkeys(("created", "changed", "unchanged", "relations", "themes"), 0)

    async def name_all(self) -> None:
        """Give every element its id: its own, that of an earlier import, or a new one."""
        await self._town.index.catch_up()
        identifiers = dict(self._reading.graph.texts("pair:identifier"))
        others: list[str] = []
        for iri in self._reading.kinds:
            named = element_in(f"/{identifiers[iri]}") if iri in identifiers else None
            if named is None:
                others.append(iri)
            else:
                self._ids[iri] = ElementId.parse(named)
        for start in range(0, len(others), BATCH):
            some = others[start : start + BATCH]
            known = await self._desk.known([_key_of(iri) for iri in some])
            for iri in some:
                found = known.get(_key_of(iri))
                self._ids[iri] = found.element if found else self._desk.new_id()
        self._codes = {each.code for each in await self._town.index.territories() if each.element is not None}

    def remembered(self) -> Iterator[Key]:
        """By what each thing of somebody else's is told again."""
        yield from (_key_of(iri) for iri, element in self._ids.items() if element.territory == self._territory)

    async def write_all(self, tell: Tell) -> dict[str, Any]:
        """Author everything that was named; the report."""
        elements = self._reading.elements()
        while batch := list(islice(elements, BATCH)):
            await self.write(batch)
            tell({"what": "import", "done": self.rows, "total": len(self._reading.kinds)})
        await self.write_links()
        return self.report()

    # -------------------------------------------------------------------------------------------------------- elements
    async def write(self, batch: Sequence[Read]) -> None:
        """Author what is new or has changed of some elements; keep the links that they make for later."""
        ready: list[Ready] = []
        for read in batch:
            self.rows += 1
            if (made := self._ready(read)) is not None:
                ready.append(made)
                source = made.key[0]
                self._links += [(link, source) for link in read.links]
        await self.authoring.author(ready, self._count, self.rows)

    def names(self) -> dict[str, str]:
        """What each element is called there, by the id that stands for it here."""
        labels = dict(self._reading.graph.texts("pair:label"))
        return {str(element): labels[iri] for iri, element in self._ids.items() if iri in labels}

    def judged(self, read: Read) -> tuple[dict[str, Any], list[Fault]] | None:
        """An element's fields with everything that they name found, and what is wrong with them; None if it is another
        town's, or a territory that this node describes itself."""
        kind, element = KINDS_READ[read.kind], self._ids[read.iri]
        is_own = read.identifier is not None
        if element.territory != self._territory:
            self._reading.not_held.note(f"element of {element.territory}", read.iri)
            return None
        fields = {name: found for name, value in read.fields.items() if (found := self._found(value)) not in (None, [])}
        if read.kind == "territory" and fields.get("code") in self._codes:
            self._counts["unchanged"] += 1  # a territory that this node describes is described by its own record
            return None
        if not is_own:
            source, source_id = _key_of(read.iri)
            given = {**self._said, "source": source, "source_id": source_id, "fetched": self._today}
            given = {name: value for name, value in given.items() if name in kind.by_name}
            fields = {**{name: value for name, value in given.items() if kind.by_name[name].accepts(value)}, **fields}
        return fields, check(kind, fields)

    def _ready(self, read: Read) -> Ready | None:
        """An element to be written; None if it is refused, or not ours to write."""
        if (judged := self.judged(read)) is None:
            return None
        fields, faults = judged
        if faults:
            self.authoring.refuse(read.iri, faults, self.rows)
            return None
        return Ready(self._key(read, fields), read.kind, fields, self._ids[read.iri])

    def _key(self, read: Read, fields: Mapping[str, Any]) -> Key:
        """What tells it again at the next import: of our own, the source that it names, if nobody else does."""
        if read.identifier is None:
            return _key_of(read.iri)
        key = str(fields.get("source", "")), str(fields.get("source_id", ""))
        if not all(key) or key in self._taken:
            key = OWN_SOURCE, read.identifier
        self._taken.add(key)
        return key

    def _found(self, value: Any) -> Any:
        """A value with the elements that it names; what is nowhere is left out and counted."""
        if isinstance(value, list):
            return [found for each in value if (found := self._found(each)) is not None]
        if not isinstance(value, Ref):
            return value
        element = self._ids.get(value.iri)
        return str(element) if element else element_in(value.iri)

    # ----------------------------------------------------------------------------------------------------------- links
    async def write_links(self) -> None:
        """Author the relations that are only said by links, both ends of which are here by now."""
        left = iter(self._links)
        while some := list(islice(left, BATCH)):
            ready = [self._relation(link, source) for link, source in some]
            await self.authoring.author(ready, self._count_relation, self.rows)

    def _relation(self, link: Link, source: str) -> Ready:
        subject, object_ = self._ids[link.subject], self._ids[link.object]
        source_id = f"{link.subject} {link.predicate} {link.object}"
        given = {"subject": str(subject), "predicate": link.predicate, "object": str(object_), "source": source,
                 "source_id": source_id, "fetched": self._today}  # fmt: skip
        kind = KINDS_READ["relation"]
        fields = {name: value for name, value in given.items() if kind.by_name[name].accepts(value)}
        return Ready((source, source_id), "relation", fields, None)

    def _count(self, ready: Ready, what: str) -> None:
        self._counts[what] += 1
        self._counts["themes"] += ready.kind == "theme" and what == "created"

    def _count_relation(self, _ready: Ready, what: str) -> None:
        self._counts["relations"] += what != "unchanged"

    def report(self) -> dict[str, Any]:
        """As `imports/report.py`, and what could not be held."""
        return {
            "dry_run": self._dry_run,
            "file": {"format": "pair", "encoding": "utf-8", "delimiter": ""},
            "rows": self.rows,
            **self._counts,
            "refused_count": self.authoring.refused_count,
            "refused": self.authoring.refused,
            "left_out_count": 0,
            "left_out": [],
            "edited": [],
            "not_held": self._reading.not_held.to_json(),
        }


def _key_of(iri: str) -> Key:
    """An address of somebody else's archive, as a source and an id there."""
    return urlsplit(iri).netloc[:100] or "linked data", iri
