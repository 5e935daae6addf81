# SPDX-License-Identifier: AGPL-3.0-or-later
"""What `relay.db` holds, row by row."""

from __future__ import annotations

from dataclasses import dataclass

RELAY = ""
"""Stands for the relay itself where an actor of ours is named; the others are named by their element's id."""


ELSEWHERE = "elsewhere"
"""Stands for the node of its own town, where an event was announced that is told there."""


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody who wants to be told."""

    actor: str
    target: str
    inbox: str
    host: str
    follow: str
    since: int


@dataclass(frozen=True, slots=True)
class Mark:
    """What was told of an event: by which records, in whose name, and when it is over (Unix seconds)."""

    mark: bytes
    owner: str
    last: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that an inbox is to be told. It says what it is about; what is said is written when it is sent."""

    number: int
    host: str
    inbox: str
    verb: str
    about: str
    owner: str


@dataclass(frozen=True, slots=True)
class Host:
    """A server that could not be reached: how many times in a row, since when, and when to try again."""

    host: str
    failures: int
    since: int
    due: int
