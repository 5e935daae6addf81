# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a spool of facts to the pairs that are worth a person's look, the surest first.

Promises: each pair once, whatever number of blocks it is in; at most PROPOSALS_MAX of them, the best ones, kept on the
disk meanwhile; progress by elements. What is `refused` is not proposed again as long as both records are the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import combinations

import msgspec

from convergences_node.same.facts import Facts
from convergences_node.same.scoring import Score, score
from convergences_node.same.spool import Spool
from convergences_node.small_files import open_passing

PROPOSALS_MAX = 10_000
"""More than a person looks at in a year."""
ROUGH_MIN = 45
"""Likeness of two names, of 100, below which they are not looked at closely: fast, and well below what would count."""
SCHEMA = "CREATE TABLE found (points INTEGER, a TEXT, b TEXT, said BLOB, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID"


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One of two elements, as a person needs it to decide."""

    id: str
    name: str
    source: str
    town: str
    state: str
    """The record that was compared, `origin/index`."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Two elements that may be one, and why."""

    one: End
    other: End
    score: Score


Decided = Callable[[Facts, Facts], bool]
"""Whether a person has decided about two elements already, as they are now."""


def proposals(spool: Spool, least: int, decided: Decided, tell: Callable[[int], None]) -> Iterator[Proposal]:
    """The pairs with at least so many points, the surest first. `tell` hears how many places of blocks are done."""
    db = open_passing(SCHEMA)
    db.execute("BEGIN")
    try:
        done = 0
        for key, members in spool.blocks():
            for one, other, said in _of_block(key, members, least):
                if not decided(one, other):
                    _keep(db, one, other, said)
            done += len(members)
            tell(done)
        yield from _best(db)
    finally:
        db.close()


def _of_block(key: str, members: list[Facts], least: int) -> Iterator[tuple[Facts, Facts, Score]]:
    """The pairs of a block. Those of one commune were compared in its own block; squares are for neighbours."""
    from rapidfuzz import fuzz

    is_square = "|near|" in key
    texts = [" ".join(one.names[0]) if one.names else "" for one in members]
    for (one, text), (other, other_text) in combinations(zip(members, texts, strict=True), 2):
        if is_square and one.area == other.area:
            continue
        if len(one.names) == len(other.names) == 1 and fuzz.token_set_ratio(text, other_text) < ROUGH_MIN:
            continue
        said = score(one, other)
        if said.points >= least:
            yield (one, other, said) if one.id < other.id else (other, one, said)


def _keep(db: sqlite3.Connection, one: Facts, other: Facts, said: Score) -> None:
    proposal = Proposal(one=_end(one), other=_end(other), score=said)
    encoded = msgspec.msgpack.encode(proposal)
    db.execute("INSERT OR IGNORE INTO found VALUES (?, ?, ?, ?)", (said.points, one.id, other.id, encoded))


def _end(one: Facts) -> End:
    return End(id=one.id, name=one.name, source=one.source, town=one.area, state=one.state)


def _best(db: sqlite3.Connection) -> Iterator[Proposal]:
    rows = db.execute("SELECT said FROM found ORDER BY points DESC, a, b LIMIT ?", (PROPOSALS_MAX,))
    for (said,) in rows:
        yield msgspec.msgpack.decode(said, type=Proposal)
