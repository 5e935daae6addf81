# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counts by facet. Which facets there are is read from the kinds' declarations, never listed by hand.

A territory's own counts are kept as records come and go, so its front page costs a look-up. Any other question is
counted over its matches, or, if they are many, over the newest of them.
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping

from convergences_node.index.filters import Filter, source
from convergences_node.index.known import Known
from convergences_node.index.reading import column_of, rows_of
from convergences_node.index.tables import ANYWHERE
from convergences_node.index.views import FacetCount, Facets, Total

HIDDEN_FACETS = frozenset({"", "territory kind"})
"""Tags that exist for the search's own sake."""
VALUES_SHOWN_MAX = 100
"""Values of one facet in an answer, the most frequent ones."""
SAMPLE_MAX = 2_500
"""Matches whose tags are counted: the newest ones. With more matches, counts are of these alone, and say so."""


def count_facets(db: sqlite3.Connection, wanted: Filter, known: Known) -> Facets:
    """How many matches have each value of each facet."""
    if wanted.impossible or wanted.rows == ():
        return Facets(counts={}, total=Total(count=0))
    if (kept := _kept(db, wanted, known)) is not None:
        return Facets(counts=_by_facet(db, kept, known), total=Total(count=wanted.count_max))
    found = source(wanted, joined=True)
    select = f"SELECT e.tags AS tags FROM {found.tables} WHERE {found.where} ORDER BY {found.row} DESC LIMIT ?"
    sample = column_of(db, "tags", select, [*found.values, SAMPLE_MAX + 1])
    exact = len(sample) <= SAMPLE_MAX
    counts = {int(tag): times for tag, times in Counter(" ".join(sample[:SAMPLE_MAX]).split()).items()}
    total = Total(count=min(len(sample), SAMPLE_MAX), exact=exact)
    return Facets(counts=_by_facet(db, counts, known), total=total, exact=exact)


def _kept(db: sqlite3.Connection, wanted: Filter, known: Known) -> dict[int, int] | None:
    """The counts that are kept, if the question is for all that is listed, anywhere or in one territory."""
    if wanted.text is not None or wanted.rest:
        return None
    territory = ANYWHERE
    for group in wanted.groups:
        if group.listed:
            continue
        if territory != ANYWHERE or len(group.tags) != 1 or group.tags[0] not in known.territory_tags.values():
            return None
        territory = group.tags[0]
    select = "SELECT tag, n FROM counts WHERE territory = ?"
    return dict(rows_of(db, ("tag", "n"), select, (territory,)))


def _by_facet(db: sqlite3.Connection, counts: Mapping[int, int], known: Known) -> dict[str, tuple[FacetCount, ...]]:
    found: dict[str, list[FacetCount]] = {}
    select = "SELECT tag, facet, value FROM tags WHERE tag IN (SELECT value FROM json_each(?))"
    for tag, facet, value in rows_of(db, ("tag", "facet", "value"), select, (json.dumps(list(counts)),)):
        if facet not in HIDDEN_FACETS and counts[tag] > 0:
            label = known.name_of(value) or known.theme_names.get(value)
            found.setdefault(facet, []).append(FacetCount(value=value, count=counts[tag], label=label))
    for values in found.values():
        values.sort(key=lambda value: (-value.count, value.value))
    return {facet: tuple(values[:VALUES_SHOWN_MAX]) for facet, values in sorted(found.items())}
