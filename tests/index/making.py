# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the index's tests are made of: logs by list, an index over them, and the state that a person would expect."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from convergences_node.archive.model import Entry
from convergences_node.index import store
from convergences_node.index.answering import answer, facets
from convergences_node.index.known import read_known
from convergences_node.index.masks import mask_of
from convergences_node.index.occurrences import Horizon
from convergences_node.index.projection import Projection, Speakers
from convergences_node.index.query import Query
from convergences_node.index.views import Answer, Facets, Item
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import territory_of
from convergences_protocol.record import author_record, author_withdrawal, read_body, read_header
from convergences_protocol.tiles import Slot

NOW = 1_790_000_000
"""The tests' clock, in September 2026."""
HORIZON = Horizon.around(NOW)
KEY = SigningKey.from_seed(sha256(b"an author").digest())
SAINT_DENIS, PIERREFITTE, STAINS, AGGLOMERATION = "FR-93066", "FR-93059", "FR-93072", "FR-200057867"


def origin_of(territory: str, epoch: int = 1) -> str:
    return f"convergences/{territory}/{epoch:016x}"


@dataclass
class Logs:
    """Some logs, each a list of entries, as an archive would give them."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    born: int = 0

    def new_id(self, territory: str) -> ElementId:
        """A fresh id; each is born a second after the last."""
        self.born += 1
        return ElementId.new(territory, 1_750_000_000_000 + self.born * 1000, self.dice.randbytes(10))

    def state(
        self, origin: str, kind: str, fields: Mapping[str, Any], element: ElementId | None = None, *, here: bool = True
    ) -> ElementId:
        """Append that an element (a new one, of the log's territory) is so."""
        element = element or self.new_id(territory_of(origin))
        previous = self._previous(element)
        made = author_record(KEY, element, kind, fields, salt=self.dice.randbytes(16), previous=previous, time=NOW)
        self.append(origin, made.header, made.body if here else None, Slot.HERE if here else Slot.WANTED)
        return element

    def withdraw(self, origin: str, element: ElementId, kind: str = "actor") -> None:
        """Append that an element is no more."""
        previous = self._previous(element) or bytes(32)
        made = author_withdrawal(KEY, element, kind, previous=previous, time=NOW)
        self.append(origin, made.header, None, Slot.NONE)

    def append(
        self, origin: str, header: bytes, body: bytes | None, slot: Slot, unreadable: str | None = None
    ) -> Entry:
        log = self.entries.setdefault(origin, [])
        log.append(Entry(origin, len(log), header, slot, body, unreadable))
        return log[-1]

    def erase(self, element: ElementId) -> None:
        """Take the bodies of an element away, as an archive does for an erasure."""
        for log in self.entries.values():
            for number, entry in enumerate(log):
                if about(entry) == element and entry.slot is not Slot.NONE:
                    log[number] = Entry(entry.origin, entry.index, entry.header, Slot.ERASED, None, None)

    def history(self, element: ElementId, origins: Sequence[str] | None = None) -> list[Entry]:
        """As `ArchiveReader.history`."""
        found = (entry for origin in origins or self.entries for entry in self.entries.get(origin, []))
        return [entry for entry in found if about(entry) == element]

    def _previous(self, element: ElementId) -> bytes | None:
        found = self.history(element)
        return found[-1].digest if found else None


def about(entry: Entry) -> ElementId | None:
    """The element of an entry, if it can be told."""
    try:
        return read_header(entry.header).element
    except Unreadable:
        return None


@dataclass
class Desk:
    """An index over some logs, without threads."""

    path: Path
    logs: Logs
    speakers: dict[str, list[tuple[str, int | None]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.projection = Projection(store.create(self.path), self.path, HORIZON)

    def hear(self, speakers: Speakers | None = None) -> None:
        """Let these logs speak; by default each log for its own territory."""
        if speakers is None:
            found: dict[str, list[tuple[str, int | None]]] = {}
            for origin in sorted(self.logs.entries):
                found.setdefault(territory_of(origin), []).append((origin, None))
            speakers = found
        self.projection.hear(speakers)

    def apply(self, origin: str, stop: int | None = None) -> None:
        """Take in a log up to `stop`."""
        start = self.projection.applied().get(origin, 0)
        entries = self.logs.entries[origin][start:stop]
        portions = [(self.projection.read(entries), b"")] if entries else []
        self.projection.apply(origin, territory_of(origin), portions)

    def catch_up(self, origins: Iterable[str] | None = None, speakers: Speakers | None = None) -> Desk:
        """Take in every log, in that order."""
        self.hear(speakers)
        for origin in origins or sorted(self.logs.entries):
            self.apply(origin)
        return self

    def revise(self, *elements: ElementId) -> None:
        self.projection.revise(self.projection.histories(elements, self.logs))

    def ask(self, query: Query | None = None, **params: str | Sequence[str]) -> Answer:
        query = query or Query.from_params(params)
        return answer(self.projection.db, query, read_known(self.projection.db), ())

    def facets(self, **params: str | Sequence[str]) -> Facets:
        return facets(self.projection.db, Query.from_params(params), read_known(self.projection.db))

    def all(self, query: Query) -> list[Item]:
        """Every item, page after page."""
        found: list[Item] = []
        cursor: str | None = None
        while True:
            params = [*query.to_params(), *([("cursor", cursor)] if cursor else [])]
            page = self.ask(Query.from_params(grouped(params)))
            found += page.items
            cursor = page.cursor
            if cursor is None:
                return found

    def names(self, **params: str | Sequence[str]) -> list[str]:
        return [item.name for item in self.ask(None, **params).items]

    def is_sound(self) -> None:
        """Full-text search holds the words of `states`, no more, no fewer; lists know all tags; the file is whole."""
        db = self.projection.db
        db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        masks = {row: mask_of(map(int, tags.split())) for row, tags in db.execute("SELECT row, tags FROM elements")}
        for table in ("dated", "points"):
            assert all(masks[row] == mask for row, mask in db.execute(f"SELECT row, mask FROM {table}"))

    def dump(self) -> dict[str, Any]:
        """All that the index says, without the numbers that two indexes of the same records may give differently."""
        db = self.projection.db
        tags = {number: (facet, value) for number, facet, value in db.execute("SELECT tag, facet, value FROM tags")}
        origins = dict(db.execute("SELECT log, origin FROM logs").fetchall())
        ids = dict(db.execute("SELECT row, id FROM elements").fetchall())
        elements = {
            id_: (kind, place, origins[log], idx, tuple(rest), sorted(tags[int(tag)] for tag in spaced.split()))
            for _, spaced, id_, kind, place, log, idx, *rest in db.execute("SELECT * FROM elements")
        }
        return {
            "elements": elements,
            "states": {ids[row]: rest for row, *rest in db.execute("SELECT row, a, b, c, digest, fields FROM states")},
            "cards": {ids[row]: card for row, card in db.execute("SELECT row, card FROM cards")},
            "withdrawn": sorted((i, p, origins[log], n) for i, p, log, n in db.execute("SELECT * FROM withdrawn")),
            "aside": sorted((origins[log], n, why) for log, n, why in db.execute("SELECT * FROM aside")),
            "wanted": sorted((origins[log], n) for log, n in db.execute("SELECT * FROM wanted")),
            "counts": {
                (tags.get(territory, territory), tags[tag]): n
                for territory, tag, n in db.execute("SELECT territory, tag, n FROM counts")
            },
            "dated": sorted(
                (tags[tag], span, a, ids[row], z) for tag, span, a, row, z, _ in db.execute("SELECT * FROM dated")
            ),
            "points": sorted(
                (tags[kind], band, lon, ids[row], lat)
                for kind, band, lon, row, lat, _ in db.execute("SELECT * FROM points")
            ),
            "occurrences": sorted((ids[row], a, z) for row, a, z in db.execute("SELECT * FROM occurrences")),
            "edges": sorted((ids[row], *rest[:3]) for row, *rest in db.execute("SELECT * FROM edges")),
            "territories": sorted((ids[row], *rest) for row, *rest in db.execute("SELECT * FROM territories")),
        }


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """URL parameters, those of one name together."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def states_of(logs: Logs, speakers: Speakers) -> Iterator[tuple[ElementId, str, dict[str, Any]]]:
    """What each element is, found by the plainest way: read everything, the last word counts."""
    found: dict[ElementId, tuple[str, dict[str, Any]] | None] = {}
    for territory, spoken in speakers.items():
        for origin, stop in spoken:
            for entry in logs.entries.get(origin, [])[:stop]:
                header = read_header(entry.header)
                if header.element is None or header.element.territory != territory or entry.unreadable:
                    continue
                if header.body_digest is None:
                    found[header.element] = None
                elif entry.body is not None:
                    found[header.element] = header.kind, read_body(header, entry.body)
    for element, state in sorted(found.items()):
        if state is not None:
            yield element, *state
