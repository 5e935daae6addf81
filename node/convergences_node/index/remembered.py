# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was made once for a question, and is the same until something is written: counts, and what they are made from.

Counts are the same on every page of an answer, in every order and in every view of it, and cost more than the page.
Where matches are many, counts are drawn from the elements whose rows end in the lowest bits (`sampling.py`): questions
that differ draw the same elements again and again, and of these a look at the tags is remembered; so is what the values
of filters are in the index, which are few.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Facets

COUNTS_KEPT_MAX = 128
"""Questions whose facets are remembered, some 10 KiB each."""
TAGS_KEPT_MAX = 32_000
"""Elements whose tags are remembered, some 200 bytes each: those that the lists of a town are counted from."""
GROUPS_KEPT_MAX = 4_000
"""Values of filters, stretches of lists and squares of places, of which this is remembered: some 300 bytes each."""
VALUES_MAX = 50
"""A filter of more values than this is not remembered: it is a région's, and seldom asked for."""

Tags = tuple[str, ...]
"""The tags of an element: the same texts for all, so that they are soon counted and take little room."""
TagsByRow = dict[int, Tags]


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked up in one version of the index. Any thread may read it and add to it."""

    tags: TagsByRow = field(default_factory=dict)
    """Of the elements that were counted."""
    groups: dict[tuple[str, tuple[str, ...]], dict[int, int]] = field(default_factory=dict)
    """By facet and values: their tags, each with how many elements have it."""
    stretches: dict[tuple[object, ...], tuple[int, int, int, int, int]] = field(default_factory=dict)
    """By list, dates and bound: what `dated.estimate` counted there, whatever else was asked for."""
    points: dict[tuple[tuple[int, ...], int, int], int] = field(default_factory=dict)
    """By kinds and square: how many points are there (`crowds.py`)."""
    lasts: bool = field(default=True, compare=False)
    """Whether another question may be given it."""

    @property
    def is_full(self) -> bool:
        """Whether to begin another one."""
        others = len(self.groups) + len(self.stretches) + len(self.points)
        return len(self.tags) > TAGS_KEPT_MAX or others > GROUPS_KEPT_MAX


class RememberedCounts:
    """Facets by question, for one version of the index after the other. A version of None is never remembered."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[int, Query], Facets] = OrderedDict()

    @staticmethod
    def asked(query: Query) -> Query:
        """The part of a question that its counts depend on."""
        return replace(query.without_page(), sort=None)

    def get(self, version: int | None, asked: Query) -> Facets | None:
        """What was counted, if nothing has changed since."""
        return None if version is None else self._found.get((version, asked))

    def keep(self, version: int | None, asked: Query, found: Facets) -> None:
        """Remember counts that were made of this version."""
        if version is None:
            return
        self._found[version, asked] = found
        self._found.move_to_end((version, asked))
        while len(self._found) > COUNTS_KEPT_MAX:
            self._found.popitem(last=False)


class RememberedLooks:
    """What was looked up, for one version of the index after the other."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._looked = Looked()

    def of(self, version: int | None) -> Looked:
        """What is remembered of this version; nothing while there is none. A thread that adds what it read of a later
        state does no harm: by then this version has passed, and its memory is not given to anybody again."""
        if version is None:
            return Looked(lasts=False)
        if version != self._version or self._looked.is_full:
            self._version, self._looked = version, Looked()
        return self._looked
