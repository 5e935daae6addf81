# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counts by facet. Which facets there are is read from the kinds' declarations, never listed by hand."""

from __future__ import annotations

import sqlite3
from collections import Counter

from convergences_node.index.filters import Conditions, Filter, check_rest, match
from convergences_node.index.known import Known
from convergences_node.index.views import FacetCount, Facets, Total

HIDDEN_FACETS = frozenset({"", "territory kind"})
"""Tags that exist for the search's own sake."""
VALUES_SHOWN_MAX = 100
"""Values of one facet in an answer, the most frequent ones."""
SAMPLE_MAX = 5_000
"""Matches whose tags are counted; beyond, counts are scaled from the newest ones."""


def count_facets(db: sqlite3.Connection, wanted: Filter, known: Known) -> Facets:
    """How many matches have each value of each facet."""
    if wanted.impossible or wanted.rows == ():
        return Facets(counts={}, total=Total(count=0))
    conditions = Conditions()
    conditions.add("words MATCH ?", match(wanted))
    check_rest(conditions, wanted)
    if wanted.rows is not None:
        conditions.add(f"e.row IN ({', '.join(map(str, wanted.rows))})")
    counter: Counter[str] = Counter()
    total = 0
    for (tags,) in db.execute(
        f"SELECT e.tags FROM words w CROSS JOIN elements e ON e.row = w.rowid WHERE {conditions.sql}"
        f" ORDER BY w.rowid DESC LIMIT {SAMPLE_MAX + 1}",
        conditions.values,
    ):
        counter.update(tags.split())
        total += 1
    exact = total <= SAMPLE_MAX
    return Facets(
        counts=_by_facet(db, {int(tag): n for tag, n in counter.items()}, known),
        total=Total(count=min(total, SAMPLE_MAX), exact=exact),
        exact=exact,
    )


def _by_facet(db: sqlite3.Connection, counts: dict[int, int], known: Known) -> dict[str, tuple[FacetCount, ...]]:
    found: dict[str, list[FacetCount]] = {}
    marks = ", ".join("?" * len(counts))
    for tag, facet, value in db.execute(f"SELECT tag, facet, value FROM tags WHERE tag IN ({marks})", list(counts)):
        if facet not in HIDDEN_FACETS and counts[tag] > 0:
            label = known.name_of(value) or known.theme_names.get(value)
            found.setdefault(facet, []).append(FacetCount(value=value, count=counts[tag], label=label))
    for values in found.values():
        values.sort(key=lambda value: (-value.count, value.value))
    return {facet: tuple(values[:VALUES_SHOWN_MAX]) for facet, values in sorted(found.items())}
