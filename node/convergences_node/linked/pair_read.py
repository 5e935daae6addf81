# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is read out of an archive of PAIR before it is anything here: elements, links between them, what is not held."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EXAMPLE_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Ref:
    """Another element, by its IRI."""

    iri: str


@dataclass(frozen=True, slots=True)
class Link:
    """A relation that is only said by a link between two elements."""

    subject: str
    predicate: str
    object: str


@dataclass(slots=True)
class Read:
    """An element as its statements say it."""

    iri: str
    kind: str
    identifier: str | None
    fields: dict[str, Any]
    links: list[Link] = field(default_factory=list)


class NotHeld:
    """What was said and cannot be held: how often, and an example of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def note(self, what: str, where: str, count: int = 1) -> None:
        """So many statements, or things, of this sort."""
        self._counts[what] += count
        self._examples.setdefault(what, where[:EXAMPLE_CHARACTERS_MAX])

    def to_json(self) -> list[dict[str, Any]]:
        """The most frequent first."""
        found = sorted(self._counts.items(), key=lambda each: (-each[1], each[0]))
        return [{"what": what, "count": count, "example": self._examples[what]} for what, count in found]
