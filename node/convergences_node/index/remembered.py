# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counts that were made once for a question, and are the same until something is written.

They are the same on every page of an answer, in every order and in every view of it, and cost more than the page.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.index.views import Facets

COUNTS_KEPT_MAX = 128
"""Questions whose facets are remembered, some 10 KiB each."""


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
