# SPDX-License-Identifier: AGPL-3.0-or-later
"""What belongs to what: a show to its festival, both to who carries them and to where they happen.

Followed when it is read, for a relation may arrive long after both of its ends; every walk is bounded in depth and in
number, and visits each element once.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

UP_OUT = ("part_of", "hosted_at", "member_of", "about")
"""What is the subject of these belongs to their object."""
CARRIES = ("organises",)
"""What is the object of these belongs to their subject, with all its parts: who carries it."""
JOINS = ("takes_part_in", "supports")
"""What is the object of these belongs to their subject, without its parts: a troupe that plays at a festival is not
behind the other troupes' shows."""
ALIKE = ("same_as", "continued_by")
"""One thing under two ids."""

DEPTH_MAX = 5
"""An article, its show, the show's festival, the festival's season, who carries that, what that is a member of."""
NODES_MAX = 600
"""Elements that one walk down visits: a large festival's programme, or a venue's years."""
ABOVE_MAX = 60
"""Elements above one that a walk up begins at."""
EDGES_MAX = 5_000
"""Relations that one statement reads: a venue that hosted more is one where the walk stops anyway."""
AT_ONCE = 250
"""Ids asked for in one statement."""

Ids = Iterable[bytes]


def below(db: sqlite3.Connection, *starts: bytes) -> tuple[Ids, bool]:
    """What belongs to an element, or to some, by whatever number of steps, themselves included; and whether that is
    all."""
    seen = dict.fromkeys(starts, True)
    border, joined = list(starts), []  # type: list[bytes], list[bytes]
    for _ in range(DEPTH_MAX):
        following: dict[bool, list[bytes]] = {True: [], False: []}
        for lower, is_carried in _down(db, border, joined):
            if seen.get(lower, False) or (lower in seen and not is_carried):
                continue
            if len(seen) > NODES_MAX:
                return seen.keys(), False
            seen[lower] = is_carried
            following[is_carried].append(lower)
        border, joined = following[True], following[False]
        if not border and not joined:
            break
    return seen.keys(), True


def _down(db: sqlite3.Connection, border: Ids, joined: Ids) -> Iterator[tuple[bytes, bool]]:
    """What belongs to these, one step below, and whether its own parts do too."""
    yield from ((lower, True) for _, _, lower in _edges(db, border, "object", (*UP_OUT, *ALIKE)))
    # Both ways from a subject are read in one statement; who is behind something has it with all its parts, so it is
    # told before what it only joins.
    behind = list(_edges(db, border, "subject", (*CARRIES, *ALIKE, *JOINS)))
    for is_joined in (False, True):
        yield from ((lower, not is_joined) for _, predicate, lower in behind if (predicate in JOINS) is is_joined)
    yield from ((lower, True) for _, _, lower in _edges(db, joined, "object", ("about",)))


def _up(db: sqlite3.Connection, nodes: Ids, near: bool) -> Iterator[tuple[bytes, bytes]]:
    """(what belongs to something, what it belongs to), one step above these; `near`: they are what is told about."""
    yield from edges_of(db, nodes, "subject", (*UP_OUT, *ALIKE))
    yield from edges_of(db, nodes, "object", (*CARRIES, *ALIKE, *(JOINS if near else ())))


def edges_of(db: sqlite3.Connection, nodes: Ids, end: str, predicates: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
    """(this end, other end) of the relations that these are an end of."""
    return ((this, other) for this, _, other in _edges(db, nodes, end, predicates))


def _edges(
    db: sqlite3.Connection, nodes: Ids, end: str, predicates: Sequence[str]
) -> Iterator[tuple[bytes, str, bytes]]:
    """The same, with the predicate between."""
    other = "subject" if end == "object" else "object"
    named = ", ".join("?" * len(predicates))
    for marks, some in portions(nodes):
        yield from db.execute(
            f"SELECT {end}, predicate, {other} FROM edges WHERE {end} IN ({marks}) AND predicate IN ({named}) LIMIT ?",
            [*some, *predicates, EDGES_MAX],
        ).fetchall()


def above(db: sqlite3.Connection, starts: Ids) -> Mapping[bytes, set[bytes]]:
    """What each of these belongs to, by whatever number of steps, itself included."""
    found = {each: {each} for each in starts}
    owners = {each: {each} for each in found}
    border = dict(owners)
    for step in range(DEPTH_MAX):
        following: dict[bytes, set[bytes]] = defaultdict(set)
        for lower, upper in _up(db, border, near=step <= 1):
            for start in border[lower] - owners.get(upper, set()):
                if len(found[start]) < ABOVE_MAX:
                    found[start].add(upper)
                    following[upper].add(start)
        for node, some in following.items():
            owners.setdefault(node, set()).update(some)
        border = following
    return found


def portions(values: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Question marks and values for one statement after the other, each value once."""
    every = list(dict.fromkeys(values))
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        yield ", ".join("?" * len(some)), some
