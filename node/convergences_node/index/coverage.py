# SPDX-License-Identifier: AGPL-3.0-or-later
"""How fresh and how whole an answer is, log by log, and what is known of each territory."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from convergences_node.archive.model import LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.known import Known
from convergences_node.index.row import element_of
from convergences_node.index.views import Coverage, TerritoryView

LogProgress = Mapping[str, tuple[int, int]]
"""By origin: how many entries were taken in, and how many of them are kept aside."""


_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Covered:
    """The coverage beside answers, with its JSON: it changes once in some seconds, and goes out with every answer."""

    lines: tuple[Coverage, ...]
    encoded: tuple[bytes, ...]
    whole: msgspec.Raw

    @classmethod
    def of(cls, lines: tuple[Coverage, ...]) -> Covered:
        """These lines."""
        encoded = tuple(map(_encode, lines))
        return cls(lines, encoded, _listed(encoded))

    def concerned_json(self, codes: Collection[str] | None) -> msgspec.Raw:
        """The lines of these territories as JSON; all of them, if none are named (None)."""
        if codes is None:
            return self.whole
        pairs = zip(self.lines, self.encoded, strict=True)
        return _listed([encoded for line, encoded in pairs if line.territory in codes])


def _listed(encoded: Collection[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(encoded) + b"]")


def coverage_of(reader: ArchiveReader, progress: LogProgress, known: Known) -> tuple[Coverage, ...]:
    """One line a log that is kept here, in the order of territories."""
    lines = [_line(reader, state, progress, known) for state in reader.logs()]
    return tuple(sorted(lines, key=lambda line: (line.territory, line.origin)))


def _line(reader: ArchiveReader, state: LogState, progress: LogProgress, known: Known) -> Coverage:
    applied, unreadable = progress.get(state.origin, (0, 0))
    # A log's freshness is the time at which it last cosigned its own head: its cosigner's name is its origin.
    own = [row.time for row in reader.cosignatures(state.origin) if row.cosigner == state.origin]
    counting = {origin for origins in known.speakers.values() for origin in origins}
    return Coverage(
        territory=state.territory,
        origin=state.origin,
        name=known.name_of(state.territory),
        size=state.size,
        applied=applied,
        bodies_wanted=state.wanted,
        unreadable=unreadable,
        cosigned_at=max(own, default=None),
        own=state.own,
        counts=state.origin in counting,
    )


def territory_views(db: sqlite3.Connection, known: Known, coverage: Sequence[Coverage]) -> list[TerritoryView]:
    """The territories that a record describes, or that have a log, or elements."""
    counts = dict(
        db.execute(
            "SELECT h.value, c.n FROM counts c JOIN tags h ON h.tag = c.territory JOIN tags t ON t.tag = c.tag"
            " WHERE t.facet = '' AND t.value = 'listed'"
        ).fetchall()
    )
    codes = sorted({*known.facts, *counts, *(line.territory for line in coverage)})
    return [_view(db, code, known, counts.get(code, 0), coverage) for code in codes]


def _view(db: sqlite3.Connection, code: str, known: Known, count: int, coverage: Sequence[Coverage]) -> TerritoryView:
    facts = known.facts.get(code)
    row = db.execute("SELECT id FROM elements WHERE row = ?", (facts.row,)).fetchone() if facts else None
    type_ = (
        db.execute("SELECT json_extract(fields, '$.type') FROM states WHERE row = ?", (facts.row,)).fetchone()
        if facts
        else None
    )
    return TerritoryView(
        code=code,
        name=facts.name if facts else None,
        type=type_[0] if type_ else None,
        within=facts.within if facts else (),
        inside=tuple(known.inside.get(code, ())),
        former_names=facts.former_names if facts else (),
        former_codes=facts.former_codes if facts else (),
        successor=next(iter(known.heirs.get(code, ())), None),
        element=str(element_of(row[0])) if row else None,
        elements=count,
        coverage=tuple(line for line in coverage if line.territory == code),
    )
