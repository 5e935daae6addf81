# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was made once for a question, and is the same until something is written: counts, and what they are made from.

Counts are the same on every page of an answer, in every order and in every view of it, and cost more than the page.
Where matches are many, counts are drawn from the elements whose rows end in the lowest bits (`sampling.py`): questions
that differ draw the same elements again and again, and of these a look at the tags is remembered.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Facets

COUNTS_KEPT_MAX = 128
"""Questions whose facets are remembered, some 10 KiB each."""
TAGS_KEPT_MAX = 8_000
"""Elements whose tags are remembered, some 250 bytes each: a 64th of half a million."""

TagsByRow = dict[int, str]
"""The tags of elements, as `elements` has them. Any thread may read it and add to it."""


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


class RememberedTags:
    """The tags of elements that were counted, for one version of the index after the other."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._found: TagsByRow = {}

    def of(self, version: int | None) -> TagsByRow:
        """What is remembered of this version; nothing while there is none. A thread that adds what it read of a later
        state does no harm: by then this version has passed, and its memory is not given to anybody again."""
        if version is None:
            return {}
        if version != self._version or len(self._found) > TAGS_KEPT_MAX:
            self._version, self._found = version, {}
        return self._found
